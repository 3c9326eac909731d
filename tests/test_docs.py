"""The users' documents against the code: links, settings, vocabulary, commands, errors, and the Python that they show."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import click
import pytest
from click.testing import CliRunner
from PIL import Image

import engine as public
from engine import (
    LvzeError,
    ProcessEngine,
    SettableClock,
    Settings,
    dmn,
    feel,
    forms,
    ledgers,
    rules,
    service_tasks,
)
from engine.clock import SHANGHAI
from engine.dmn.table import HIT_POLICIES
from engine.errors import Finding
from engine.feel.values import KINDS
from engine.organisation.posts import POSTS
from web.cli import main

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("doc_templates/*.md"),
        *ROOT.glob("processes/*.md"),
    ]
)
READMES = ("README.md", "README.zh-CN.md")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
RUNNABLE = re.compile(r"<!-- runnable -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def text(name: str | Path) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str | Path) -> str:
    """The document without its code."""
    return FENCE.sub("", text(name))


def table(name: str, *heading: str) -> list[list[str]]:
    """The rows of the document's table whose first columns are headed so."""
    lines = iter(text(name).splitlines())
    found = []
    for line in lines:
        if [cell.strip() for cell in line.split("|")[1 : len(heading) + 1]] == list(heading):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]])
    assert found, f"{name} has no table {heading}"
    return found


