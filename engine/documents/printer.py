"""HTML -> PDF: WeasyPrint, taught what it lacks for Chinese official documents."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

from engine.documents import fonts
from engine.documents.docx import KEY, TAB
from engine.documents.rendered import Place, Rendered
from engine.errors import Invalid

_lock = threading.Lock()
_ready: list[Callable[[str], Rendered]] = []


def printer() -> Callable[[str], Rendered]:
    """HTML -> PDF. WeasyPrint is imported late: it takes most of a second, and only workers need it."""
    with _lock:
        if not _ready:
            _ready.append(_make_printer())
    return _ready[0]


def _make_printer() -> Callable[[str], Rendered]:
    fonts.use()
    import logging

    import weasyprint
    from weasyprint.text.fonts import FontConfiguration
    from weasyprint.urls import URLFetcher

    class DataOnly(URLFetcher):  # type: ignore[misc]
        """No files and no network: pictures come as ``data:``."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False)

        def fetch(self, url: str, headers: Any = None) -> Any:
            if not url.startswith("data:"):
                raise ValueError("only data: is allowed")
            return super().fetch(url, headers)

    class Failures(logging.Handler):
        """WeasyPrint leaves out a picture that it can't read and only logs it; an official document must not."""

        def __init__(self) -> None:
            super().__init__(logging.ERROR)
            self.pictures = 0

        def emit(self, record: logging.LogRecord) -> None:
            self.pictures += "load image" in str(record.msg)

    failures, logger = Failures(), logging.getLogger("weasyprint")
    logger.addHandler(failures)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    _justify_chinese()
    _keep_pitch()
    _stop_tabs()
    fetcher, configuration = DataOnly(), FontConfiguration()

    def render(page: str) -> Rendered:
        failures.pictures = 0
        document = weasyprint.HTML(string=page, url_fetcher=fetcher).render(font_config=configuration)
        if failures.pictures:
            raise Invalid("bad-picture", "文档中有图片无法读取或过大，请换用较小的 PNG 或 JPEG 图片。")
        pdf: bytes = document.write_pdf(pdf_identifier=b"lvze", pdf_variant="pdf/a-2b", output_intent="srgb")
        return Rendered(pdf, len(document.pages), tuple(_places(document)))

    # The first page loads the fonts and their coverage; better now than while somebody waits.
    names = "".join(f"<p style=\"font-family:'{style.names[0]}'\">公文2026</p>" for style in fonts.STYLES)
    render(f"<html lang=zh-CN>{names}")
    return render


_MM = 25.4 / 96  # millimetres of a CSS pixel


def _places(document: Any) -> Iterator[Place]:
    """From the box tree of WeasyPrint: a line of text a place; the whole box of what has no lines."""
    from weasyprint.formatting_structure import boxes

    def walk(box: Any, number: int, above: str) -> Iterator[Place]:
        key = (
            box.element.get(KEY, "") if box.element is not None and not isinstance(box, boxes.TextBox) else ""
        )
        children = getattr(box, "children", ())
        if key and key != above:
            lines = [child for child in children if isinstance(child, boxes.LineBox)] or [box]
            for line in lines:
                # a line's box is as wide as its column
                yield Place(
                    key,
                    number,
                    round(line.position_x * _MM, 3),
                    round(line.position_y * _MM, 3),
                    round(line.margin_width() * _MM, 3),
                    round(line.margin_height() * _MM, 3),
                )
        for child in children:
            yield from walk(child, number, key or above)

    for number, page in enumerate(document.pages, 1):
        yield from walk(page._page_box, number, "")


_HAN = re.compile("[\u2014\u2018-\u201d\u2026\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef]")
_NO_WIDTH = "\u200b"


