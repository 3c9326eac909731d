"""The archive of an instance: sound as it was written, on any machine; whatever is changed in it is found and named."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import Certificate, load_pem_x509_certificates

from engine import (
    NotAllowed,
    NotFound,
    ProcessEngine,
    SettableClock,
    Settings,
    archive_verification,
    history,
    values,
)
from engine.archive_verification import ArchiveReport, verify
from engine.database import Database
from engine.documents import authority
from engine.documents.keys import SigningKey, held_in_memory
from engine.documents.package import write_stored
from engine.history import Event
from tests.documents import signers
from tests.documents.samples import LETTER
from tests.engine.conftest import NOW, World, organise
from tests.engine.drawing import draw, each, end, inner_start, node, ours, path, service, start, user
from tests.engine.test_operations_back import key, make_admin
from tests.engine.test_operations_signed import BASE, SLOT, feel, sign
from tests.engine.test_process_engine import FORM, begin, todo
from web.cli import main

Parts = dict[str, bytes]


@dataclass
class Archived:
    """An instance with two children and a letter that was signed, sent back, changed and signed anew."""

    home: Path
    engine: ProcessEngine
    world: World
    instance: int
    content: bytes
    trusted: list[Certificate]

    @property
    def parts(self) -> Parts:
        with zipfile.ZipFile(io.BytesIO(self.content)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def write(self) -> bytes:
        out = io.BytesIO()
        self.engine.archive(self.instance, out, by=None)
        return out.getvalue()


def diagram(world: World) -> bytes:
    data = "=" + feel(LETTER).replace('"中共云溪市财政局委员会"', "目标").replace('"', "&quot;")
    slots = f'=[{{"slot": "{SLOT}", "label": "颁发单位", "kind": "签名"}}]'.replace('"', "&quot;")
    rendered = service(
        "成文", "render", {"文件": "=result.document"}, template="责任书.docx", kind="责任书", title="责任书",
        data="DATA", slots="SLOTS", replaces="=文件",
    )  # fmt: skip
    signs = ours("signature", document="=文件", slot=SLOT)
    inner = inner_start("s2") + user("办", person="=谁") + end("e2") + path("s2", "办", "e2")
    drawn = draw(
        "p",
        start(),
        user("拟稿", ours("form", ref="f.form.json")),
        rendered,
        user("签", signs, ours("document", value="=文件"), person=f"={world.deputy}"),
        user("批", ours("document", value="=文件"), person=f"={world.secretary}"),
        node("subProcess", "每人", each(f"=[{world.clerk}, {world.other}]", item="谁") + inner),
        end(),
        path("start", "拟稿", "成文", "签", "批", "每人", "end"),
    )
    return drawn.replace(b"DATA", data.encode()).replace(b"SLOTS", slots.encode())


@pytest.fixture(scope="module")
def archived(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archived]:
    home = tmp_path_factory.mktemp("archive")
    shutil.copy(sqlite_template, home / "lvze.db")
    settings = Settings.from_environment({"LVZE_HOME": str(home)})
    world = organise(settings.database_url)
    clock = SettableClock(NOW)
    engine = ProcessEngine(settings, clock)
    engine.create_authority()
    instance = begin(engine, diagram(world), world.member, 责任书__docx=BASE, f__form__json=FORM)
    engine.complete(
        todo(engine, world.member)["拟稿"], data={"目标": "中共云溪市财政局委员会"}, by=world.member
    )
    engine.run_jobs()
    sign(engine, world)
    back = todo(engine, world.secretary)["批"]
    to = key(engine, back, world.secretary, "拟稿")
    engine.reject(back, by=world.secretary, opinion="单位名称写错了", to=to)
    engine.run_jobs()
    clock.set(NOW + timedelta(hours=1))
    engine.complete(
        todo(engine, world.member)["拟稿"], data={"目标": "中共云溪市林业局委员会"}, by=world.member
    )
    engine.run_jobs()
    sign(engine, world)
    engine.complete(todo(engine, world.secretary)["批"], by=world.secretary, opinion="同意印发")
    engine.run_jobs()
    engine.seal_history()
    engine.complete(todo(engine, world.clerk)["办"], by=world.clerk, opinion="已办")
    engine.run_jobs()
    made = Archived(home, engine, world, instance, b"", [])
    made.content = made.write()
    made.trusted = load_pem_x509_certificates(engine.authority_pem().encode())
    yield made
    engine.close()


def check(content: bytes, trusted: list[Certificate] | None = None) -> ArchiveReport:
    return verify(io.BytesIO(content), authority=trusted or [])


def written(parts: Parts) -> bytes:
    out = io.BytesIO()
    write_stored(out, parts.items())
    return out.getvalue()


def resigned(parts: Parts, signing: SigningKey) -> bytes:
    """The archive as whoever holds the key would have written it with these files."""
    manifest = json.loads(parts["manifest.json"])
    own = {"manifest.json", "manifest.sig"}
    manifest["files"] = {
        name: {**manifest["files"].get(name, {}), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in parts.items()
        if name not in own
    }
    text = json.dumps(manifest).encode()
    rest = {name: content for name, content in parts.items() if name not in own}
    return written(rest | {"manifest.json": text, "manifest.sig": signing.sign(text)})


@pytest.fixture(scope="module")
def house(archived: Archived) -> SigningKey:
    """The installation's own key, as somebody with the whole machine would hold it."""
    database = Database(archived.engine.settings.database_url)
    with database.read() as session:
        root = authority.root(session)
        assert root is not None
        return authority.open_key(session, root, archived.engine.settings.passphrase)