def anchors(name: Path) -> set[str]:
    """The fragments that GitHub gives a document's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(name), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    taken = {
        node.value
        for node in ast.walk(ast.parse(text("tests/pictures.py")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    for target in re.findall(r"\]\(([^)]+)\)", prose(document)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        found = (document.parent / path).resolve() if path else document
        if found.parent == ROOT / "docs/pictures":
            assert found.exists() or found.stem in taken, target
        else:
            assert found.exists(), target
        assert not fragment or fragment in anchors(found), target


def test_both_readmes_show_the_same() -> None:
    shown = [re.findall(r"pictures/[\w-]+\.png", text(name)) for name in READMES]
    assert shown[0] == shown[1] and len(shown[0]) == 11


def test_the_settings_table_is_what_the_code_reads() -> None:
    sources = [path for folder in ("engine", "web", "setup") for path in (ROOT / folder).glob("**/*.py")]
    read = {
        name
        for path in sources
        for name in re.findall(r"[\"'](LVZE_[A-Z0-9_]*[A-Z0-9])[\"']", path.read_text(encoding="utf-8"))
    }
    documented = {row[0].strip("`") for row in table("docs/administrators.md", "变量", "默认")}
    assert documented == read


def vocabulary() -> Iterator[tuple[str, str]]:
    """(element, attribute) of every lvze: attribute that the parser reads: ``extension(node, "tag")…get("attribute")``."""
    tree = ast.parse(text("engine/bpmn/parser.py"))
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
        bound: dict[str, str | None] = {}  # local name -> tag
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                bound[node.targets[0].id] = tag_of(node.value)
            elif isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name):
                bound[node.target.id] = tag_of(node.iter)
        for node in ast.walk(function):
            match node:
                case ast.Call(func=ast.Name("_value"), args=[_, ast.Constant(str(tag)), *rest]):
                    yield tag, rest[0].value if rest and isinstance(rest[0], ast.Constant) else "value"  # type: ignore[misc]
                case ast.Call(
                    func=ast.Attribute(ast.Name(name), "get"), args=[ast.Constant(str(attribute)), *_]
                ):
                    if (found := bound.get(name)) is not None:
                        yield found, attribute


def tag_of(expression: ast.expr) -> str | None:
    """The tag of ours that an expression looks for."""
    for node in ast.walk(expression):
        match node:
            case ast.Call(func=ast.Name("_extension" | "_extensions"), args=[_, ast.Constant(str(tag))]):
                return tag
            case ast.Call(func=ast.Name("lvze"), args=[ast.Constant(str(tag))]):
                return tag
    return None


def test_the_vocabulary_is_what_the_parser_reads() -> None:
    documented = {
        (row[0].strip("`").removeprefix("lvze:"), row[1].strip("`"))
        for row in table("docs/programmers.md", "Element", "Attribute")
    }
    assert documented == set(vocabulary())


def test_designers_learn_every_element_of_the_vocabulary() -> None:
    shown = set(re.findall(r"<lvze:(\w+)", text("docs/designers.md")))
    assert shown == {tag for tag, _ in vocabulary()}


def test_the_designer_keeps_the_whole_vocabulary() -> None:
    """What bpmn-js does not know of our namespace, it drops when it saves."""
    package = json.loads(text("web/frontend/src/designer/lvze-moddle.json"))
    known = {
        (kind["name"][0].lower() + kind["name"][1:], attribute["name"])
        for kind in package["types"]
        for attribute in kind["properties"]
        if attribute.get("isAttr")
    }
    assert known == set(vocabulary())


def commands(command: click.Command, *words: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, *words, name)
    else:
        yield " ".join(words), command


@pytest.mark.parametrize(("readme", "heading"), [*zip(READMES, ("Command", "命令"), strict=True)])
def test_the_command_table_is_the_command_line(readme: str, heading: str) -> None:
    documented: dict[str, set[str]] = {}
    for row in table(readme, heading):
        usage = row[0].strip("`").removeprefix("lvze ")
        words = " ".join(re.match(r"[a-z]+(?: [a-z]+)*", usage)[0].split())  # type: ignore[index]
        documented.setdefault(words, set()).update(re.findall(r"--?[a-z]+", usage))
    expected = dict(commands(main))
    assert documented.keys() == expected.keys()
    for name, command in expected.items():
        options = [param.opts for param in command.params if isinstance(param, click.Option)]
        assert all(documented[name] & set(names) for names in options), name
        assert documented[name] <= {one for names in options for one in names}, name


def test_every_operation_is_documented() -> None:
    for document, heading in (
        ("docs/programmers.md", ("Operation", "Inputs")),
        ("docs/designers.md", ("操作", "作用")),
    ):
        rows = table(document, *heading)
        assert {row[0].strip("`") for row in rows} == service_tasks.NAMES
    for name in service_tasks.NAMES:
        operation = service_tasks.find(name)
        takes = {
            parameter
            for verb in ("run", "prepare")
            if hasattr(operation, verb)
            for parameter, kind in inspect.signature(getattr(operation, verb)).parameters.items()
            if kind.kind is inspect.Parameter.KEYWORD_ONLY
        }
        said = " ".join(
            row[1] for row in table("docs/programmers.md", "Operation", "Inputs") if row[0].strip("`") == name
        )
        assert takes <= set(re.findall(r"`(\w+)`", said)), name


def test_every_rule_is_explained_to_designers() -> None:
    tables = (*table("docs/designers.md", "规则", "管什么"), *table("docs/rules/README.md", "规则", "管什么"))
    found = " ".join(row[0] for row in tables)
    explained = set(re.findall(r"`([\w-]+)`", found))
    raised = {
        name
        for folder in ("rules", "bpmn", "deployments.py")
        for path in (
            (ROOT / "engine" / folder).glob("**/*.py") if "." not in folder else [ROOT / "engine" / folder]
        )
        for name in re.findall(r"Finding\(\s*\"([a-z-]+)\"", path.read_text(encoding="utf-8"))
    }
    assert set(rules.all_rules()) <= raised
    assert explained == raised


def test_every_error_is_in_the_table() -> None:
    errors = {
        name: kind.status
        for name in public.__all__
        if isinstance(kind := getattr(public, name), type)
        and issubclass(kind, LvzeError)
        and kind is not LvzeError
    }
    documented = {row[0].strip("`"): int(row[1]) for row in table("docs/programmers.md", "Error", "Status")}
    assert documented == errors


def test_every_method_of_the_facade_that_is_named_exists() -> None:
    named = " ".join(row[1] for row in table("docs/programmers.md", "To", "Call"))
    for name in set(re.findall(r"(?<![.\w])([a-z_]{4,})(?=\(|`)", named)):
        assert hasattr(ProcessEngine, name), name


def test_posts_and_result_members_are_those_of_the_code() -> None:
    for document in ("docs/designers.md", "docs/administrators.md"):
        assert "、".join(POSTS) in text(document)
    documented = re.findall(
        r"`([^`]+)`", " ".join(row[0] for row in table("docs/designers.md", "栏目", "内容"))
    )
    source = (
        text("engine/completion.py").partition("results[element.result] = {")[2].partition("\n        }")[0]
    )
    assert documented == re.findall(r"^ {12}\"(\w+)\":", source, re.MULTILINE)


def test_designers_learn_every_form_component_and_ledger_key() -> None:
    named = set(re.findall(r"`(\w+)`", text("docs/designers.md")))
    assert named >= forms._TYPES
    assert {*ledgers.TYPES, "keeper", "key", "section", "audiences", "rollup"} <= named
    assert all(f"| {audience} |" in text("docs/staff.md") for audience in ledgers.AUDIENCES)


def blocks(name: str) -> list[str]:
    """The runnable blocks, each on its own lines of the document, so that a traceback points there."""
    whole = text(name)
    return ["\n" * whole.count("\n", 0, match.start(1)) + match[1] for match in RUNNABLE.finditer(whole)]


def run(name: str) -> None:
    for block in blocks(name):
        exec(compile(block, name, "exec"), {"__name__": "example"})


def test_the_programmers_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run("docs/programmers.md")


def test_the_examples_of_feel_and_dmn_run() -> None:
    run("docs/feel.md")


def test_the_limits_are_those_of_the_code() -> None:
    for _what, value, constant in table("docs/feel.md", "Limit", "Value", "Constant"):
        module, _, name = constant.strip("`").partition(".")
        home = "feel" if module == "limits" else "dmn"
        found = getattr(importlib.import_module(f"engine.{home}.{module}"), name)
        assert int(value.replace(",", "")) == found, constant


def test_the_values_are_those_of_the_code() -> None:
    kinds = {row[0]: re.findall(r"`(\w+)`", row[1]) for row in table("docs/feel.md", "FEEL", "Python")}
    known = {**{of: type_.__name__ for type_, of in KINDS.items()}, "null": "None", "function": "Function"}
    assert kinds.keys() == {name for name in known if name != "Null"} | {"null"}
    for type_, of in KINDS.items():
        plain = type_.__name__ in dir(builtins) or not type_.__name__.startswith("Wide")
        if of != "Null" and plain and type_ is not float:
            assert type_.__name__ in kinds[of], type_


FORMULAS = ("要做什么", "公式", "得到")
CELLS = ("单元格", "意思", "符合的", "不符合的")
MISTAKES = ("写成", "提示", "应写成")
PLAYED = datetime(2026, 3, 5, 9, tzinfo=SHANGHAI)


@pytest.fixture(scope="module")
def data() -> dict[str, object]:
    """What the designers' formulas are about."""
    (source,) = re.findall(r"<!-- data -->\n```\n(.*?)^```", text("docs/designers.md"), re.M | re.S)
    return computed(source, {})  # type: ignore[return-value]


