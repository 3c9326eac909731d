"""The administration's pages on seals, certificates, delegations and incidents."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from PIL import Image, ImageDraw

from engine import ProcessEngine, SettableClock, Settings
from engine.shipped import DOC_TEMPLATES, PROCESSES
from tests.engine.drawing import boundary, defines, draw, end, named, path, service, start, user
from tests.web.test_administration import DEMO, PASSWORD, ok, sign_in, unit_id
from web.play import Player


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(datetime(2026, 3, 1, 1, 0, tzinfo=UTC))


@pytest.fixture
def engine(settings: Settings, clock: SettableClock) -> Iterator[ProcessEngine]:
    engine = ProcessEngine(settings, clock)
    engine.create_authority()
    engine.load_demo(DEMO.read_text("utf-8"), password=PASSWORD)
    yield engine
    engine.close()


@pytest.fixture
def admin(engine: ProcessEngine) -> FlaskClient:
    return sign_in(engine, "shaowenqing")


@pytest.fixture
def by(engine: ProcessEngine) -> int:
    account = engine.authenticate("shaowenqing", PASSWORD)
    assert account is not None
    return account.person_id


def picture(background: int = 0) -> io.BytesIO:
    image = Image.new("RGBA", (400, 400), (255, 255, 255, background))
    ImageDraw.Draw(image).ellipse((10, 10, 390, 390), outline=(230, 0, 18, 255), width=12)
    out = io.BytesIO()
    image.save(out, "PNG")
    out.seek(0)
    return out


def person_id(engine: ProcessEngine, by: int, name: str) -> int:
    ((person, _branch),) = engine.people(name, by=by)
    return person.id


def test_only_administrators_come_in(engine: ProcessEngine) -> None:
    client = sign_in(engine, "linsiyuan")
    unit = unit_id(engine, "市教育局党委")
    for page in ("seals", "certificates", "delegations", "incidents"):
        assert "系统管理员" in ok(client.get(f"/administration/{page}"), 403)
    for action in (
        f"seals/{unit}",
        f"seals/{unit}/withdrawal",
        "certificates/1/revocation",
        "incidents/1/retry",
        "incidents/1/completion",
        "incidents/1/error",
        "incidents/1/cancellation",
    ):
        ok(client.post(f"/administration/{action}", data={"demo": "1"}), 403)


def test_a_seal_is_drawn_for_the_demo_uploaded_and_withdrawn(
    engine: ProcessEngine, admin: FlaskClient
) -> None:
    unit = unit_id(engine, "市教育局党委")
    address = f"/administration/seals/{unit}"
    ok(admin.get(f"{address}.png"), 404)
    page = ok(admin.post(address, data={"demo": "1"}, follow_redirects=True))
    assert "印章已启用" in page and "演示专用</span>" in page
    assert admin.get(f"{address}.png").data.startswith(b"\x89PNG")
    assert "请选择印章图片" in ok(admin.post(address, data={}), 422)
    refused = ok(admin.post(address, data={"picture": (picture(255), "章.png")}), 422)
    assert "背景应透明" in refused and 'alt="市教育局党委印章"' in refused, "the former one is still in use"
    page = ok(admin.post(address, data={"picture": (picture(), "章.png")}, follow_redirects=True))
    assert "正式</span>" in page
    assert "不能再使用演示印章" in ok(admin.post(address, data={"demo": "1"}), 409)
    page = ok(admin.post(f"{address}/withdrawal", follow_redirects=True))
    assert "印章已停用" in page and "市教育局党委印章" not in page
    ok(admin.post(f"{address}/withdrawal"), 404)


def test_uses_of_a_seal_and_certificates_are_listed_and_revoked(
    engine: ProcessEngine, admin: FlaskClient, by: int
) -> None:
    assert "还没有用过印章" in ok(admin.get("/seals/uses"))
    engine.grant_demo_seal(unit_id(engine, "节能监察中心总支"), by=by)
    issue(engine, by)
    assert re.search(r">[1-9]\d* 次</td>", ok(admin.get("/administration/seals")))
    page = ok(admin.get("/seals/uses"))
    assert "第 1 次" in page and "关于印发2026年度党建工作责任书的通知" in page and "韩松年</td>" in page
    page = ok(admin.get("/administration/certificates"))
    assert "证书机构" in page and "中共云岭市节能监察中心总支部委员会" in page
    signer = person_id(engine, by, "韩松年")
    (own,) = [one for one in engine.certificates(by=by) if one.person_id == signer]
    assert own.serial in page
    address = f"/administration/certificates/{own.id}/revocation"
    assert "证书已吊销" in ok(admin.post(address, follow_redirects=True))
    assert "已经吊销" in ok(admin.post(address), 409)
    ok(admin.post("/administration/certificates/999/revocation"), 404)


def test_somebody_else_is_permitted_to_use_a_seal(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    unit = unit_id(engine, "市教育局党委")
    engine.grant_demo_seal(unit, by=by)
    given = {"unit": unit, "person_id": "许知秋", "reason": "印章由办公室代管"}
    assert "请写明授权的理由" in ok(
        admin.post("/administration/seals/permissions", data={**given, "reason": ""}), 422
    )
    page = ok(admin.post("/administration/seals/permissions", data=given, follow_redirects=True))
    assert "印章由办公室代管" in page
    ((permission, name),) = engine.seal_permissions(by=by)
    assert name == "许知秋"
    address = f"/administration/seals/permissions/{permission.id}/end"
    assert "今天起结束" in ok(admin.post(address, follow_redirects=True))
    assert engine.seal_permissions(by=by) == []
    ok(sign_in(engine, "linsiyuan").post(address), 403)
    assert "还没有用过印章" in ok(sign_in(engine, "linsiyuan").get("/seals/uses"))


def issue(engine: ProcessEngine, by: int) -> None:
    """节能监察中心总支 issues its letters: signed and sealed."""
    files = [*(PROCESSES / "responsibility_letter").iterdir(), *DOC_TEMPLATES.glob("*.docx")]
    engine.deploy({file.name: file.read_bytes() for file in files})
    play = Player(
        lambda: nullcontext(engine),
        people={person.name: person.id for person, _ in engine.people(by=by, limit=200)},
        units={line.unit.short_name: line.unit.id for line in engine.units()},
    )
    unit = "节能监察中心总支"
    play.start("responsibility_letter", "邹沐阳", unit=unit, 年度=2026, 依据文号="云发改党〔2026〕1号")
    play.do("邹沐阳", "draft")
    play.do("方雅南", "review", 审核决定="通过")
    play.do("韩松年", "issue", 签发决定="同意签发")


def test_a_delegation_is_entered_and_ended(engine: ProcessEngine, admin: FlaskClient, by: int) -> None:
    address = "/administration/delegations"
    form = {
        "from_person_id": "高景行",
        "to_person_id": "程立言",
        "from_on": "2026-03-01",
        "to_on": "2026-03-10",
        "reason": "赴外地学习",
    }
    page = ok(admin.post(address, data=form | {"to_person_id": "查无此人"}), 422)
    assert "没有找到" in page and 'id="e-f-to_person_id"' in page and 'value="赴外地学习"' in page
    assert "不能委托给自己" in ok(admin.post(address, data=form | {"to_person_id": "高景行"}), 422)
    assert "应晚于开始日期" in ok(admin.post(address, data=form | {"to_on": "2026-02-01"}), 422)
    page = ok(admin.post(address, data=form, follow_redirects=True))
    assert "已登记代理" in page and "代理中" in page
    assert "请先收回" in ok(admin.post(address, data=form | {"to_person_id": "罗维翰"}), 409)
    (made,) = engine.delegations(by=by)
    page = ok(admin.post(f"{address}/{made.id}/end", follow_redirects=True))
    assert "代理自今天起结束" in page and "已结束" in page
    assert "结束" in ok(admin.post(f"{address}/{made.id}/end"), 409)


def test_an_incident_shows_its_real_error_and_is_tried_again(
    engine: ProcessEngine, admin: FlaskClient, clock: SettableClock, by: int
) -> None:
    assert "没有异常" in ok(admin.get("/administration/incidents"))
    nodes = (start(), service("look", "lookup", unit="=404"), end("end"))
    diagram = draw("broken", *nodes, path("start", "look", "end"), name="查询单位")
    engine.deploy({"broken.bpmn": diagram})
    engine.start("broken", by=person_id(engine, by, "高景行"))
    for _ in range(5):
        engine.run_jobs()
        clock.advance(timedelta(minutes=2))
    page = ok(admin.get("/administration/incidents"))
    assert "查询单位" in page and "没有编号为 404 的党组织" in page
    (incident,) = engine.incidents(by=by)
    page = ok(admin.post(f"/administration/incidents/{incident.id}/retry", follow_redirects=True))
    assert "已重新安排" in page and "没有异常" in page
    ok(admin.post(f"/administration/incidents/{incident.id}/retry"), 404)


def stopped(engine: ProcessEngine, by: int, clock: SettableClock) -> tuple[int, int]:
    """An instance whose automatic step has stopped, and its incident."""
    called = service("look", "lookup", {"下属": "=result.subordinates", "数量": "=1"}, unit="=404")
    caught = boundary("错", "look", defines("error", "E"))
    parts = (
        start(),
        called,
        user("后", person=f"={by}"),
        caught,
        end("end"),
        path("start", "look", "后", "end"),
    )
    extra = named("error", "E", "查不到")
    diagram = draw("broken", *parts, path("错", "后"), name="查询单位", extra=extra)
    engine.deploy({"broken.bpmn": diagram})
    instance = engine.start("broken", by=person_id(engine, by, "高景行")).id
    for _ in range(5):
        engine.run_jobs()
        clock.advance(timedelta(minutes=2))
    (incident,) = engine.incidents(by=by)
    return instance, incident.id


def test_an_incident_is_done_by_hand_with_a_reason(
    engine: ProcessEngine, admin: FlaskClient, clock: SettableClock, by: int
) -> None:
    instance, incident = stopped(engine, by, clock)
    address = f"/administration/incidents/{incident}"
    page = ok(admin.get(address))
    assert "没有编号为 404 的党组织" in page and "no-unit" in page and "下属" in page
    assert "<dt>单位</dt>" in page and "查询" in page and "<dt>unit" not in page
    form = {"output-数量": "5 + 1", "output-下属": '[{"name": "甲"}]', "reason": ""}
    assert "请填写处理理由" in ok(admin.post(f"{address}/completion", data=form), 422)
    page = ok(
        admin.post(f"{address}/completion", data=form | {"output-数量": "五个", "reason": "电话问过"}), 422
    )
    assert "文字要加双引号" in page and 'value="五个"' in page and 'value="电话问过"' in page
    form |= {"reason": "电话问过"}
    page = ok(admin.post(f"{address}/completion", data=form, follow_redirects=True))
    assert "流程继续" in page and "没有异常" in page
    found = engine.instance(instance, by=by).variables
    assert found["数量"] == 6 and found["下属"] == [{"name": "甲"}]
    page = ok(admin.get(f"/instances/{instance}"))
    assert "人工办理了自动步骤" in page and "电话问过" in page and "等待管理员处理" in page
    ok(admin.get(address), 404)


def test_an_incident_is_thrown_or_ends_the_instance(
    engine: ProcessEngine, admin: FlaskClient, clock: SettableClock, by: int
) -> None:
    instance, incident = stopped(engine, by, clock)
    address = f"/administration/incidents/{incident}"
    page = ok(admin.post(f"{address}/error", data={"code": "别的", "reason": "停机"}), 409)
    assert "没有被任何边界事件捕获" in page and 'value="停机"' in page
    assert "请填写错误代码" in ok(admin.post(f"{address}/error", data={"code": " ", "reason": "停机"}), 422)
    page = ok(
        admin.post(f"{address}/error", data={"code": "查不到", "reason": "停机"}, follow_redirects=True)
    )
    assert "处理它的路径" in page
    assert "把自动步骤转到错误处理（查不到）" in ok(admin.get(f"/instances/{instance}"))
    instance, incident = stopped(engine, by, clock)
    address = f"/administration/incidents/{incident}/cancellation"
    assert "请填写处理理由" in ok(admin.post(address, data={"reason": ""}), 422)
    assert "已撤销" in ok(admin.post(address, data={"reason": "不办了"}, follow_redirects=True))
    assert engine.instance(instance, by=by).instance.outcome == "cancelled"