def test_an_archive_is_sound_and_holds_everything(archived: Archived) -> None:
    found = check(archived.content, archived.trusted)
    assert found.problems == [] and found.valid and found.vouched
    assert (found.instances, found.documents, found.signatures) == (3, 1, 3), (
        "both revisions' and the finished PDF's"
    )
    manifest = json.loads(archived.parts["manifest.json"])
    kinds = {file["kind"] for file in manifest["files"].values()}
    assert {"diagram", "form", "template", "document", "pdf", "signature", "handwriting", "picture"} <= kinds
    assert {"events", "checkpoint", "certificate", "facts"} <= kinds
    assert manifest["files"].keys() == archived.parts.keys() - {"manifest.json", "manifest.sig"}
    assert len(found.unsealed) == 1, "the child that went on after the last checkpoint"
    own = check(archived.content)
    assert own.valid and not own.vouched


def test_both_revisions_are_there_with_their_signatures(archived: Archived) -> None:
    ((name, facts),) = [(n, json.loads(c)) for n, c in archived.parts.items() if n.endswith("document.json")]
    first, second = facts["revisions"]
    assert (
        first["signatures"][0]["void_reason"] == "单位名称写错了"
        and second["signatures"][0]["voided_at"] is None
    )
    folder = name.rpartition("/")[0]
    for revision, unit in ((first, "财政局"), (second, "林业局")):
        content = archived.parts[f"{folder}/{revision['files']['docx']}"]
        report = archived.engine.verify(content)
        assert report.valid and len(report.signatures) == 1
        with zipfile.ZipFile(io.BytesIO(content)) as docx:
            assert f"云溪市{unit}委员会" in docx.read("word/document.xml").decode()


def test_the_same_state_gives_the_same_bytes(archived: Archived) -> None:
    assert archived.write() == archived.content


def test_any_changed_byte_is_found_and_named(archived: Archived) -> None:
    content = archived.content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
    for entry in (one for one in entries if one.file_size):
        at = entry.header_offset + 30 + len(entry.filename.encode()) + entry.file_size // 2
        changed = bytearray(content)
        changed[at] ^= 0x01
        found = check(bytes(changed), archived.trusted)
        assert any(entry.filename in problem for problem in found.problems), entry.filename
    structure = [entry.header_offset + 12 for entry in entries[::7]]  # a date
    start_of_directory = int.from_bytes(content[-6:-2], "little")
    for at in (*structure, *range(start_of_directory, len(content), 53), len(content) - 1):
        changed = bytearray(content)
        changed[at] ^= 0x10
        assert not check(bytes(changed), archived.trusted).valid, at
    assert (
        not check(content + b"x").valid and not check(b"x" + content).valid and not check(content[:-1]).valid
    )


