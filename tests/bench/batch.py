"""A batch in the background: letters rendered, signed and sealed with one consent, their PDFs made and signed; LibreOffice beside it.

The jobs run in one thread with one rendering process, as on one core; documents a second are those of that one.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from sqlalchemy import func, select

from engine import Handwriting, Signing
from engine.documents import register
from engine.documents.register import Document
from engine.documents.revisions import Revision
from engine.jobs import Job
from engine.organisation import accounts
from tests.bench.documents import STROKES
from tests.bench.ground import Ground, ground
from tests.bench.report import Report
from tests.documents.samples import LETTER, template
from tests.engine.drawing import draw, end, ours, path, service, start, user

CONVERTED = 40  # by LibreOffice, in one run


def run(report: Report) -> None:
    count = 40 if report.quick else 1_000
    rows: list[list[object]] = []
    with ground("sqlite") as g:
        _deploy(g)
        instance = g.engine.start("batch", by=g.people[0], unit=g.branch)
        g.engine.correct_variables(
            instance.id, {"信": LETTER, "份": list(range(count))}, reason="样张", by=g.people[0]
        )
        _complete(g)
        rows.append(["rendered", count, *_rate(count, _operations(g))])
        _complete(g, Handwriting(STROKES))
        rows.append(["signed and sealed, with one consent", count, *_rate(count, _operations(g))])
        began = time.perf_counter()
        g.engine.run_jobs()
        rows.append(["PDF with two PAdES signatures", count, *_rate(count, time.perf_counter() - began)])
        rows.append(["in all", count, *_rate(count, sum(count / float(str(row[3])) for row in rows))])
        with g.engine._runtime.database.read() as session:
            made = select(func.count()).select_from(Revision).where(Revision.pdf_digest.is_not(None))
            assert session.scalar(made) == count
            documents = session.scalars(select(Document).order_by(Document.id).limit(CONVERTED))
            files = [register.package(session, one) for one in documents]
    if shutil.which("soffice"):
        rows.append(
            ["LibreOffice: the same .docx to PDF", len(files), *_rate(len(files), _libreoffice(files))]
        )
    report.table(
        "A batch of 3-page letters in the background, one worker and one renderer, SQLite",
        ["", "documents", "ms a document", "documents/s"],
        rows,
    )


def _rate(count: int, seconds: float) -> tuple[float, float]:
    return 1000 * seconds / count, count / seconds


def _deploy(g: Ground) -> None:
    slots = (
        '[{slot: "issuer", kind: "签名", label: "颁发单位"}, '
        '{slot: "issuer_seal", kind: "印章", label: "颁发单位印章", unit: unit.id}]'
    )
    each = f'=for 号 in 份 return {{title: "责任书" + string(号), data: 信, slots: {slots}, unit: unit.id, item: {{}}}}'
    process = draw(
        "batch",
        start(),
        user("draft"),
        service(
            "render", "render", {"责任书": "=result.documents"}, template="责任书.docx", kind="责任书", each=each
        ),
        user(
            "consent",
            ours("document", value="=责任书"),
            ours("signature", document="=责任书", slot="issuer", deferred="true"),
            ours("result", variable="签发"),
        ),
        service(
            "sign", "sign", {"签": "=result.signed"}, documents="=责任书", slot="issuer", authorization="=签发"
        ),
        service(
            "seal", "seal", {"印": "=result.sealed"},
            documents="=责任书", slot="issuer_seal", unit="=unit.id", authorization="=签发",
        ),
        end(),
        path("start", "draft", "render", "consent", "sign", "seal", "end"),
    )  # fmt: skip
    with g.engine._runtime.database.write() as session:
        accounts.create(
            session, person_id=g.people[0], username="secretary", password_hash="-", is_admin=True
        )
    g.engine.create_authority()
    g.engine.grant_demo_seal(g.branch, by=None)
    g.engine.deploy({"batch.bpmn": process, "责任书.docx": template("责任书")})


def _operations(g: Ground) -> float:
    """Run the service tasks; seconds that they took."""
    waiting = select(func.count()).select_from(Job).where(Job.kind == "operation")
    began = time.perf_counter()
    while True:
        with g.engine._runtime.database.read() as session:
            if not session.scalar(waiting):
                return time.perf_counter() - began
        if not g.engine.run_jobs(limit=1):
            with g.engine._runtime.database.read() as session:
                raise RuntimeError(session.scalars(select(Job.last_error)).first())


def _complete(g: Ground, handwriting: Handwriting | None = None) -> None:
    by = g.people[0]
    (row,) = g.engine.inbox(by=by)
    view = g.engine.work_item(row.item.id, by=by)
    shown = {document.id: document.digest for document in view.documents}
    signing = None if handwriting is None else Signing(handwriting=handwriting, shown=shown)
    g.engine.complete(row.item.id, by=by, data={}, signature=signing)


def _libreoffice(files: list[bytes]) -> float:
    """Seconds of one headless run over all of them, its start included."""
    with tempfile.TemporaryDirectory(prefix="lvze-bench-") as folder:
        paths = []
        for number, content in enumerate(files):
            paths.append(Path(folder) / f"{number}.docx")
            paths[-1].write_bytes(content)
        began = time.perf_counter()
        subprocess.run(
            [
                *("soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless"),
                *("--convert-to", "pdf", "--outdir", f"{folder}/out", *map(str, paths)),
            ],
            check=True,
            capture_output=True,
            timeout=600,
        )
        seconds = time.perf_counter() - began
        assert len(list(Path(folder, "out").glob("*.pdf"))) == len(files)
        return seconds
