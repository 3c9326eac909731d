"""The command line: ``lvze``, also ``python -m web``."""

from __future__ import annotations

import errno
import json
import logging
import os
import socket
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory
from typing import Any, BinaryIO

import click
from cryptography.x509 import Certificate, load_pem_x509_certificates

from engine import (
    Finding,
    Invalid,
    LvzeError,
    ProcessEngine,
    Refused,
    SettableClock,
    Settings,
    SystemClock,
    archive_verification,
    dmn,
    feel,
)
from engine.clock import SHANGHAI, local
from engine.documents import fonts, ofd, signed_data, sm2, standard, trials, verification
from engine.documents.pdf import Renderer
from engine.documents.templates import Template
from engine.feel import json as feel_json
from engine.organisation import demo
from engine.shipped import DOC_TEMPLATES, PROCESSES
from engine.working_time import KNOWN, not_known
from web.play import SEALED, YEAR, open_demo, play

_ORGANISATION = Path(__file__).parent / "demo" / "organisation.yaml"


class Refusal(click.ClickException):
    """Exit code 1 with a sentence."""

    def show(self, file: Any = None) -> None:
        click.echo(f"错误：{self.format_message()}", file=file, err=file is None)


class Commands(click.Group):
    """An error that the engine raises on purpose ends a command with its sentence and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except LvzeError as error:
            raise Refusal(str(error)) from None


@click.group(cls=Commands)
def main() -> None:
    """履责：机关党建公文流转。"""


@contextmanager
def _engine() -> Iterator[ProcessEngine]:
    engine = ProcessEngine(Settings.from_environment())
    try:
        yield engine
    finally:
        engine.close()


# ---------------------------------------------------------------- the installation


@main.command()
def init() -> None:
    """建库、建签名证书机构、部署自带流程；可重复执行。"""
    with _engine() as engine:
        _prepare(engine)
        click.echo(f"已就绪：{engine.settings.home}")


def _prepare(engine: ProcessEngine) -> None:
    engine.migrate()
    engine.create_authority()
    engine.enter_shipped_templates()
    for folder in sorted(path for path in PROCESSES.iterdir() if path.is_dir()):
        engine.deploy_shipped(_folder(folder))


@main.command()
@click.option("--demo", "demo_", is_flag=True, help="装入演示单位和账号。")
def serve(demo_: bool) -> None:
    """启动网页和后台任务。"""
    from waitress import serve as waitress

    from web import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for talkative in ("alembic", "spiff", "waitress"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
    with _engine() as engine, _listening(engine.settings) as listener:
        _prepare(engine)
        if demo_:
            _announce(engine)
        engine.start_workers()
        address = f"http://{_host(engine.settings)}:{engine.settings.port}"
        click.echo("\n打开 Open:  " + click.style(address, bold=True))
        click.echo("结束 Stop:  " + click.style("Ctrl+C", bold=True) + "\n")
        waitress(create_app(engine), sockets=[listener], threads=8, ident=None)


def _listening(settings: Settings) -> socket.socket:
    """The server's socket, opened before the seconds that preparations take.

    :raises Refusal: the address is taken, or not to be had
    """
    try:
        family, *_ = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refusal(
                f"端口 {settings.port} 已被占用，可能已有一个履责在运行。请先结束它，或用 LVZE_PORT 换一个端口，"
                f"例如 LVZE_PORT={_other(settings.port)}。\n"
                f"Port {settings.port} is in use. Stop what uses it, or set LVZE_PORT to another one."
            ) from None
        raise Refusal(
            f"不能在 {settings.host} 的端口 {settings.port} 上监听（{error.strerror}），请检查 LVZE_HOST 和 LVZE_PORT。"
        ) from None


def _other(port: int) -> int:
    return port + 1 if port < 65535 else port - 1


def _host(settings: Settings) -> str:
    """As an address names it."""
    return f"[{settings.host}]" if ":" in settings.host else settings.host


def _announce(engine: ProcessEngine) -> None:
    """Load the demo organisation where it is not there yet, and play its opening; say who can try what."""
    password = demo.password(engine.settings.home)
    fresh = not engine.units()
    accounts = engine.load_demo(_ORGANISATION.read_text(encoding="utf-8"), password=password)
    if fresh:
        for line in engine.units():
            if line.unit.short_name in SEALED:
                engine.grant_demo_seal(line.unit.id, by=None)
        click.echo("正在准备演示内容：公示栏上一份承诺书、待审核一份……", nl=False)
        open_demo(engine)
        click.echo("完成。")
    click.echo("\n演示账号（密码都是 " + click.style(password, bold=True) + "）：")
    for account in accounts:
        if account.tries:
            click.echo(f"  {account.username:<14}{account.name}：{account.tries}")


@main.command("demo")
@click.option("--play", "playing", is_flag=True, help="用公开接口把自带流程走一年，写出产生的全部文件。")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), help="写到这个文件夹。"
)
def demo_(playing: bool, out: Path) -> None:
    """装入演示单位和账号；加 --play 则在临时的系统里演示一年。"""
    if not playing:
        with _engine() as engine:
            _prepare(engine)
            _announce(engine)
        return
    with TemporaryDirectory(prefix="lvze-play-") as home:
        clock = SettableClock(datetime(YEAR, 1, 5, 9, tzinfo=SHANGHAI))
        engine = ProcessEngine(Settings.from_environment({"LVZE_HOME": home}), clock)
        try:
            _prepare(engine)
            play(engine, clock, _ORGANISATION.read_text(encoding="utf-8"), out, click.echo)
            (out / "authority.pem").write_text(engine.authority_pem())
        finally:
            engine.close()
    click.echo("验证其中任何一份：lvze verify --authority authority.pem 文件.docx")


@main.command()
@click.option("--once", is_flag=True, help="办完现在到期的任务就退出。")
def worker(once: bool) -> None:
    """只运行后台任务（网页在另一个进程时用）。"""
    with _engine() as engine:
        engine.migrate()
        if once:
            click.echo(f"办理了 {engine.run_jobs()} 项任务。")
            return
        engine.start_workers(max(engine.settings.workers, 1))
        click.echo("后台任务运行中，按 Ctrl+C 退出。")
        try:
            click.pause("")
        except KeyboardInterrupt:
            click.echo("正在退出。")


# ---------------------------------------------------------------- processes


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def deploy(path: Path) -> None:
    """部署一个流程文件夹（或一个 .bpmn 文件）。"""
    with _engine() as engine:
        try:
            definition = engine.deploy(_folder(path))
        except Refused as refused:
            _print_findings(refused.findings)
            raise
        click.echo(f"{definition.name}（{definition.key}）第 {definition.version} 版")


@main.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出。")
def lint(path: Path, as_json: bool) -> None:
    """检查一个流程文件夹；有错误时退出码为 1。"""
    with _engine() as engine:
        engine.migrate()
        findings = engine.lint(_folder(path))
    if as_json:
        click.echo(
            json.dumps([asdict(finding) for finding in findings], ensure_ascii=False, indent=1, default=str)
        )
    else:
        _print_findings(findings)
    sys.exit(any(finding.severity == "error" for finding in findings))


def _folder(path: Path) -> dict[str, bytes]:
    """A process folder's files by name. Word templates that it does not bring are the library's."""
    own = [path] if path.is_file() else [file for file in sorted(path.iterdir()) if file.is_file()]
    return {file.name: file.read_bytes() for file in own if file.suffix in _DEPLOYED}


_DEPLOYED = {".bpmn", ".json", ".dmn", ".yaml", ".docx"}


def _print_findings(findings: list[Finding]) -> None:
    for finding in findings:
        level = (
            click.style("错误", fg="red") if finding.severity == "error" else click.style("提示", fg="yellow")
        )
        place = " ".join(part for part in (finding.path, finding.element) if part)
        click.echo(f"{level} {place} [{finding.rule}] {finding.message}")
    if not findings:
        click.echo("没有问题。")


# ---------------------------------------------------------------- expressions and decisions


@main.command(
    "feel", context_settings={"ignore_unknown_options": True}
)  # an expression may begin with a minus
@click.argument("expression")
@click.option(
    "--context",
    default="{}",
    metavar="JSON",
    help="表达式里可用的变量，JSON 对象；@文件，或 - 从标准输入读。",
)
@click.option("--unary", metavar="JSON", help="把表达式当作决策表的单元格，判断这个值是否符合。")
def feel_(expression: str, context: str, unary: str | None) -> None:
    """计算一个 FEEL 表达式，以 JSON 输出它的值；提示写到标准错误。"""
    variables, now = _json_object(context), local(SystemClock().now())
    warnings: list[str] = []
    try:
        if unary is None:
            value = feel.evaluate(expression, variables, warnings=warnings, now=now)
        else:
            test = feel.compile_unary_tests(expression, variables)
            value = test.matches(_json(unary), variables, warnings, now=now)
    except feel.FeelSyntaxError as error:
        raise Refusal(f"{error}\n{_pointed(expression, error)}") from None
    click.echo(feel_json.text(value))
    # What can never have a value says so better, with the name that was meant.
    defects = feel.compile(expression, variables).analysis.defects if value is None else ()
    _warn([defect.message for defect in defects] or warnings)


def _pointed(source: str, error: feel.FeelSyntaxError) -> str:
    """The line of the error and a caret under its column; a Chinese character is two columns wide."""
    line = f"{source} ".split("\n")[error.line - 1].rstrip("\r")
    wide = {"W": "  ", "F": "  "}
    before = (
        char if char == "\t" else wide.get(unicodedata.east_asian_width(char), " ")
        for char in line[: error.column - 1]
        if not unicodedata.combining(char)
    )
    return f"  {line.rstrip()}\n  {''.join(before)}^"


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("decision", required=False)
@click.option(
    "--input", "given", default="{}", metavar="JSON", help="输入，JSON 对象；@文件，或 - 从标准输入读。"
)
def decide(file: Path, decision: str | None, given: str) -> None:
    """用一个 DMN 文件作出决策（或调用决策服务、业务知识），以 JSON 输出值、命中的规则和提示。

    不写决策名称，就列出文件里有什么。引用的 .dmn 文件要放在同一个文件夹里。声明为日期、时间、时长的输入，用 JSON 文字写。
    """
    files = {file.name: file} | {
        path.name: path for path in file.absolute().parent.glob("*.dmn") if path.is_file()
    }
    # The file itself goes by a name that ends so, whatever it is called.
    name = file.name if file.suffix == ".dmn" else f"{file.name}.dmn"
    folder = dmn.Folder({one: path.read_bytes() for one, path in files.items()} | {name: file.read_bytes()})
    model = folder.load(name)
    if decision is None:
        click.echo(feel_json.text(_offers(model), indent=1))
        _warn(finding.message for finding in model.findings)
        return
    inputs, now = _json_object(given), local(SystemClock().now())
    _warn(_misgiven(inputs, model.functions.get(decision) or model.inputs_of(decision)))
    if decision in model.functions:
        found = model.call(decision, model.from_json(inputs, decision), now=now)
    else:
        found = model.decide(decision, model.from_json(inputs), now=now)
    met = [problem for problem in model.problems if problem.message in found.warnings]
    if met:  # an answer that a typing error decided is none
        raise Refusal("\n错误：".join(_located(name, problem) for problem in met))
    rules = {(sheet.table, row.number, row.id): row for sheet in folder.sheets(name) for row in sheet.rows}
    click.echo(
        feel_json.text(
            {
                "value": found.value,
                "matched": [_match_json(match, rules) for match in found.matched],
                "warnings": list(found.warnings),
            },
            indent=1,
        )
    )
    _warn(found.warnings)


def _misgiven(given: Mapping[str, Any], asked: Mapping[str, Any]) -> Iterator[str]:
    """Inputs that were left out, each with the name that it was probably given by."""
    others = given.keys() - asked.keys()
    for name in asked:
        if name not in given:
            near = feel.nearest(name, others)
            yield f"没有给出输入“{name}”，按空值（null）处理。" + (f"“{near}”应为“{name}”？" if near else "")


def _match_json(match: dmn.Match, rules: Mapping[tuple[str, int, str], dmn.Row]) -> dict[str, Any]:
    row = rules.get((match.table, match.rule, match.rule_id))
    notes = [note for note in row.annotations if note] if row is not None else []
    return {"table": match.table, "rule": match.rule, "id": match.rule_id or None} | (
        {"annotations": notes} if notes else {}
    )


def _offers(model: dmn.Model) -> dict[str, Any]:
    """What a file has to be asked for, and with what."""

    def typed(names: Mapping[str, feel.tree.Type | None]) -> list[dict[str, str]]:
        return [
            {"name": name, "type": "Any" if type_ is None else type_.name} for name, type_ in names.items()
        ]

    return {
        "name": model.name,
        "decisions": [{"name": name} for name in model.decisions],
        "inputs": typed(model.inputs),
        "functions": [{"name": name, "parameters": typed(takes)} for name, takes in model.functions.items()],
    }


def _located(file: str, problem: dmn.Problem) -> str:
    element = f"（{problem.element}）" if problem.element else ""
    return f"{file}：{problem.place}{element}：{problem.message}"


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        click.secho(f"提示：{warning}", fg="yellow", err=True)


def _json(given: str) -> Any:
    """JSON as it is typed, from @file, or from - the standard input.

    :raises Refusal: with line and column
    """
    source = "JSON"
    try:
        if given == "-":
            source = "标准输入"
            given = sys.stdin.buffer.read().decode("utf-8-sig")
        elif given.startswith("@"):
            source = given[1:]
            given = Path(source).read_text(encoding="utf-8-sig")
        return feel_json.read(given)
    except OSError as error:
        raise Refusal(f"读不了文件“{source}”（{error.strerror}）。") from None
    except UnicodeDecodeError:
        raise Refusal(f"“{source}”不是 UTF-8 的文字。") from None
    except json.JSONDecodeError as error:
        raise Refusal(
            f"{source} 第 {error.lineno} 行第 {error.colno} 列不是有效的 JSON：{error.msg}。"
            '文字和名称要加双引号，例如 "甲"；真假写 true、false。'
        ) from None
    except ValueError as error:
        raise Refusal(f"{source} 不是有效的 JSON：{error}") from None


def _json_object(given: str) -> Mapping[str, Any]:
    value = _json(given)
    if not isinstance(value, dict):
        raise Refusal('应是 JSON 对象，形如 {"年度": 2026}。')
    return value


# ---------------------------------------------------------------- documents


@main.command()
@click.argument("template", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("data", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="输出的 .docx。")
@click.option("--pdf", type=click.Path(path_type=Path), help="同时输出 PDF。")
def render(template: Path, data: Path, output: Path, pdf: Path | None) -> None:
    """用 JSON 数据填写一个 Word 模板；版记放到最后一个偶数页，签名处空着。"""
    compiled, values = Template.load(template.read_bytes()), _json_object(f"@{data}")
    with Renderer() as renderer:
        approval = os.environ.get("LVZE_CLASSIFIED_APPROVAL")
        content = trials.document(compiled, values, renderer.render, approval=approval)
        output.write_bytes(content)
        if pdf is not None:
            pdf.write_bytes(renderer.render(content).pdf)


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="输出的文件夹。"
)
def gmt(file: Path, output: Path) -> None:
    """把 .docx 中的 SM2 签名另存为 GM/T 0010 的签名数据（.p7s）和它签的内容（.xml），供国密工具核对。"""
    found = list(signed_data.of_docx(file.read_bytes()))
    if not found:
        raise Refusal("文件中没有 SM2 签名。")
    output.mkdir(parents=True, exist_ok=True)
    for one in found:
        stem = Path(one.part).stem
        (output / f"{stem}.p7s").write_bytes(one.signed_data)
        (output / f"{stem}.xml").write_bytes(one.content)
    click.echo(f"已导出 {len(found)} 个签名。{sm2.LABEL}。")


@main.command("ofd")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="输出的 .ofd。")
def to_ofd(file: Path, output: Path) -> None:
    """把 .docx 或 PDF 转成 OFD 版式文件，不加盖经认证的电子印章。"""
    content = file.read_bytes()
    if not content.startswith(b"%PDF-"):
        with Renderer() as renderer:
            content = renderer.render(content).pdf
    output.write_bytes(ofd.to_ofd(content, title=file.stem))
    click.echo(f"{ofd.LABEL}。")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--authority",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="只认这个证书机构（PEM）。",
)
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出。")
def verify(file: Path, authority: Path | None, as_json: bool) -> None:
    """验证 .docx 或 PDF 的电子签名：谁、何时、以什么身份签的，签后改了什么；或全面核对一个归档包（.zip）。全部有效时退出码为 0。"""
    trusted = load_pem_x509_certificates(authority.read_bytes()) if authority else []
    with file.open("rb") as stream:
        if file.suffix.lower() == ".zip" or archive_verification.is_archive(stream):
            sys.exit(_verify_archive(stream, trusted, as_json))
    found = verification.verify(file.read_bytes(), trusted=trusted)
    if as_json:
        click.echo(json.dumps(_verification_json(found), ensure_ascii=False, indent=1))
    else:
        _print_verification(found)
        if found.valid and authority is None:
            click.echo(
                "签名人身份由本单位证书机构证明。"
                if _vouched_here(file.read_bytes())
                else "签名人的证书不是本单位签发的：用 --authority 指定其证书机构的证书，可确认签名人身份。"
            )
    sys.exit(0 if found.valid else 1)


def _verify_archive(stream: BinaryIO, trusted: list[Certificate], as_json: bool) -> int:
    found = archive_verification.verify(stream, authority=trusted)
    if as_json:
        click.echo(json.dumps({"valid": found.valid, **asdict(found)}, ensure_ascii=False, indent=1))
        return int(not found.valid)
    click.echo(
        f"{found.title}：流程实例 {found.instances} 个，记录 {found.events} 条，文件 {found.documents} 份，"
        f"签名 {found.signatures} 处，共 {found.files} 个文件"
    )
    for problem in found.problems:
        click.secho(f"问题  {problem}", fg="red")
    if found.unsealed:
        click.echo(
            f"提示  {len(found.unsealed)} 个流程实例最后的记录在归档时还没有检查点，由清单的签名证明。"
        )
    click.echo("归档包完整，没有被改动。" if found.valid else "没有通过核对。")
    if found.valid and not found.vouched:
        click.echo(
            "证书机构取自归档包本身：用 --authority 指定归档单位的证书（lvze authority 输出），才能确认是谁归的档。"
        )
    return int(not found.valid)


@main.command()
@click.argument("instance", type=int)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="输出的 .zip。"
)
def archive(instance: int, output: Path) -> None:
    """把一件流程连同全部下级归档成一个 .zip：流程图、文件、签名、记录和证书；用 lvze verify 核对。"""
    with (
        _engine() as engine,
        NamedTemporaryFile(dir=output.parent, prefix=f".{output.name}", delete=False) as part,
    ):
        try:
            engine.migrate()
            engine.archive(instance, part, by=None)  # type: ignore[arg-type]
            part.close()
            Path(part.name).replace(output)
        finally:
            Path(part.name).unlink(missing_ok=True)
    click.echo(f"已归档：{output}（{output.stat().st_size // 1024} KB）")


def _vouched_here(content: bytes) -> bool:
    """Whether this installation, where there is one, has issued the certificates of all signers."""
    if "LVZE_DATABASE_URL" not in os.environ and not Path(os.environ.get("LVZE_HOME", "var")).exists():
        return False  # verifying a file is no reason to make an installation
    with _engine() as engine:
        engine.migrate()
        return engine.has_authority() and engine.verify(content).valid


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--profile",
    type=click.Choice([one.value for one in standard.Profile]),
    help="按哪种版式检查；不写则按文件自己标明的，或看上去的。",
)
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出。")
def check(file: Path, profile: str | None, as_json: bool) -> None:
    """对照《党政机关公文格式》（GB/T 9704-2012）检查 .docx 的版式；有不合之处时退出码为 1。"""
    content, layout = file.read_bytes(), None
    profile = standard.profile_of(content, profile)
    try:
        with Renderer() as renderer:
            layout = renderer.render(content)
    except Invalid as error:  # what cannot be printed is measured as far as the file itself tells
        click.secho(f"没有排版，只检查文件里写明的：{error}", fg="yellow", err=True)
    found = standard.check(content, profile, layout)
    if as_json:
        told = {
            "profile": profile,
            "pages": layout and layout.pages,
            "deviations": [_deviation_json(one) for one in found],
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        _print_deviations(found, profile)
    sys.exit(bool(found))


def _deviation_json(one: standard.Deviation) -> dict[str, Any]:
    place = {"page": one.page, "paragraph": one.paragraph, "words": one.words, "others": one.others}
    return {
        "clause": one.clause, "element": one.element, "severity": one.severity, "place": place, "found": one.found, "wanted": one.wanted
    }  # fmt: skip


def _print_deviations(found: list[standard.Deviation], profile: str) -> None:
    for one in found:
        level = click.style("不合", fg="red") if one.severity == "error" else click.style("建议", fg="yellow")
        click.echo(f"{level} {one.clause} {one.element}  {one.place}")
        click.echo(f"      现为：{one.found}\n      应为：{one.wanted}")
    told = f"共 {len(found)} 处不合。" if found else "没有发现不合 GB/T 9704-2012 之处。"
    click.echo(f"按“{profile}”检查。{told}")


@main.command()
@click.option("--crl", type=click.Path(path_type=Path), help="改为把吊销列表（CRL，DER）写进这个文件。")
@click.option("--renew", is_flag=True, help="原证书机构剩下不到五年时，另建一个；以前的签名仍然有效。")
def authority(crl: Path | None, renew: bool) -> None:
    """输出本单位证书机构的证书（PEM），供外单位验证文件时使用。"""
    with _engine() as engine:
        engine.migrate()
        engine.create_authority(renew=renew)
        if crl is not None:
            crl.write_bytes(engine.revocation_list())
        else:
            click.echo(engine.authority_pem(), nl=False)


def _verification_json(found: verification.Verification) -> dict[str, Any]:
    return {
        "valid": found.valid,
        "signatures": [
            {
                "signer": one.signer,
                "capacity": one.capacity,
                "comment": one.comment,
                "signed_at": one.signed_at and one.signed_at.isoformat(),
                "time_stamp": one.time_stamp
                and {
                    "at": one.time_stamp.at.isoformat(),
                    "by": one.time_stamp.by,
                    "vouched": one.time_stamp.vouched,
                },
                "label": one.label,
                "valid": one.valid,
                "problems": one.problems,
            }
            for one in found.signatures
        ],
        "changed": found.changes,
    }


def _print_verification(found: verification.Verification) -> None:
    for one in found.signatures:
        mark = click.style("有效", fg="green") if one.valid else click.style("无效", fg="red")
        when = local(one.signed_at).strftime("%Y-%m-%d %H:%M:%S") if one.signed_at else "时间不明"
        click.echo(f"{mark}  {one.signer or '签署人不明'}  {one.capacity}  {when}")
        if one.label:
            click.echo(f"      {one.label}")
        if stamp := one.time_stamp:
            click.echo(
                f"      时间戳 {local(stamp.at):%Y-%m-%d %H:%M:%S}，由{stamp.by}签发"
                f"{'' if stamp.vouched else '（未核实这一机构）'}"
            )
        for problem in one.problems:
            click.echo(f"      {problem}")
    for change in found.changes:
        click.secho(f"改动  {change}", fg="red")
    click.echo("签名全部有效，文件没有被改动。" if found.valid else "没有通过验证。")


# ---------------------------------------------------------------- people and health


@main.group()
def user() -> None:
    """账号。"""


@user.command("add")
@click.argument("name")
@click.argument("username")
@click.option("--admin", is_flag=True, help="系统管理员。")
@click.option("--designer", is_flag=True, help="流程设计员。")
def add_user(name: str, username: str, admin: bool, designer: bool) -> None:
    """新建人员和账号（第一个管理员用）；显示一次随机密码。"""
    with _engine() as engine:
        engine.migrate()
        person = engine.add_person(by=None, name=name)
        _account, password = engine.create_account(
            person.id, username, by=None, is_admin=admin, is_designer=designer
        )
        click.echo(f"{name}（{username}）的密码：{password}")


@user.command("list")
def list_users() -> None:
    """列出账号。"""
    with _engine() as engine:
        engine.migrate()
        for account in engine.accounts(by=None):
            roles = [
                name
                for name, has in (
                    ("管理员", account.is_admin),
                    ("设计员", account.is_designer),
                    ("停用", account.disabled_at),
                )
                if has
            ]
            click.echo(f"{account.username:<20}{account.person.name}  {'、'.join(roles)}".rstrip())


@user.command("password")
@click.argument("username")
def reset_password(username: str) -> None:
    """重设一个账号的密码并解除锁定；显示一次随机密码。"""
    with _engine() as engine:
        engine.migrate()
        account = next((one for one in engine.accounts(by=None) if one.username == username), None)
        if account is None:
            raise Refusal(f"没有账号“{username}”，用 lvze user list 查看已有账号。")
        click.echo(f"{username} 的新密码：{engine.reset_password(account.id, by=None)}")


@main.group()
def audit() -> None:
    """操作记录。"""


@audit.command("verify")
def verify_history() -> None:
    """核对操作记录的哈希链和检查点；发现改动、删去或重写时退出码为 1。"""
    with _engine() as engine:
        engine.migrate()
        faults = engine.verify_history()
    for fault in faults:
        click.secho(fault, fg="red")
    click.echo(f"发现 {len(faults)} 处问题。" if faults else "操作记录完整，没有被改动。")
    sys.exit(bool(faults))


@main.command()
def doctor() -> None:
    """检查运行条件。"""
    failed = False
    for name, check in _CHECKS.items():
        try:
            said = check()
            click.echo(f"{click.style('正常', fg='green')}  {name}  {said}")
        except Exception as error:
            failed = True
            click.echo(f"{click.style('异常', fg='red')}  {name}  {error}")
    sys.exit(failed)


def _check_database() -> str:
    with _engine() as engine:
        engine.migrate()
        return f"{engine.settings.database_url}，{len(engine.definitions())} 个流程"


def _check_rendering() -> str:
    missing = [name for names in fonts.missing_files().values() for name in names]
    if missing:
        raise Refusal(f"缺少字体 {missing[0]} 等 {len(missing)} 个文件，请运行 make setup。")
    template = next(DOC_TEMPLATES.glob("承诺书.docx"))
    with Renderer() as renderer:
        return f"样张 {len(renderer.render(template.read_bytes()).pdf) // 1024} KB"


def _check_calendar() -> str:
    with _engine() as engine:
        year = engine.today().year
    if year not in KNOWN:
        raise Refusal(not_known([year]) + "请升级程序。")
    return f"放假安排已知到 {max(KNOWN)} 年"


def _check_certificates() -> str:
    with _engine() as engine:
        engine.migrate()
        ending = [
            f"{one.subject}（{local(one.not_after):%Y-%m-%d}）" for one in engine.expiring_certificates()
        ]
    if ending:
        raise Refusal(
            f"{len(ending)} 张证书快要到期：{'；'.join(ending[:5])}{' 等' if len(ending) > 5 else ''}。"
            "个人和印章的证书在“证书”页面换发；证书机构的证书运行 lvze authority --renew 换发。"
        )
    return "没有快要到期的证书"


def _check_time_stamps() -> str:
    with _engine() as engine:
        engine.migrate()
        if not engine.settings.tsa_url:
            return "没有设置时间戳服务器"
        engine.stamp_signatures()
        said = engine.try_time_stamp_server()
        waiting, since = engine.unstamped_signatures()
    return f"{said}，{waiting} 个签名等待时间戳" + (
        f"，最早的签于 {local(since):%Y-%m-%d %H:%M}" if since else ""
    )


_CHECKS = {
    "数据库": _check_database,
    "证书": _check_certificates,
    "时间戳": _check_time_stamps,
    "PDF 生成": _check_rendering,
    "工作日历": _check_calendar,
}
