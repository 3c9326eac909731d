"""PDF/A-2b: what veraPDF, which shares no code with ours, says of our PDFs."""

from __future__ import annotations

import io
from pathlib import Path

from pyhanko.pdf_utils.reader import PdfFileReader

from engine.documents.pdf import Renderer
from engine.documents.signature_lines import Line, insert_signature_lines
from engine.documents.templates import Template
from tests.documents.maven import classpath, java
from tests.documents.samples import SAMPLES, template
from tests.documents.test_docx_html import signed
from tests.documents.test_pages import blank_pdf

VERAPDF = Path(__file__).parent / "verapdf"


def test_every_kind_of_document_is_pdf_a(tmp_path: Path) -> None:
    jars = classpath(VERAPDF, "veraPDF")
    files = []
    with Renderer() as renderer:
        for name in SAMPLES:
            compiled = Template.load(template(name))
            pdf = renderer.render(signed(name, *(slot for _, slot in compiled.slots))).pdf
            files.append(tmp_path / f"{name}.pdf")
            files[-1].write_bytes(pdf)
        rare = insert_signature_lines(
            Template.load(template("整改通知书")).fill({**SAMPLES["整改通知书"], "姓名": "䶮𠀀–€═▼"}),
            [Line(slot) for _, slot in Template.load(template("整改通知书")).slots],
        )
        files.append(tmp_path / "rare.pdf")
        files[-1].write_bytes(renderer.render(rare).pdf)
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(blank_pdf((595, 842)))
    said: dict[str, list[str]] = {}
    for line in java(jars, VERAPDF / "Validate.java", *files, broken):
        file, verdict = line.split(";", 1)
        said.setdefault(Path(file).stem, []).append(verdict)
    assert said.pop("broken")[-1] == "false", "the verifier sees nothing"
    assert said == {file.stem: ["true"] for file in files}


def test_metadata_says_title_and_language() -> None:
    with Renderer() as renderer:
        pdf = renderer.render(Template.load(template("责任书")).fill(SAMPLES["责任书"])).pdf
    reader = PdfFileReader(io.BytesIO(pdf))
    assert "责任书" in reader.trailer["/Info"]["/Title"] and reader.root["/Lang"] == "zh-CN"
