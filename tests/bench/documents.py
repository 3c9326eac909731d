"""Documents: filling a Word template, signing, verifying, and the PDF, cold and warm. The shipped 责任书 with its sample data."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.documents import authority, pades, signing, verification
from engine.documents.handwriting import Handwriting
from engine.documents.pdf import Renderer
from engine.documents.signature_lines import Line, insert_signature_lines, line_id
from engine.documents.templates import Template
from tests.bench.ground import ground
from tests.bench.report import Report, p50, p95, timed
from tests.documents.samples import LETTER, template
from tests.documents.stamping import stamping

AT = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
STROKES = [[[x, 40 + 30 * ((x // 20) % 2)] for x in range(10, 300, 4)] for _ in range(3)]


def run(report: Report) -> None:
    content, samples = template("责任书"), 5 if report.quick else 30
    rows: list[list[object]] = []

    def measure(name: str, act: object, *, cold: float | None = None) -> None:
        times = [timed(act) for _ in range(samples)]  # type: ignore[arg-type]
        rows.append([name, "" if cold is None else cold, p50(times), p95(times)])

    slots = [slot for kind, slot in Template.load(content).slots if kind == "签名"]
    measure("compile the template", lambda: Template(content))
    compiled = Template(content)
    measure("fill", lambda: compiled.fill(LETTER), cold=timed(lambda: compiled.fill(LETTER)))
    filled = compiled.fill(LETTER)
    measure("signature lines, base package", lambda: insert_signature_lines(filled, [Line(s) for s in slots]))
    base = insert_signature_lines(filled, [Line(slot) for slot in slots])
    measure("picture of the handwriting", lambda: Handwriting(STROKES).picture("书记", date(2026, 3, 5)))
    with ground("sqlite") as g, g.engine._runtime.database.write() as session:
        passphrase = g.settings.passphrase
        if not authority.trusted(session):
            authority.create_authority(session, name="测试证书机构", passphrase=passphrase, at=AT)
        who = {"person_id": g.people[0], "name": "许长林", "passphrase": passphrase, "at": AT}
        issued = timed(lambda: authority.certificate_of(session, **who))  # type: ignore[arg-type]
        certificate = authority.certificate_of(session, **who)  # type: ignore[arg-type]
        opened = timed(lambda: authority.load_key(certificate, passphrase))
        measure("the signer's key", lambda: authority.load_key(certificate, passphrase), cold=issued + opened)
        key, trusted = authority.open_key(session, certificate, passphrase), authority.trusted(session)
    picture = Handwriting(STROKES).picture("书记", date(2026, 3, 5))

    def sign() -> bytes:
        return signing.signature_part(
            base, key=key, line_id=line_id(slots[0]), image_png=picture,
            capacity="党委书记", signer_name="许长林", comment="颁发单位", at=AT,
        )  # fmt: skip

    measure("sign", sign)
    parts = [sign()]
    measure("assemble", lambda: signing.assemble(base, parts))
    signed = signing.assemble(base, parts)
    assert verification.verify(signed, trusted=trusted).valid
    measure("verify", lambda: verification.verify(signed, trusted=trusted))
    renderer = Renderer()
    try:
        cold = timed(lambda: renderer.render(signed))
        measure("PDF", lambda: renderer.render(signed), cold=cold)
        printed = renderer.render(signed)
    finally:
        renderer.close()
    place = next(place for place in printed.places if place.key.startswith("line:"))
    field = pades.Field("1", "颁发单位", key, "许长林", "党委书记", "责任书", AT, place)
    with TemporaryDirectory() as folder, stamping(Path(folder)) as served:
        server = served.server()
        for name, given in (("B-B", None), ("B-LTA", server)):
            made = pades.sign(printed.pdf, [field], server=given).pdf
            measure(f"PAdES {name}", lambda given=given: pades.sign(printed.pdf, [field], server=given))
            assert verification.verify(made, trusted=trusted).valid
            measure(f"verify PAdES {name}", lambda made=made: verification.verify(made, trusted=trusted))
    report.table(
        f"Documents: 责任书, {len(signed) // 1024} KiB signed, {samples} each",
        ["", "cold ms", "p50 ms", "p95 ms"],
        rows,
    )
