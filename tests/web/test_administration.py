"""The administration's pages, through the WSGI application, by an administrator and by somebody who is none."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from werkzeug.test import TestResponse

from engine import ProcessEngine, SettableClock, Settings
from engine.organisation.accounts import Account
from engine.working_time import KNOWN
from web import create_app

DEMO = Path(__file__).parents[2] / "web/demo/organisation.yaml"
PASSWORD = "竹影-清风-2026-kvd"


@pytest.fixture
def engine(settings: Settings) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(settings, SettableClock(datetime(2026, 3, 1, 1, 0, tzinfo=UTC)))
    engine.load_demo(DEMO.read_text("utf-8"), password=PASSWORD)
    yield engine
    engine.close()


def sign_in(engine: ProcessEngine, username: str) -> FlaskClient:
    app = create_app(engine)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    client = app.test_client()
    answer = client.post("/login", data={"username": username, "password": PASSWORD})
    assert answer.status_code == 302, answer.text
    return client


@pytest.fixture
def admin(engine: ProcessEngine) -> FlaskClient:
    return sign_in(engine, "shaowenqing")


@pytest.fixture
def by(engine: ProcessEngine) -> int:
    account = engine.authenticate("shaowenqing", PASSWORD)
    assert account is not None
    return account.person_id


def unit_id(engine: ProcessEngine, name: str) -> int:
    return next(line.unit.id for line in engine.units() if line.unit.short_name == name)


def account_of(engine: ProcessEngine, by: int, username: str) -> Account:
    return next(account for account in engine.accounts(by=by) if account.username == username)


def ok(answer: TestResponse, status: int = 200) -> str:
    assert answer.status_code == status, answer.text
    return answer.text


def test_only_administrators_come_in(engine: ProcessEngine) -> None:
    client = sign_in(engine, "linsiyuan")
    for path in ("units", "units/1", "people", "accounts", "import", "import/template.xlsx"):
        assert "系统管理员" in ok(client.get(f"/administration/{path}"), 403)
    ok(client.post("/administration/units", data={"kind": "党委"}), 403)


def test_the_tree_shows_who_leads_and_what_is_vacant(engine: ProcessEngine, admin: FlaskClient) -> None:
    page = ok(admin.get("/administration/", follow_redirects=True))
    for text in ("市直机关工委", "林思远", "空缺", "主持工作", "兼任", "云发改党"):
        assert text in page
    assert "林思远" in ok(admin.get("/administration/people?q=林"))
    assert "没有找到人员" in ok(admin.get("/administration/people?q=无此人"))


def test_a_change_of_secretary_is_seen(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    unit = unit_id(engine, "市发改局党委")
    path = f"/administration/units/{unit}/holdings"
    form = {"post": "书记", "person": "苏望舒", "mode": "正式", "from_on": "2026-03-01"}
    page = ok(admin.post(path, data=form), 409)
    assert "现由高景行担任" in page and 'value="苏望舒"' in page  # what was typed is kept
    page = ok(admin.post(path, data=form | {"replacing": "on"}, follow_redirects=True))
    assert "已任职" in page
    assert page.index("任职沿革") < page.rindex("高景行") and "2026年3月1日" in page
    secretary = engine.unit(unit, by=by).holdings[0]
    assert secretary.person is not None and secretary.person.name == "苏望舒"
    page = ok(admin.post(f"{path}/{secretary.id}/end", data={"on": "2026-03-01"}, follow_redirects=True))
    assert "任职已结束" in page and "空缺" in page


def test_wrong_fields_are_marked_and_what_was_typed_stays(admin: FlaskClient, engine: ProcessEngine) -> None:
    page = ok(
        admin.post(
            "/administration/units",
            data={"kind": "支部", "name": "", "short_name": "甲支部", "founded_on": "2026-01-01"},
        ),
        422,
    )
    assert 'aria-invalid="true"' in page and "请填写党组织全称" in page and 'value="甲支部"' in page
    assert "请填写日期" in ok(admin.post("/administration/units", data={"kind": "支部", "name": "乙"}), 422)
    page = ok(admin.post("/administration/people", data={"name": "某人", "phone": "35040219900101123X"}), 422)
    assert "身份证号" in page
    unit = unit_id(engine, "教研室支部")
    for person, said in (("查无此人", "没有找到"), ("", "请填写姓名")):
        form = {"post": "委员", "person": person, "from_on": "2026-03-01"}
        assert said in ok(admin.post(f"/administration/units/{unit}/holdings", data=form), 422)
    form = {"post": "委员", "person": "戴云舒", "from_on": "去年"}
    assert "日期请写成" in ok(admin.post(f"/administration/units/{unit}/holdings", data=form), 422)
    ok(admin.get("/administration/units/999"), 404)


def test_people_of_one_name_are_told_apart(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    unit = unit_id(engine, "教研室支部")
    for _ in range(2):
        ok(admin.post("/administration/people", data={"name": "王伟", "unit_id": unit, "kind": "预备"}), 302)
    form = {"post": "委员", "person": "王伟", "from_on": "2026-03-01"}
    page = ok(admin.post(f"/administration/units/{unit}/holdings", data=form), 422)
    assert "有 2 位王伟" in page
    (first, _), _second = engine.people("王伟", by=by)
    ok(admin.post(f"/administration/units/{unit}/holdings", data=form | {"person": f"#{first.id} 王伟"}), 302)
    assert "转正" in (page := ok(admin.get(f"/administration/people/{first.id}"))) and "委员" in page
    ok(admin.post(f"/administration/people/{first.id}/confirmation", data={"on": "2026-03-01"}), 302)
    other = unit_id(engine, "教育局机关支部")
    form = {"unit_id": str(other), "on": "2026-03-01"}
    page = ok(admin.post(f"/administration/people/{first.id}/membership", data=form, follow_redirects=True))
    assert "中共云岭市教育局机关支部委员会" in page
    page = ok(
        admin.post(
            f"/administration/people/{first.id}",
            data={"name": "王伟", "job_title": "教研员"},
            follow_redirects=True,
        )
    )
    assert "已保存" in page and 'value="教研员"' in page


def test_a_unit_is_founded_renamed_moved_and_dissolved(engine: ProcessEngine, admin: FlaskClient) -> None:
    committee = unit_id(engine, "市教育局党委")
    form = {
        "kind": "支部",
        "name": "中共云岭市第一中学支部委员会",
        "short_name": "一中支部",
        "parent_id": str(committee),
        "founded_on": "2026-01-01",
    }
    assert "已登记" in ok(admin.post("/administration/units", data=form, follow_redirects=True))
    path = f"/administration/units/{unit_id(engine, '一中支部')}"
    form = {"name": "中共云岭市实验中学支部委员会", "short_name": "实验中学支部", "on": "2026-03-01"}
    page = ok(admin.post(f"{path}/name", data=form, follow_redirects=True))
    assert "中共云岭市第一中学支部委员会（至 2026年3月1日）" in page
    branch = unit_id(engine, "教育局机关支部")
    assert "不能有下级" in ok(admin.post(f"{path}/superior", data={"parent_id": str(branch)}), 422)
    ok(admin.post(f"{path}/superior", data={"parent_id": str(unit_id(engine, "市直机关工委"))}), 302)
    page = ok(admin.post(f"/administration/units/{committee}/dissolution", data={"on": "2026-03-01"}), 409)
    assert "还有下级党组织" in page
    ok(admin.post(f"{path}/dissolution", data={"on": "2026-03-01"}), 302)
    assert "已撤销" in ok(admin.get(path))


def test_accounts_are_opened_reset_and_stopped(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    ok(admin.post("/administration/people", data={"name": "新同志"}), 302)
    ((person, _branch),) = engine.people("新同志", by=by)
    path = f"/administration/people/{person.id}/account"
    assert "已被使用" in ok(admin.post(path, data={"username": "linsiyuan"}), 409)
    page = ok(admin.post(path, data={"username": "xintongzhi", "is_designer": "on"}))
    password = page.split('<code id="password">')[1].split("<")[0]
    opened = engine.authenticate("xintongzhi", password)
    assert opened is not None and opened.is_designer and not opened.is_admin
    page = ok(admin.post(f"/administration/accounts/{opened.id}/password", data={"username": "xintongzhi"}))
    assert engine.authenticate("xintongzhi", password) is None
    assert engine.resume_session(opened.id, opened.session_version) is None
    ok(admin.post(f"/administration/accounts/{opened.id}", data={"disabled": "on"}), 302)
    assert "停用" in ok(admin.get("/administration/accounts"))
    own = account_of(engine, by, "shaowenqing")
    assert "不能停用自己" in ok(admin.post(f"/administration/accounts/{own.id}", data={}), 409)


def test_a_workbook_is_imported_or_every_bad_row_is_shown(engine: ProcessEngine, admin: FlaskClient) -> None:
    template = admin.get("/administration/import/template.xlsx")
    assert template.mimetype.endswith("spreadsheetml.sheet")
    book = load_workbook(BytesIO(template.data))
    book["人员"].append(["新同志", "教研室支部"])

    def upload() -> TestResponse:
        stream = BytesIO()
        book.save(stream)
        stream.seek(0)
        return admin.post("/administration/import", data={"workbook": (stream, "名册.xlsx")})

    assert "读取 1 行，新增 1，更新 0，未变 0" in ok(upload())
    assert "新增 0，更新 0，未变 1" in ok(upload())
    book["人员"].append(["甲", "没有的支部"])
    page = ok(upload(), 422)
    assert "没有导入任何内容" in page and "没有名为“没有的支部”的党组织" in page
    data = {"workbook": (BytesIO(b"not a workbook"), "名册.xlsx")}
    assert "不是 .xlsx 工作簿" in ok(admin.post("/administration/import", data=data), 422)
    assert "请选择要导入" in ok(admin.post("/administration/import", data={}), 422)


def test_closures_are_kept_on_a_page(engine: ProcessEngine, admin: FlaskClient) -> None:
    page = ok(admin.get("/administration/calendar"))
    assert '2026 年 <span class="tag good">已收录' in page and "09:00–12:00" in page
    flood = {"day": "2026-07-20", "kind": "closed", "reason": "山洪预警"}
    assert "请填写原因" in ok(admin.post("/administration/calendar", data={**flood, "reason": ""}), 422)
    ok(admin.post("/administration/calendar", data=flood), 302)
    assert "山洪预警" in ok(admin.get("/administration/calendar"))
    assert not engine.calendar().is_working(date(2026, 7, 20))
    ok(admin.post("/administration/calendar/removal", data=flood), 302)
    assert "山洪预警" not in ok(admin.get("/administration/calendar"))
    assert engine.calendar().is_working(date(2026, 7, 20))


def test_a_year_without_its_notice_is_a_warning(engine: ProcessEngine) -> None:
    assert isinstance(engine.clock, SettableClock)
    engine.clock.set(datetime(max(KNOWN) + 1, 2, 1, tzinfo=UTC))
    assert "今年的放假安排尚未收录" in ok(sign_in(engine, "shaowenqing").get("/administration/calendar"))