def test_files_put_in_taken_out_or_renamed_are_named(archived: Archived) -> None:
    parts = archived.parts
    scan = next(name for name in parts if "handwriting" in name)
    less = {name: content for name, content in parts.items() if name != scan}
    assert any("被删去" in p and scan in p for p in check(written(less)).problems)
    assert any(
        "后来放进去" in p and "extra.txt" in p for p in check(written({"extra.txt": b"x"} | parts)).problems
    )
    moved = less | {"other.svg": parts[scan]}
    assert len(check(written(moved)).problems) >= 2
    for name in ("manifest.json", "manifest.sig"):
        assert not check(written({n: c for n, c in parts.items() if n != name})).valid


def test_an_archive_signed_by_somebody_else_is_not_this_houses(archived: Archived) -> None:
    """Everything consistent in itself, with another authority inside."""
    forger = signers.authority("履责电子签名证书机构")
    other = held_in_memory(forger.key, forger.certificate)
    parts = archived.parts | {"certificates/authority.pem": forger.certificate.public_bytes(Encoding.PEM)}
    found = check(resigned(parts, other), archived.trusted)
    assert any("不是所给的证书机构签的" in problem for problem in found.problems)


def events(parts: Parts, change: Callable[[list[dict[str, object]]], None]) -> Parts:
    """The archive's parts with the lines of the top instance changed."""
    name = min((n for n in parts if n.endswith("events.jsonl")), key=lambda n: int(n.split("/")[1]))
    lines = [values.loads(line) for line in parts[name].splitlines()]
    change(lines)
    return parts | {name: b"".join(values.dumps(line).encode() + b"\n" for line in lines)}


def test_records_that_were_rewritten_before_archiving_are_found(
    archived: Archived, house: SigningKey
) -> None:
    """Whoever holds the house's key may sign any manifest: chain, checkpoints and signatures are checked for themselves."""

    def reword(lines: list[dict[str, object]]) -> None:
        line = next(line for line in lines if line["code"] == "rejected")
        line["payload"] = {**line["payload"], "opinion": "同意"}  # type: ignore[dict-item]

    def cut(lines: list[dict[str, object]]) -> None:
        del lines[-1]

    def rewrite(lines: list[dict[str, object]]) -> None:
        """The whole chain anew."""
        reword(lines)
        previous = history.GENESIS
        for line in lines:
            event = Event(**line)
            line["payload_digest"] = history._digest(event.payload)
            line["previous"] = previous
            told = [
                event.stream,
                event.seq,
                event.at,
                event.code,
                event.person_id,
                event.post,
                event.element_id,
            ]
            line["hash"] = previous = history._chain(previous, [*told, line["payload_digest"]])

    for change, said in ((reword, "内容已被改动"), (cut, "末尾"), (rewrite, "检查点不符")):
        found = check(resigned(events(archived.parts, change), house), archived.trusted)
        assert any(said in problem for problem in found.problems), (said, found.problems)


def test_documents_that_were_exchanged_before_archiving_are_found(
    archived: Archived, house: SigningKey
) -> None:
    parts = archived.parts
    one, two = sorted(name for name in parts if name.endswith(".docx") and "revision" in name)
    found = check(resigned(parts | {one: parts[two], two: parts[one]}, house), archived.trusted)
    assert any(one in p for p in found.problems) and any(two in p for p in found.problems)
    facts = next(name for name in parts if name.endswith("document.json"))
    told = json.loads(parts[facts])
    del told["revisions"][0]
    found = check(resigned(parts | {facts: json.dumps(told).encode()}, house), archived.trusted)
    assert any("记录所见的文件" in problem for problem in found.problems), (
        "a revision that somebody acted on is gone"
    )
    xml = sorted(name for name in parts if name.endswith(".xml"))
    found = check(resigned(parts | {xml[0]: parts[xml[1]]}, house), archived.trusted)
    assert any(xml[0] in problem or "签名" in problem for problem in found.problems)


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", b"0" * 50_000_000)
        archive.writestr("manifest.sig", b"0")
    return out.getvalue()


def many() -> bytes:
    out = io.BytesIO()
    write_stored(out, ((f"{n}", b"") for n in range(archive_verification.MAX_FILES + 1)))
    return out.getvalue()


