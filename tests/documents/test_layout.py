"""Lines and pages of the house templates: as they were, and as another program breaks them."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.documents import fonts
from engine.documents.pdf import Renderer
from tests.documents.golden import GOLDEN, document, pages, written
from tests.documents.office import Office
from tests.documents.samples import SAMPLES

# Kind -> how many of our lines LibreOffice 7.4 breaks or orders otherwise at most, and why.
KNOWN = {
    "印发通知": (3, "sets “” beside figures in the Latin font, half as wide"),
    "公示": (1, "sets figures without the style's narrower spacing, so that three characters more don't fit"),
    "通报": (3, "moves a whole table to the next page with the heading that is kept with its first row"),
    "审批单": (1, "centres cells between the lines beside them"),
}


@pytest.fixture(scope="module")
def rendered() -> Iterator[dict[str, list[list[str]]]]:
    with Renderer() as renderer:
        yield {name: pages(renderer.render(document(name)).pdf) for name in SAMPLES}


@pytest.mark.parametrize("name", SAMPLES)
def test_lines_and_pages_break_where_they_did(rendered: dict[str, list[list[str]]], name: str) -> None:
    """``python -m tests.documents.golden`` writes the golden files anew."""
    if not fonts.missing_characters("喆", "仿宋_GB2312"):
        pytest.skip("a licensed 仿宋 is installed; the golden files are of the house's own fonts")
    assert written(rendered[name]) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def test_every_golden_file_has_its_kind() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SAMPLES)


def test_lines_and_pages_break_as_in_libreoffice(
    rendered: dict[str, list[list[str]]], tmp_path: Path
) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice cannot be asked: soffice is not installed")
    printed = Office(tmp_path).pdf({name: document(name) for name in SAMPLES})
    different = {}
    for name, ours in rendered.items():
        theirs = pages(printed[name])
        assert len(theirs) == len(ours), name
        one, other = ([line for page in found for line in page] for found in (ours, theirs))
        matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
        equal = sum(block.size for block in matcher.get_matching_blocks())
        if equal < len(one) or len(one) != len(other):
            different[name] = len(one) - equal
    assert {name: count for name, count in different.items() if count > KNOWN.get(name, (0,))[0]} == {}
