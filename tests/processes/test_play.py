"""The play of a whole year leaves documents that a stranger can verify."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from engine import ProcessEngine, SettableClock, Settings
from engine.database import Database
from engine.documents import standard, verification
from engine.documents.pdf import Renderer
from engine.history import Event
from tests.processes.conftest import MORNING, ORGANISATION, prepare
from web.play import play

OFFICIAL, HUNG = ("关于印发", "关于表彰"), ("承诺监督牌", "荣誉证书")


def profile(name: str) -> str:
    if any(kind in name for kind in HUNG):
        return "牌证"
    return "法定公文" if any(kind in name for kind in OFFICIAL) and "审批单" not in name else "其他文书"


def test_the_play_writes_every_document_signed_and_as_the_standard_wants_it(
    tmp_path: Path, renderer: Renderer
) -> None:
    clock = SettableClock(MORNING)
    engine = ProcessEngine(Settings.from_environment({"LVZE_HOME": str(tmp_path / "home")}), clock)
    prepare(engine)
    said: list[str] = []
    written = play(engine, clock, ORGANISATION.read_text(encoding="utf-8"), tmp_path / "out", said.append)
    engine.close()
    with Database(engine.settings.database_url).read() as session:
        codes = {event.code: event.payload for event in session.scalars(select(Event))}
    assert codes["decided"]["warnings"] == []
    assert "warned" not in codes, codes["warned"]  # every condition of the shipped processes is true or false

    docx = [path for path in written if path.suffix == ".docx"]
    assert len(written) == 2 * len(docx)
    kinds = {"责任书（": 14, "关于印发": 5, "承诺书": 2, "整改通知书": 1, "审批单": 6, "承诺监督牌": 2, "述职报告": 1,
             "的公示": 1, "关于表彰": 1, "荣誉证书": 1}  # fmt: skip
    assert {kind: sum(kind in path.name for path in docx) for kind in kinds} == kinds
    assert len(docx) == sum(kinds.values())
    unsigned = [path for path in docx if not verification.verify(path.read_bytes()).signatures]
    # Notices carry a seal and no signature; two of the issuing units own none. Forms and plaques are nobody's act.
    bare = [path.name.partition(" ")[2][:3] for path in unsigned]
    assert {name: bare.count(name) for name in bare} == {"关于印": 2, "审批单": 6, "承诺监": 2}
    assert all(verification.verify(path.read_bytes()).valid for path in docx if path not in unsigned)
    assert all(path.read_bytes().startswith(b"%PDF-") for path in written if path.suffix == ".pdf")
    assert any("三级之下" in sentence for sentence in said)
    firsts = {next(path for path in docx if kind in path.name) for kind in kinds}
    for path in docx:
        content, official = path.read_bytes(), profile(path.name) == "法定公文"
        assert standard.profile_of(content) == profile(path.name), path.name
        # Of what is alike, one is laid out.
        found = standard.check(
            content, layout=renderer.render(content) if official or path in firsts else None
        )
        assert [(one.clause, one.place, one.found, one.wanted) for one in found] == [], path.name