def computed(formula: str, given: dict[str, object]) -> object:
    """The value of a formula that has no fault."""
    warnings: list[str] = []
    found = feel.evaluate(formula.strip("`"), given, warnings=warnings, now=PLAYED)
    assert warnings == [], formula
    return found


def test_every_formula_for_designers_gives_what_it_says(data: dict[str, object]) -> None:
    rows = table("docs/designers.md", *FORMULAS)
    assert len(rows) >= 20
    for _what, formula, result in rows:
        assert computed(formula, data) == computed(result, {}), formula


def test_every_mistake_is_told_as_it_says_and_mended_by_what_it_says(data: dict[str, object]) -> None:
    for wrong, message, right in table("docs/designers.md", *MISTAKES):
        warnings: list[str] = []
        try:
            assert feel.evaluate(wrong.strip("`"), data, warnings=warnings, now=PLAYED) is None, wrong
        except feel.FeelSyntaxError as error:
            warnings.append(str(error))
        assert any(message in one for one in warnings), (wrong, warnings)
        assert computed(right, data) is not None


def test_every_cell_matches_what_it_says() -> None:
    for cell, _meaning, passes, fails in table("docs/designers.md", *CELLS):
        test = feel.compile_unary_tests(cell.strip("`"))
        assert test.matches(computed(passes, {}), {}), cell
        assert not fails or not test.matches(computed(fails, {}), {}), cell


