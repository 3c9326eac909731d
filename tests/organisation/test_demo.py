from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from sqlalchemy import func, select
from sqlalchemy.orm import Session

import engine.organisation
from engine.errors import Invalid
from engine.organisation import accounts, demo, people, posts, units
from engine.organisation.accounts import Account
from engine.organisation.posts import Holding
from engine.organisation.workbook import SHEETS

TEXT = (Path(engine.organisation.__path__[0]).parents[1] / "web/demo/organisation.yaml").read_text("utf-8")
DAY = date(2026, 1, 5)


def test_the_demo_has_every_shape_that_the_work_meets(session: Session) -> None:
    demo.load(session, TEXT, on=DAY)
    shapes = {"->".join(u.kind for u in units.path(session, unit.id)) for _, unit in units.tree(session, DAY)}
    assert shapes >= {
        "党工委->党委->支部",
        "党工委->总支->支部",
        "党工委->支部",
        "党工委->联合支部",
        "党工委->党委->总支->支部",
    }
    named = {unit.short_name: unit for _, unit in units.tree(session, DAY)}
    acting = posts.secretary(session, named["发改局项目支部"].id, DAY)
    assert acting is not None
    assert (
        posts.capacity(acting, units.name_on(session, acting.unit_id, DAY).name)
        == "中共云岭市发展和改革局项目支部委员会主持工作的副书记"
    )
    assert posts.secretary(session, named["教研室支部"].id, DAY) is None
    both = [posts.secretary(session, named[name].id, DAY) for name in ("市档案馆总支", "档案馆管理支部")]
    assert both[0] is not None and both[1] is not None
    assert both[0].person_id == both[1].person_id
    assert sum(len(people.members(session, unit.id, date(2025, 12, 1))) for unit in named.values()) >= 45
    held = set(session.scalars(select(Holding.post)))
    assert held == set(posts.POSTS)
    issuing = [unit for _, unit in units.tree(session, DAY) if units.subordinates(session, unit.id, DAY)]
    assert all(unit.agency_code and posts.holders(session, unit.id, "党务干事", DAY) for unit in issuing)


def test_loading_twice_changes_nothing_and_accounts_open(session: Session, tmp_path: Path) -> None:
    password = demo.password(tmp_path)
    assert demo.password(tmp_path) == password
    assert (tmp_path / "secrets/demo-password").stat().st_mode & 0o777 == 0o600
    few = yaml.safe_load(TEXT)
    few["人员"] = [line for line in few["人员"] if line["姓名"] in ("邵文清", "许知秋")]
    few["任职"] = []
    for _ in range(2):
        announced = demo.load(session, yaml.safe_dump(few), on=DAY, password=password)
    assert [each.username for each in announced] == ["xuzhiqiu", "shaowenqing"]
    assert all(each.tries for each in announced)
    assert session.scalar(select(func.count()).select_from(Account)) == 2
    admin = accounts.authenticate(session, "shaowenqing", password, at=datetime(2026, 1, 5, tzinfo=UTC))
    assert admin is not None and admin.is_admin and not admin.is_designer


def test_the_file_uses_the_import_columns_and_nobody_twice() -> None:
    sheets = yaml.safe_load(TEXT)
    extra = {"人员": {"账号", "权限", "可试"}}
    for sheet, lines in sheets.items():
        known = {column.rstrip("*") for column in SHEETS[sheet]} | extra.get(sheet, set())
        assert not [line for line in lines if not line.keys() <= known]
    for column in ("姓名", "账号"):
        values = [line[column] for line in sheets["人员"]]
        assert len(values) == len(set(values)) >= 45


def test_a_bad_row_of_the_file_is_named(session: Session) -> None:
    with pytest.raises(Invalid, match="党组织第 1 行“类型”"):
        demo.load(session, "党组织: [{类型: 小组, 全称: 甲}]\n人员: []", on=DAY)
