"""The command line, as one types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from engine import Settings
from engine.database import Database
from engine.history import Event
from engine.shipped import DOC_TEMPLATES, PROCESSES
from web.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVZE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LVZE_DATABASE_URL", raising=False)
    return tmp_path / "home"


def lvze(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_an_expression() -> None:
    assert lvze("feel", "年度 + 1", "--context", '{"年度": 2026}').output == "2027\n"
    assert lvze("feel", 'date("2026-01-31") + duration("P1M")').output == "2026-02-28\n"
    wrong = lvze("feel", "1 +")
    assert wrong.exit_code == 1 and "错误：表达式" in wrong.output
    nothing = lvze("feel", '"a" + 1')
    assert (
        nothing.exit_code == 0
        and nothing.output.startswith("null\n")
        and len(nothing.output.splitlines()) > 1
    )
    assert lvze("feel", "x", "--context", "[1]").exit_code == 2


def test_a_decision() -> None:
    grade = PROCESSES / "quarterly_evaluation" / "grade.dmn"
    result = lvze("decide", grade, "等次", "--input", '{"评议得分": 55, "一票否决": false}')
    assert result.exit_code == 0 and result.output.strip() not in ("", "null")
    assert lvze("decide", grade, "没有的决策").exit_code == 1


@pytest.mark.parametrize("folder", sorted(path.name for path in PROCESSES.iterdir() if path.is_dir()))
def test_the_shipped_processes_lint_clean_and_deploy_once(folder: str) -> None:
    assert json.loads(lvze("lint", PROCESSES / folder, "--json").output) == []
    lvze("init")
    assert "第 1 版" in lvze("deploy", PROCESSES / folder).output, (
        "deploying the same again makes no new version"
    )


@pytest.mark.parametrize(
    "content",
    ["no xml", "<x/>", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', "<definitions/>"],
)
def test_a_bad_diagram_has_findings_and_no_traceback(tmp_path: Path, content: str) -> None:
    diagram = tmp_path / "bad.bpmn"
    diagram.write_text(content)
    said = lvze("lint", diagram)
    assert said.exit_code == 1 and "错误" in said.output
    findings = json.loads(lvze("lint", diagram, "--json").output)
    assert findings[0]["severity"] == "error" and findings[0]["rule"]
    lvze("init")
    refused = lvze("deploy", diagram)
    assert refused.exit_code == 1 and "未部署" in refused.output


def test_fill_a_template_and_verify_what_is_not_signed(tmp_path: Path) -> None:
    data = tmp_path / "data.json"
    data.write_text('{"年度": 2026}')
    out = tmp_path / "out.docx"
    lacking = lvze("render", DOC_TEMPLATES / "承诺书.docx", data, "-o", out)
    assert lacking.exit_code == 1 and "错误" in lacking.output and not out.exists()
    row = {"方面": "思想政治", "目标": "学习", "数量": "4 次", "质量": "有笔记", "时限": "全年"}
    full = {
        **dict.fromkeys(("姓名", "支部", "科室", "岗位", "入党时间", "支部意见", "监督方式"), "甲"),
        "年度": 2026,
        "承诺": [row],
        "书记": {"姓名": "乙", "职务": "书记"},
    }
    data.write_text(json.dumps(full, ensure_ascii=False), encoding="utf-8")
    assert lvze("render", DOC_TEMPLATES / "承诺书.docx", data, "-o", out).exit_code == 0
    said = lvze("verify", out)
    assert said.exit_code == 1 and "没有数字签名" in said.output
    assert json.loads(lvze("verify", out, "--json").output)["valid"] is False


def test_the_first_account() -> None:
    made = lvze("user", "add", "王管理", "wangguanli", "--admin")
    assert made.exit_code == 0 and "密码：" in made.output
    again = lvze("user", "add", "王管理", "wangguanli")
    assert again.exit_code == 1 and "Traceback" not in again.output


def test_accounts_are_listed_and_passwords_reset() -> None:
    first = lvze("user", "add", "邵文清", "shaowenqing", "--admin").output.split("：")[1]
    assert lvze("user", "list").output.split() == ["shaowenqing", "邵文清", "管理员"]
    reset = lvze("user", "password", "shaowenqing")
    assert reset.exit_code == 0 and reset.output.split("：")[1] != first
    unknown = lvze("user", "password", "nobody")
    assert unknown.exit_code == 1 and "没有账号“nobody”" in unknown.output


def test_a_changed_history_is_found(home: Path) -> None:
    lvze("user", "add", "邵文清", "shaowenqing")
    sound = lvze("audit", "verify")
    assert sound.exit_code == 0 and "没有被改动" in sound.output
    database = Database(Settings.from_environment().database_url)
    with database.write() as session:
        session.execute(update(Event).where(Event.code == "account-created").values(payload={"person": 2}))
    database.close()
    broken = lvze("audit", "verify")
    assert broken.exit_code == 1 and "accounts：第 1 条记录的内容已被改动。" in broken.output
    assert "发现 1 处问题" in broken.output


def test_the_authority_is_for_everybody() -> None:
    assert lvze("authority").output.startswith("-----BEGIN CERTIFICATE-----")


def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LVZE_PORT", "http")
    result = lvze("init")
    assert result.exit_code == 1 and "LVZE_PORT" in result.output