def test_the_table_for_designers_is_the_shipped_one() -> None:
    (sheet,) = dmn.sheets(text("processes/quarterly_evaluation/grade.dmn").encode())
    shown = table("docs/designers.md", *sheet.inputs, *sheet.outputs)
    assert [[cell.strip("`") for cell in row] for row in shown] == [
        [*row.inputs, *row.outputs] for row in sheet.rows
    ]
    letters = {row[0].strip("`") for row in table("docs/designers.md", "字母", "怎么算", "什么时候用")}
    assert letters == HIT_POLICIES.keys()


COMMAND = re.compile(
    r"^(?:echo '([^']*)' \| )?\.venv/bin/lvze ((?:feel|decide) .*)\n((?:(?!\.venv|echo|```).*\n)*)", re.M
)


@pytest.mark.parametrize("document", ["docs/designers.md", "docs/feel.md"])
def test_every_command_shown_prints_what_is_shown(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = [match for block in FENCE.findall(text(document)) for match in COMMAND.finditer(block)]
    assert len(shown) >= 3
    for piped, line, output in (match.groups() for match in shown):
        ran = CliRunner().invoke(main, shlex.split(line), input=piped)
        assert (ran.exit_code, ran.stdout, ran.stderr) == (0, output, ""), line


def test_the_example_rule_finds_what_it_says() -> None:
    from tests.engine.drawing import draw, end, ours, path, start

    source = next(block for block in blocks("docs/programmers.md") if "def check" in block)
    scope: dict[str, object] = {}
    exec(compile(source, "rule", "exec"), scope)
    task = '<bpmn:userTask id="t"><bpmn:extensionElements>' + ours("assignment", person="=1")
    xml = draw(
        "p", start(), task + "</bpmn:extensionElements></bpmn:userTask>", end(), path("start", "t", "end")
    )
    parser = importlib.import_module("engine.bpmn.parser")
    root = parser.parse_xml(xml)
    (finding,) = scope["check"](rules.Case(root, parser.parse(root), {}, set()))  # type: ignore[operator]
    assert (finding.element, finding.severity) == ("t", "warning")


def test_the_administrators_examples_run(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SettableClock(datetime(2026, 3, 5, 1, 0, tzinfo=UTC))
    engine = ProcessEngine(settings, clock)
    unit = engine.add_unit(
        by=None, kind="支部", name="中共云岭市林业局机关支部委员会", founded_on=date(2020, 1, 1)
    )
    admin = engine.add_person(by=None, name="苏小满", branch_id=unit.id)
    engine.add_person(by=None, name="程立功", branch_id=unit.id)
    engine.create_account(admin.id, "suxiaoman", by=None, is_admin=True)
    engine.close()
    Image.new("RGBA", (400, 400)).save(tmp_path / "seal.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LVZE_HOME", str(settings.home))
    monkeypatch.setenv("LVZE_DATABASE_URL", settings.database_url)
    run("docs/administrators.md")


def test_every_cell_from_a_spreadsheet_is_told_what_it_should_be() -> None:
    rows = table("docs/designers.md", "单元格写成", "应写成", "为什么")
    assert len(rows) >= 9
    column = {"甲": "string", "甲、乙": "string", "不限": "string", "是": "boolean", "2026-04-30": "date"}

    def findings(cell: str, type_: str) -> tuple[Finding, ...]:
        return dmn.load(
            f'<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" name="m" namespace="urn:m">'
            f'<inputData id="i" name="值"><variable name="值" typeRef="{type_}"/></inputData>'
            '<decision id="d" name="结果"><informationRequirement><requiredInput href="#i"/></informationRequirement>'
            '<decisionTable hitPolicy="COLLECT"><input><inputExpression><text>值</text></inputExpression></input><output/>'
            f"<rule><inputEntry><text>{escape(cell)}</text></inputEntry><outputEntry><text>1</text></outputEntry></rule>"
            "</decisionTable></decision></definitions>".encode()
        ).findings

    for written, right, _why in rows:
        wrong, meant = written.strip("`"), right.strip("`")
        assert findings(wrong, column.get(wrong, "number")), written
        assert not findings(meant, column.get(wrong, "number")), right
