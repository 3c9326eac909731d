"""PDFs: a letter of two pages with a handwriting, a notice of four with a seal; and what memory a worker keeps."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

from engine.documents.docx import to_html
from engine.documents.handwriting import Handwriting
from engine.documents.pdf import Renderer
from engine.documents.seal_pictures import draw_demo
from engine.documents.templates import Template
from tests.bench.report import Report, p50, p95, timed
from tests.documents.samples import SAMPLES, template
from tests.documents.test_docx_html import signed

STROKES = [[[x, 40 + 30 * ((x // 20) % 2)] for x in range(10, 300, 4)] for _ in range(3)]


def run(report: Report) -> None:
    samples = 5 if report.quick else 40
    handwriting = Handwriting(STROKES).picture("书记", date(2026, 3, 5))
    documents = {
        "letter": ("整改通知书", handwriting),
        "sealed notice": ("公文", draw_demo("中共云溪市直机关工作委员会")),
    }
    rows: list[list[object]] = []
    with Renderer() as renderer:
        for kind, (name, picture) in documents.items():
            slots = [slot for _, slot in Template.load(template(name)).slots]
            docx, compiled = signed(name, *slots, picture=picture), Template.load(template(name))
            pages = renderer.render(docx).pages
            for what, act in {
                "fill": lambda compiled=compiled, name=name: compiled.fill(SAMPLES[name]),
                "HTML": lambda docx=docx: to_html(docx),
                "PDF": lambda docx=docx: renderer.render(docx),
            }.items():
                act()
                before = _used(renderer)
                times = [timed(act) for _ in range(samples)]
                used = (_used(renderer) - before) / samples
                rows.append(
                    [f"{kind}, {pages} pages: {what}", p50(times), p95(times), used if what == "PDF" else ""]
                )
    report.table(f"Rendering, {samples} each", ["", "p50 ms", "p95 ms", "worker's CPU ms"], rows)
    _memory(report)


def _memory(report: Report) -> None:
    """A worker is replaced after 500 documents."""
    count = 50 if report.quick else 490
    kinds = [Template.load(template(name)).fill(SAMPLES[name]) for name in SAMPLES]
    rows: list[list[object]] = []
    with Renderer() as renderer:
        for number in range(count):
            renderer.render(kinds[number % len(kinds)])
            if number + 1 in (len(kinds), 50, 100, 200, count):
                rows.append([f"after {number + 1} documents", _resident(renderer)])
    report.table(f"Memory of a worker, {len(kinds)} kinds in turn", ["", "resident MB"], rows)


def _process(renderer: Renderer) -> Path:
    worker = renderer._idle.queue[0]
    assert worker is not None
    return Path(f"/proc/{worker._process.pid}")


def _used(renderer: Renderer) -> float:
    """Milliseconds of processor time that the worker has taken."""
    fields = (_process(renderer) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _resident(renderer: Renderer) -> float:
    fields = (_process(renderer) / "statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