def deep() -> bytes:
    return written({"manifest.json": b"[" * 500_000, "manifest.sig": b""})


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"PK\x03\x04",
        lambda: b"x" * 1000,
        bomb,
        many,
        deep,
        lambda: written({"../manifest.json": b"{}", "manifest.json": b"{}", "manifest.sig": b""}),
        lambda: written({"a": b"", "A": b"", "manifest.json": b"{}", "manifest.sig": b""}),
        lambda: written({"C:\\x": b"", "manifest.json": b"{}", "manifest.sig": b""}),
        lambda: written({"manifest.json": b"{}", "manifest.sig": b""}),
        lambda: written(
            {"manifest.json": b'{"format": "lvze-archive", "version": 1, "files": 3}', "manifest.sig": b""}
        ),
        lambda: written({"manifest.json": b'{"format": "lvze-archive", "version": 99}', "manifest.sig": b""}),
    ],
)
def test_hostile_files_are_refused_with_a_sentence(content: Callable[[], bytes]) -> None:
    found = check(content())
    assert not found.valid and all(problem.endswith("。") for problem in found.problems)


@pytest.mark.parametrize(
    "junk", [b"", b"[]", b"{}", b"null", b'{"$datetime": "x"}', b"\xff", b"[" * 100_000, b'{"head": 1}']
)
def test_junk_in_any_file_is_told_and_breaks_nothing(
    archived: Archived, house: SigningKey, junk: bytes
) -> None:
    parts = archived.parts
    wanted = (
        "document.json",
        "events.jsonl",
        "instance.json",
        "definition.json",
        "revoked.json",
        "authority.pem",
    )
    for ending in (*wanted, "revision-1.docx"):
        name = next(n for n in parts if n.endswith(ending))
        found = check(resigned(parts | {name: junk}, house), archived.trusted)
        assert not found.valid or (ending, junk) == ("revoked.json", b"{}"), (ending, junk)


def test_who_takes_part_archives_and_nobody_else(archived: Archived) -> None:
    engine, world = archived.engine, archived.world
    database = Database(engine.settings.database_url)
    for person in (world.member, world.secretary, world.deputy):
        assert engine.may_archive(archived.instance, by=person)
    engine.archive(archived.instance, io.BytesIO(), by=world.member)
    with database.read() as session:
        (*_, last) = session.query(Event).filter_by(stream="archives")
        assert (last.code, last.person_id) == ("archived", world.member)
    with pytest.raises(NotFound):
        engine.archive(archived.instance, io.BytesIO(), by=world.branch_secretary)
    with pytest.raises(NotFound):  # of a child he does his part, of the whole he knows nothing
        engine.archive(archived.instance, io.BytesIO(), by=world.other)
    item = todo(engine, world.other)["办"]
    child = engine.work_item(item, by=world.other).item.instance_id
    engine.send_copies(child, work_item=item, by=world.other, persons=[world.branch_secretary])
    assert not engine.may_archive(child, by=world.branch_secretary)
    with pytest.raises(NotAllowed):
        engine.archive(child, io.BytesIO(), by=world.branch_secretary)
    assert engine.may_archive(archived.instance, by=make_admin(database, world.branch_secretary))


def test_from_the_command_line_without_a_database(
    archived: Archived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LVZE_HOME", str(archived.home))
    out = tmp_path / "归档.zip"
    run = CliRunner().invoke(
        main, ["archive", str(archived.instance), "-o", str(out)], catch_exceptions=False
    )
    assert run.exit_code == 0 and [one.name for one in tmp_path.iterdir()] == ["归档.zip"], run.output
    pem = tmp_path / "authority.pem"
    pem.write_text(archived.engine.authority_pem())
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("LVZE_HOME", str(elsewhere))
    run = CliRunner().invoke(main, ["verify", str(out), "--authority", str(pem)], catch_exceptions=False)
    assert run.exit_code == 0 and "归档包完整，没有被改动。" in run.output and "--authority" not in run.output
    run = CliRunner().invoke(main, ["verify", str(out), "--json"], catch_exceptions=False)
    assert run.exit_code == 0 and json.loads(run.output)["valid"] is True
    changed = bytearray(out.read_bytes())
    changed[len(changed) // 2] ^= 1
    out.write_bytes(changed)
    run = CliRunner().invoke(main, ["verify", str(out)], catch_exceptions=False)
    assert run.exit_code == 1 and "被改动" in run.output
    assert not elsewhere.exists()