def _justify_chinese() -> None:
    """Justify between characters: WeasyPrint stretches spaces only, of which a Chinese line has none."""
    from weasyprint.formatting_structure import boxes
    from weasyprint.layout import inline
    from weasyprint.text.line_break import create_layout

    original = inline.justify_line

    def text_of(box: Any) -> str:
        if isinstance(box, boxes.TextBox):
            return str(box.text)
        if isinstance(box, (boxes.LineBox, boxes.InlineBox)):
            return "".join(text_of(child) for child in box.children)
        return ""

    def stretch(context: Any, box: Any, extra: float, moved: float) -> float:
        """Widen every character by ``extra``; returns how far what follows moves."""
        if isinstance(box, boxes.TextBox):
            box.position_x += moved
            count = len(box.text.replace(_NO_WIDTH, ""))
            if count:
                style = box.style.copy()
                spacing = style["letter_spacing"]
                style["letter_spacing"] = (0 if spacing == "normal" else spacing) + extra
                box.style = style
                layout = create_layout(box.text, style, context, None, 0)
                layout.deactivate()
                box.pango_layout = layout
                box.width += extra * count
                moved += extra * count
        elif isinstance(box, (boxes.LineBox, boxes.InlineBox)):
            box.position_x += moved
            before = moved
            for child in box.children:
                if child.is_in_normal_flow():
                    moved = stretch(context, child, extra, moved)
            box.width += moved - before
        else:
            box.translate(moved, 0)
        return moved

    def justify_line(context: Any, line: Any, extra: float) -> None:
        text = text_of(line)
        count = len(text.replace(_NO_WIDTH, "").rstrip())
        if not _HAN.search(text):
            original(context, line, extra)
        elif count > 1:
            # The last character ends at the edge; what is added behind it is beyond.
            stretch(context, line, extra / (count - 1), 0)

    inline.justify_line = justify_line


def _keep_pitch() -> None:
    """Let a character from another font (《, a rare name) stand on its line without pushing the lines apart: WeasyPrint takes a
    line's baseline from the highest font in it, CSS 2 (10.8) and 22 lines a page from the font that is asked for."""
    from weasyprint.layout import inline

    original = inline.split_text_box

    def split_text_box(*arguments: Any, **more: Any) -> Any:
        result = original(*arguments, **more)
        box = result[0]
        if box is not None and box.style["line_height"] != "normal":
            height, baseline = inline.strut(box.style)
            box.margin_top += baseline - box.baseline
            box.margin_bottom = height - box.height - box.margin_top
            box.baseline = baseline
        return result

    inline.split_text_box = split_text_box


def _stop_tabs() -> None:
    """Make a tab as wide as it is to its stop, which is known only where the line is made."""
    from weasyprint.css.properties import Dimension
    from weasyprint.layout import inline
    from weasyprint.layout.preferred import max_content_width

    original = inline.inline_block_box_layout

    def inline_block_box_layout(
        context: Any, box: Any, position_x: float, skip_stack: Any, containing_block: Any, *more: Any
    ) -> Any:
        if box.element is not None and box.element_tag == "span" and (told := box.element.get(TAB)):
            every, column, stops = told.split(";")
            here = (position_x - containing_block.content_box_x()) * 0.75
            content = max_content_width(context, box) * 0.75 if box.children else 0.0
            box = box.copy()
            box.style = box.style.copy()
            width = _tab_width(here, content, float(every), float(column), stops.split())
            box.style["width"] = Dimension(width / 0.75, "px")
        return original(context, box, position_x, skip_stack, containing_block, *more)

    inline.inline_block_box_layout = inline_block_box_layout


def _tab_width(here: float, content: float, every: float, column: float, stops: list[str]) -> float:
    """Points from a tab to where what follows it begins, or ends if that stands in the tab's own box (``content`` wide).

    :param here: of the tab, from the paragraph's left edge, as the ``stops``
    :param every: distance of the stops that nobody set, from the column's edge (at ``column``)
    """
    for stop in stops:
        kind, place = stop[0], float(stop[1:])
        if place > here + 0.1:
            return max(content, place - here + {"l": content, "c": content / 2, "r": 0}[kind])
    return every - (here - column) % every + content
