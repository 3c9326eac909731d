"""The command line, as one types it."""

from __future__ import annotations

import json
import re
import socket
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from engine import ProcessEngine, Settings
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


def test_the_demo_opens_with_something_to_see_to_do_and_to_verify(home: Path, tmp_path: Path) -> None:
    first, second = lvze("demo").output, lvze("demo").output
    assert first.splitlines()[0].startswith("正在准备演示内容") and first.splitlines()[0].endswith("完成。")
    assert second in first and "正在准备" not in second, "once, with the same accounts and password"
    engine = ProcessEngine(Settings.from_environment())
    ids = {account.person.name: account.person_id for account in engine.accounts(by=None)}
    (notice,) = engine.noticeboard(by=None)
    assert notice.sections["姓名"].startswith("叶青禾") and "参加理论学习" in notice.sections["目标任务"]
    (waiting,) = engine.inbox(by=ids["陆远帆"])
    assert waiting.item is not None and waiting.item.title.startswith("审核承诺：白晓岚")
    tried = re.findall(r"^  [a-z]+ +(\w+)：", first, re.MULTILINE)
    assert "范承志" in tried and all(engine.inbox_counts(by=ids[name])["started"] == 0 for name in tried)
    (document,) = engine.documents(by=ids["叶青禾"])
    letter = tmp_path / "letter.docx"
    letter.write_bytes(engine.document_file(document.id, by=ids["叶青禾"]))
    engine.close()

    sound = lvze("verify", letter)
    assert sound.exit_code == 0 and "叶青禾" in sound.output and "陆远帆" in sound.output
    with zipfile.ZipFile(letter) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace("4篇".encode(), "1篇".encode())
    with zipfile.ZipFile(letter, "w") as package:
        for name, content in parts.items():
            package.writestr(name, content)
    changed = lvze("verify", letter)
    assert changed.exit_code == 1 and "改动" in changed.output and "没有通过验证" in changed.output
    letter.write_bytes(b"no docx")
    assert lvze("verify", letter).exit_code == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LVZE_PORT", "http"),
        ("LVZE_PORT", "65536"),
        ("LVZE_WORKERS", "-1"),
        ("LVZE_SECRET_KEY", "short"),
        ("LVZE_PASSPHRASE", "short"),
        ("LVZE_DATABASE_URL", "lvze"),
        ("LVZE_DATABASE_URL", "mysql://localhost/lvze"),
        ("LVZE_DATABASE_URL", "postgresql://lvze:geheim@127.0.0.1:1/lvze"),
        ("LVZE_DATABASE_URL", "sqlite:////no/such/folder/lvze.db"),
        ("LVZE_DATABASE_URL", f"sqlite:///{__file__}"),
        ("LVZE_HOME", __file__),
    ],
)
def test_a_bad_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    result = lvze("init")
    assert result.exit_code == 1 and result.output.startswith("错误：") and name in result.output
    assert "geheim" not in result.output


def test_another_passphrase_than_the_keys_is_refused_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    lvze("init")
    monkeypatch.setenv("LVZE_PASSPHRASE", "x" * 32)
    for command in (["serve"], ["init"]):
        monkeypatch.setenv("LVZE_PORT", str(_free_port()))
        result = lvze(*command)
        assert result.exit_code == 1 and "LVZE_PASSPHRASE" in result.output


def test_a_taken_port_is_named_before_anything_is_done(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setenv("LVZE_PORT", str(port))
        result = lvze("serve", "--demo")
    assert result.exit_code == 1 and result.output.startswith(f"错误：端口 {port} 已被占用")
    assert f"Port {port} is in use" in result.output and "LVZE_PORT" in result.output
    assert not (home / "lvze.db").exists()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_an_address_that_is_not_this_machines_is_named(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("LVZE_HOST", host)
    monkeypatch.setenv("LVZE_PORT", str(_free_port()))
    result = lvze("serve")
    assert result.exit_code == 1 and result.output.startswith("错误：") and "LVZE_HOST" in result.output


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
