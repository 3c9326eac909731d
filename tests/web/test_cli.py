"""The command line, as one types it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import zipfile
from pathlib import Path

import docx
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from engine import ProcessEngine, Settings, SystemClock
from engine.clock import local
from engine.database import Database
from engine.documents.templates import Template
from engine.history import Event
from engine.shipped import DOC_TEMPLATES, PROCESSES
from tests.documents.samples import SAMPLES, template
from web.cli import main

MODELS = Path(__file__).parent.parent / "dmn" / "models"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LVZE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LVZE_DATABASE_URL", raising=False)
    return tmp_path / "home"


def lvze(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_an_expression_is_json_in_and_out() -> None:
    assert lvze("feel", "年度 + 1", "--context", '{"年度": 2026}').stdout == "2027\n"
    assert lvze("feel", 'date("2026-01-31") + duration("P1M")').stdout == '"2026-02-28"\n'
    assert lvze("feel", "-1 + 2").stdout == "1\n"
    everything = """{文字: "引\\"号", 数: 0.1 + 0.2, 大: 10 ** 32 + 0.5, 无: null, 真: 1 < 2, 日: @"2026-04-30",
        时刻: @"10:00:00", 时间: @"2026-04-30T10:00:00+08:00", 时长: @"PT3H", 月: @"P1Y2M", 段: [1..3], 函数: function(x) x,
        表: [1, [], {}], 类: 履责.类}"""
    printed = lvze("feel", everything, "--context", '{"履责": {"类": "甲"}}').stdout
    assert "100000000000000000000000000000000.5" in printed and printed.count("\n") == 1
    assert json.loads(printed, parse_float=str) == {
        "文字": '引"号',
        "数": "0.3",
        "大": "100000000000000000000000000000000.5",
        "无": None,
        "真": True,
        "日": "2026-04-30",
        "时刻": "10:00:00",
        "时间": "2026-04-30T10:00:00+08:00",
        "时长": "PT3H",
        "月": "P1Y2M",
        "段": "[1 .. 3]",
        "函数": "function",
        "表": [1, [], {}],
        "类": "甲",
    }
    assert lvze("feel", "[75..90)", "--unary", "80").stdout == "true\n"
    assert lvze("feel", "< 限额", "--unary", "80", "--context", '{"限额": 80}').stdout == "false\n"


def test_a_null_says_why_on_the_error_stream() -> None:
    nothing = lvze("feel", '"a" + 1')
    assert (nothing.exit_code, nothing.stdout) == (0, "null\n")
    assert nothing.stderr.startswith("提示：") and len(nothing.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("expression", "caret"),
    [
        ("1 + )", "1 + )\n      ^"),
        ("金额 + )", "金额 + )\n         ^"),  # a Chinese character takes two columns
        ("1 +", "1 +\n     ^"),
        ("if 甲\n\tthen 金额 ++\nelse 2", "\tthen 金额 ++\n  \t           ^"),
    ],
)
def test_an_error_points_at_its_column(expression: str, caret: str) -> None:
    wrong = lvze("feel", expression)
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    first, _, shown = wrong.stderr.partition("\n")
    assert re.match(r"错误：表达式第 \d 行第 \d+ 列有误：", first), first
    assert shown == f"  {caret}\n"


def test_today_is_the_day_in_shanghai() -> None:
    assert lvze("feel", "today()").stdout.strip('"\n') == local(SystemClock().now()).date().isoformat()
    assert lvze("feel", "now().time offset").stdout == '"PT8H"\n'


def test_json_comes_as_text_as_a_file_or_from_the_standard_input(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"x": 1.50}', encoding="utf-8-sig")
    assert lvze("feel", "x + 1", "--context", f"@{tmp_path / 'data.json'}").stdout == "2.5\n"
    piped = CliRunner().invoke(main, ["feel", "x", "--context", "-"], input='{"x": "甲"}')
    assert piped.stdout == '"甲"\n'


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[1]", "应是 JSON 对象"),
        ('{"x": ', "JSON 第 1 行第 7 列"),
        ('{"x": NaN}', "NaN"),
        ('{"x": ' + "[" * 100_000 + "}", "嵌套过深"),
        ("@/没有/这个.json", "读不了文件“/没有/这个.json”"),
    ],
)
def test_bad_json_is_an_error_with_its_place(given: str, said: str) -> None:
    wrong = lvze("feel", "x", "--context", given)
    assert (wrong.exit_code, wrong.stdout) == (1, "") and said in wrong.stderr


GRADE = PROCESSES / "quarterly_evaluation" / "grade.dmn"


def test_a_decision_tells_its_value_and_the_rules_that_matched() -> None:
    given = {"评议得分": 82, "一票否决": False, "自评": [{"完成结果": "已完成"}]}
    result = lvze("decide", GRADE, "等次", "--input", json.dumps(given))
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "value": "合格",
        "matched": [
            {"table": "等次", "rule": 4, "id": "rule_good", "annotations": ["75 分以上、不满 90 分"]}
        ],
        "warnings": [],
    }
    nothing = lvze("decide", GRADE, "等次")
    assert nothing.exit_code == 0 and json.loads(nothing.stdout)["value"] is None
    told = [f"提示：{one}" for one in json.loads(nothing.stdout)["warnings"]]
    assert told and told == nothing.stderr.splitlines()[3:]  # after the three inputs that were left out
    missing = lvze("decide", GRADE, "没有的决策")
    assert (missing.exit_code, missing.stdout) == (1, "") and "没有“没有的决策”" in missing.stderr


def test_without_a_decision_it_lists_what_the_file_has() -> None:
    listed = json.loads(lvze("decide", MODELS / "回签期限.dmn").stdout)
    assert listed == {
        "name": "回签期限",
        "decisions": [{"name": "提醒日期"}, {"name": "新党员"}],
        "inputs": [{"name": "截止日期", "type": "date"}, {"name": "名单", "type": "名单"}],
        "functions": [
            {
                "name": "提前",
                "parameters": [{"name": "日期", "type": "date"}, {"name": "天数", "type": "number"}],
            },
            {"name": "提醒", "parameters": [{"name": "截止日期", "type": "date"}]},
        ],
    }


def test_texts_become_dates_where_the_model_declares_such() -> None:
    def decide(name: str, **given: object) -> object:
        result = lvze("decide", MODELS / "回签期限.dmn", name, "--input", json.dumps(given))
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return json.loads(result.stdout)["value"]

    assert decide("提醒日期", 截止日期="2026-04-30") == "2026-04-23"
    assert decide(
        "新党员", 名单=[{"姓名": "甲", "入党日期": "2020-07-01"}, {"姓名": "乙", "入党日期": "2024-07-01"}]
    ) == ["乙"]
    assert decide("提前", 日期="2026-03-01", 天数=1) == "2026-02-28"  # business knowledge
    assert decide("提醒", 截止日期="2026-04-30") == "2026-04-23"  # a decision service
    wrong = lvze("decide", MODELS / "回签期限.dmn", "提醒日期", "--input", '{"截止日期": "4月30日"}')
    assert wrong.exit_code == 0 and "输入“截止日期”不是日期，给的是文字。" in wrong.stderr


def test_files_beside_are_imported_and_others_are_not(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    for name in ("结论.dmn", "标准.dmn"):
        shutil.copy(MODELS / name, inner / name)
    again = lvze("decide", inner / "结论.dmn", "结论", "--input", '{"得分": 95}')
    assert json.loads(again.stdout) == {
        "value": "优秀！",
        "matched": [{"table": "等次", "rule": 1, "id": "r1", "annotations": ["办法第五条"]}],
        "warnings": [],
    }
    content = (inner / "结论.dmn").read_text()
    for location in ("../标准.dmn", str(tmp_path / "标准.dmn"), "..%2F标准.dmn", "file:标准.dmn"):
        (inner / "结论.dmn").write_text(content.replace("标准.dmn", location))
        (inner / "标准.dmn").replace(tmp_path / "标准.dmn")
        refused = lvze("decide", inner / "结论.dmn", "结论", "--input", '{"得分": 95}')
        assert (refused.exit_code, refused.stdout) == (1, "") and "不在同一个文件夹里" in refused.stderr
        (tmp_path / "标准.dmn").replace(inner / "标准.dmn")


def test_an_error_in_a_table_names_its_cell(tmp_path: Path) -> None:
    (tmp_path / "bad.dmn").write_text(GRADE.read_text().replace("[60..75)", "[60..", 1))
    wrong = lvze(
        "decide", tmp_path / "bad.dmn", "等次", "--input", '{"评议得分": 65, "一票否决": false, "自评": []}'
    )
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert wrong.stderr.startswith(
        "错误：bad.dmn：决策“等次”，第 5 条规则，输入第 2 列（fair_2）：表达式第 1 行第 6 列"
    )
    # where the broken cell is not asked, there is an answer
    fine = lvze(
        "decide", tmp_path / "bad.dmn", "等次", "--input", '{"评议得分": 65, "一票否决": true, "自评": []}'
    )
    assert json.loads(fine.stdout)["value"] == "较差", fine.output
    (tmp_path / "bad.dmn").write_text("<a/>")
    assert lvze("decide", tmp_path / "bad.dmn").exit_code == 1


def test_half_a_character_is_written_as_it_can_be_read_again() -> None:
    half = lvze("feel", "x", "--context", '{"x": "甲\\ud83d"}')
    assert (half.exit_code, half.stdout) == (0, '"甲\\ud83d"\n')


def test_a_name_that_was_probably_meant() -> None:
    assert "“coutn”应为“count”？" in lvze("feel", "coutn([1])").stderr
    left_out = lvze("decide", GRADE, "等次", "--input", '{"得分": 65, "一票否决": true, "自评": []}')
    assert json.loads(left_out.stdout)["value"] == "较差"
    assert "没有给出输入“评议得分”，按空值（null）处理。“得分”应为“评议得分”？" in left_out.stderr
    assert "有的是：等次。" in lvze("decide", GRADE, "等级").stderr


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


def test_a_file_is_checked_against_the_standard(tmp_path: Path) -> None:
    sound = tmp_path / "sound.docx"
    sound.write_bytes(Template.load(template("承诺书")).fill(SAMPLES["承诺书"]))
    said = lvze("check", sound)
    assert (said.exit_code, said.stdout) == (0, "按“其他文书”检查。没有发现不合 GB/T 9704-2012 之处。\n")
    told = lvze("check", sound, "--profile", "法定公文", "--json")
    answer = json.loads(told.stdout)
    assert (told.exit_code, answer["profile"], answer["pages"]) == (1, "法定公文", 1)
    missing = next(one for one in answer["deviations"] if one["element"] == "发文字号")
    assert missing["clause"] == "7.2.5" and missing["place"]["page"] is None and missing["wanted"]
    plain = tmp_path / "plain.docx"
    file = docx.Document()
    for words in (
        "关于开展检查工作的通知",
        "各单位：",
        "现就有关事项通知如下。",
        "某某委员会",
        "2026年03月05日",
    ):
        file.add_paragraph(words)
    file.save(str(plain))
    said = lvze("check", plain)
    assert said.exit_code == 1 and "现为：2026年03月05日" in said.stdout and "应为：阿拉伯数字" in said.stdout
    (tmp_path / "none.docx").write_text("kein")
    assert "错误：" in lvze("check", tmp_path / "none.docx").stderr


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
    hers = engine.documents(by=ids["叶青禾"])
    assert {one.kind for one in hers} == {"承诺书", "承诺监督牌"}
    (document,) = (one for one in hers if one.kind == "承诺书")
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
