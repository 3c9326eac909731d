"""How the house templates' lines and pages break: ``golden/<kind>.txt``, the text of our PDFs line by line and page by page.

``python -m tests.documents.golden`` writes them anew; what has changed then shows in the diff.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from engine.documents.pdf import Renderer
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.templates import Template
from tests.documents.samples import SAMPLES, template

GOLDEN = Path(__file__).parent / "golden"


def document(name: str) -> bytes:
    """The template, filled, with the places of its signatures."""
    filled = Template.load(template(name)).fill(SAMPLES[name])
    return insert_signature_lines(filled, [Line(slot) for _, slot in Template(filled).slots])


def pages(pdf: bytes) -> list[list[str]]:
    """Of every page its lines from the top, without spaces. What stands side by side is one line."""
    return [list(_lines(page.get_textpage())) for page in pypdfium2.PdfDocument(pdf)]


def _lines(text: pypdfium2.PdfTextPage) -> Iterator[str]:
    characters = []
    for index in range(text.count_chars()):
        character = text.get_text_range(index, 1)
        if character.strip(" \r\n\u3000\u200b\ufffe"):
            left, bottom, _, top = text.get_charbox(index, loose=True)
            characters.append(((bottom + top) / 2, left, top - bottom, character))
    line: list[tuple[float, float, float, str]] = []
    for one in sorted(characters, key=lambda found: (-found[0], found[1])):
        if line and line[0][0] - one[0] > max(one[2], line[0][2]) / 2.5:
            yield "".join(found[3] for found in sorted(line, key=lambda found: found[1]))
            line = []
        line.append(one)
    if line:
        yield "".join(found[3] for found in sorted(line, key=lambda found: found[1]))


def written(found: list[list[str]]) -> str:
    return "".join(
        f"== {number} ==\n" + "".join(f"{line}\n" for line in page) for number, page in enumerate(found, 1)
    )


def main() -> None:
    shutil.rmtree(GOLDEN, ignore_errors=True)
    GOLDEN.mkdir()
    with Renderer() as renderer:
        for name in SAMPLES:
            (GOLDEN / f"{name}.txt").write_text(written(pages(renderer.render(document(name)).pdf)), "utf-8")


if __name__ == "__main__":
    main()
