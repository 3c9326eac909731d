"""The ledger's page: what may be signed anew, what is taken out of force, and what was."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path

import pytest

from engine import ProcessEngine, SettableClock, Settings
from engine.clock import SHANGHAI
from engine.shipped import DOC_TEMPLATES, PROCESSES
from tests.web.conftest import Visitor
from web import create_app
from web.play import Player

PASSWORD = "竹影-清风-2026-kvd"
ORGANISATION = Path(__file__).parents[2] / "web/demo/organisation.yaml"
MORNING = datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
SEEN = {"已阅": True}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation where 市发改局党委 has signed its letter."""
    home = tmp_path_factory.mktemp("ledgers")
    engine = ProcessEngine(Settings.from_environment({"LVZE_HOME": str(home)}), SettableClock(MORNING))
    engine.migrate()
    engine.create_authority()
    engine.load_demo(ORGANISATION.read_text("utf-8"), password=PASSWORD)
    for key in ("letter_renewal", "responsibility_letter"):
        files = [*(PROCESSES / key).iterdir(), *DOC_TEMPLATES.glob("*.docx")]
        engine.deploy({path.name: path.read_bytes() for path in files})
    admin = engine.authenticate("shaowenqing", PASSWORD)
    assert admin is not None
    play = Player(
        lambda: nullcontext(engine),
        people={person.name: person.id for person, _ in engine.people(by=admin.person_id, limit=200)},
        units={line.unit.short_name: line.unit.id for line in engine.units()},
    )
    play.start("responsibility_letter", "许知秋", unit="市直机关工委", 年度=2026, 依据文号="云委〔2026〕3号")
    play.do("许知秋", "draft", 发往=[play.units["市发改局党委"], play.units["科协侨联联合支部"]])
    play.do("沈若川", "review", 审核决定="通过")
    play.do("林思远", "issue", 签发决定="同意签发")
    play.do("高景行", "sign_back", **SEEN)
    engine.close()
    return home


@pytest.fixture
def engine(home: Path, tmp_path: Path) -> Iterator[ProcessEngine]:
    shutil.copytree(home, tmp_path / "home")
    settings = Settings.from_environment({"LVZE_HOME": str(tmp_path / "home")})
    engine = ProcessEngine(settings, SettableClock(MORNING))
    yield engine
    engine.close()


@pytest.fixture
def visit(engine: ProcessEngine) -> Callable[[str], Visitor]:
    def make(username: str) -> Visitor:
        visitor = Visitor(create_app(engine).test_client())
        assert visitor.sign_in(username, PASSWORD).status_code == 302
        return visitor

    return make


def replace_secretary(engine: ProcessEngine) -> None:
    units = {line.unit.short_name: line for line in engine.units()}
    admin = engine.authenticate("shaowenqing", PASSWORD)
    assert admin is not None
    ((successor, _),) = engine.people("苏望舒", by=admin.person_id)
    unit = units["市发改局党委"].unit.id
    engine.appoint(unit, "书记", successor.id, by=None, from_on=MORNING.date(), replacing=True)


def test_renewal_is_offered_to_the_issuer_and_begins_with_the_letter(
    engine: ProcessEngine, visit: Callable[[str], Visitor]
) -> None:
    clerk = visit("xuzhiqiu")
    clerk.get("/ledgers/letters")
    assert "书记已变更" not in clerk.page
    replace_secretary(engine)
    clerk.get("/ledgers/letters")
    assert clerk.page.count("书记已变更") == 2 and "高景行已不任原职" in clerk.page
    start = clerk.link("换签")
    clerk.get(start)
    assert "selected>2026年度党建工作责任书（市发改局党委）（高景行已不任原职）" in clerk.page
    assert 'value="2026-03-17"' in clerk.page, "what the address does not name keeps its default"
    entry = start.rpartition("=")[2]
    sent = {"责任书": entry, "签署期限": "2026-03-17"}
    assert clerk.post("/start/letter_renewal", {**sent, "责任书": "999"}).status_code == 422
    assert clerk.post("/start/letter_renewal", sent).status_code == 302
    engine.run_jobs()
    clerk.get("/ledgers/letters")
    assert "书记已变更" not in clerk.page, "it is under way"
    secretary = visit("linsiyuan")
    assert "换签：2026年度党建工作责任书（市发改局党委）" in secretary.page

    below = visit("liangshuyi")
    below.get("/start/letter_renewal")
    assert "目前没有需要换签的责任书" in below.page


def test_who_may_not_start_it_sees_who_does(engine: ProcessEngine, visit: Callable[[str], Visitor]) -> None:
    replace_secretary(engine)
    below = visit("suwangshu")
    below.get("/ledgers/letters")
    assert "书记已变更" in below.page and "由市直机关工委办理" in below.page and "确认作废" not in below.page


def test_a_letter_is_voided_with_a_reason_and_shown_on_demand(visit: Callable[[str], Visitor]) -> None:
    clerk = visit("xuzhiqiu")
    clerk.get("/ledgers/letters")
    actions = [
        part.split('"')[0] for part in clerk.page.split('action="')[1:] if "/void" in part.split('"')[0]
    ]
    assert len(actions) == 2
    assert clerk.post(actions[1], {"reason": ""}).status_code == 422
    assert "作废须写明原因" in clerk.page
    assert clerk.post(actions[1], {"reason": "接收单位有误。"}).status_code == 302
    clerk.get("/ledgers/letters?all=1")
    assert "作废原因：接收单位有误。" in clerk.page
    clerk.get("/ledgers/letters")
    assert "接收单位有误" not in clerk.page
    assert clerk.post(actions[1], {"reason": "再来一次"}).status_code == 409
    other = visit("gaojingxing")
    assert other.post(actions[0], {"reason": "不要了"}).status_code == 403
    recipient = visit("qiaozhiyuan")
    assert "/work-items/" not in recipient.page, "he is not asked any longer"
