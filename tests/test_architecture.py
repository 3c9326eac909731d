"""Who may import whom: ``web -> engine -> nouns -> parts -> ground``, and one importer for each heavy library."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUND = {
    "database",
    "errors",
    "values",
    "clock",
    "blobs",
    "egress",
    "mailboxes",
    "pki",
    "settings",
    "shipped",
    "working_time",
}
PARTS = {"bpmn", "feel", "dmn", "documents", "organisation"}
FACADE = {"process_engine"}
# Modules without verbs on the database, which web may use besides ``engine`` itself. Of the others it may name types, for its
# annotations, never a verb: what is done is done through the facade.
PUBLIC = {"clock", "errors", "feel", "dmn", "forms", "shipped", "working_time"}
# ``lvze render``, ``lvze check`` and ``lvze verify`` work on files, without a database, and the demo's password is a file: the command line
# alone may use these.
ON_FILES = (
    "archive_verification",
    "documents.fonts",
    "documents.ofd",
    "documents.signed_data",
    "documents.sm2",
    "documents.pdf",
    "documents.standard",
    "documents.templates",
    "documents.trials",
    "documents.verification",
    "organisation.demo",
)
# Library -> the only folders that may import it
HOMES = {
    "SpiffWorkflow": ("engine/bpmn",),
    "docx": ("engine/documents",),
    "weasyprint": ("engine/documents",),
    "pyhanko": ("engine/documents",),
    "flask": ("web",),
    "werkzeug": ("web",),
}
# Folder -> libraries that it does not know
STRANGERS = {
    "engine/bpmn": {"sqlalchemy"},
    "engine/feel": {"sqlalchemy", "lxml"},
    "engine/dmn": {"sqlalchemy"},
}


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything imported, inside functions too."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            module = ".".join(filter(None, (base, node.module or "")))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def is_module(name: str) -> bool:
    target = ROOT.joinpath(*name.split("."))
    return target.is_dir() or target.with_suffix(".py").is_file()


def layer(part: str) -> int:
    return 0 if part in GROUND else 1 if part in PARTS else 3 if part in FACADE or part == "" else 2


def complaints(path: Path) -> Iterator[str]:
    here = path.relative_to(ROOT).as_posix()
    parts = path.relative_to(ROOT).with_suffix("").parts
    for line, name in imports(path):
        top, *rest = name.split(".")
        # ``from engine import jobs`` names a module, ``from engine import ProcessEngine`` a name of ``engine`` itself
        used = rest[0] if rest and is_module(f"{top}.{rest[0]}") else ""
        if top in HOMES and not here.startswith(tuple(f"{home}/" for home in HOMES[top])):
            yield f"{here}:{line} imports {name}: only {', '.join(HOMES[top])} may"
        for folder, strangers in STRANGERS.items():
            if here.startswith(f"{folder}/") and top in strangers:
                yield f"{here}:{line} imports {name}: {folder} does not know it"
        if here == "web/cli.py" and ".".join(rest).startswith(ON_FILES):
            continue
        if parts[0] == "web":
            if top == "engine" and used and used not in PUBLIC and not rest[-1][0].isupper():
                yield f"{here}:{line} imports {name}: web acts through the engine's public names only"
        elif top == "web":
            yield f"{here}:{line} imports {name}: the engine knows no web"
        elif top == "engine" and parts[1] != "__init__" and layer(parts[1]) < layer(used):
            yield f"{here}:{line} imports {name}: a lower layer may not use a higher one"


MODULES = sorted(
    path
    for folder in ("engine", "web")
    for path in (ROOT / folder).rglob("*.py")
    if "node_modules" not in path.parts
)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_direction(path: Path) -> None:
    assert not list(complaints(path))


def test_the_reader_sees_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    for name, text in {
        "web/page.py": "from engine import jobs\nimport flask\nfrom engine import ProcessEngine, feel\n"
        "from engine.jobs import Job, run_due\n",
        "engine/jobs.py": "def f():\n    from . import process_engine\n    from flask import g\n",
        "engine/process_engine.py": "import docx\nfrom engine import jobs\n",
        "engine/bpmn/parser.py": "import SpiffWorkflow.bpmn\nfrom sqlalchemy import select\nfrom ..jobs import Job\n",
        "engine/feel/__init__.py": "import engine.errors\n",
        "engine/errors.py": "from engine.blobs import get\n",
        "engine/blobs.py": "from engine.jobs import run_due\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = {path.name: list(complaints(path)) for path in tmp_path.rglob("*.py")}
    assert {name: len(lines) for name, lines in found.items()} == {
        "page.py": 2,
        "jobs.py": 2,
        "process_engine.py": 1,
        "parser.py": 2,
        "__init__.py": 0,
        "errors.py": 0,
        "blobs.py": 1,
    }, found


ALONE = """
import json, sys
before = set(sys.modules)
import {module}
from pathlib import Path
for name in sorted(Path({module}.__file__).parent.rglob("*.py")):  # those that are loaded when they are first needed
    parts = name.relative_to({root!r}).with_suffix("").parts
    __import__(".".join(part for part in parts if part != "__init__"))
print(json.dumps({{name: str(getattr(sys.modules[name], '__file__', None)) for name in set(sys.modules) - before}}))
"""


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("engine.feel", ("engine.errors", "engine.values", "engine.feel")),
        ("engine.dmn", ("engine.errors", "engine.values", "engine.feel", "engine.dmn", "lxml")),
    ],
)
def test_expressions_and_decisions_stand_alone(module: str, allowed: tuple[str, ...]) -> None:
    """In a fresh interpreter they load the standard library, themselves, and what little they share."""
    code = ALONE.format(module=module, root=str(ROOT))
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = json.loads(ran.stdout)
    assert module in loaded
    strangers = [
        name
        for name, origin in loaded.items()
        if ("site-packages" in origin or origin.startswith(f"{ROOT / 'engine'}"))
        and name != "engine"
        and not any(name == one or name.startswith(f"{one}.") for one in allowed)
    ]
    assert strangers == []
