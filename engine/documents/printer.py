"""HTML -> PDF: WeasyPrint, taught what it lacks for Chinese official documents."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from engine.documents import embedding, fonts, typesetting
from engine.documents.docx import KEY
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
    from cssselect2 import ElementWrapper
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

    class Page(weasyprint.HTML):  # type: ignore[misc]
        """Read by expat: WeasyPrint's own parser, which mends what people write, is made in Python."""

        def __init__(self, markup: str) -> None:
            self.base_url, self.url_fetcher, self.media_type = None, fetcher, "print"
            self.wrapper_element = ElementWrapper.from_html_root(ElementTree.fromstring(markup))
            self.etree_element = self.wrapper_element.etree_element

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
    typesetting.apply()
    embedding.apply()
    fetcher, configuration = DataOnly(), FontConfiguration()

    @lru_cache(32)
    def style(css: str) -> Any:
        """Documents of one template have one style sheet."""
        return weasyprint.CSS(string=css, font_config=configuration, url_fetcher=fetcher)

    def render(page: str) -> Rendered:
        failures.pictures = 0
        head, _, rest = page.partition("<style>")
        css, _, body = rest.partition("</style>")
        document = Page(head + body).render(font_config=configuration, stylesheets=[style(css)])
        if failures.pictures:
            raise Invalid("bad-picture", "文档中有图片无法读取或过大，请换用较小的 PNG 或 JPEG 图片。")
        pdf: bytes = document.write_pdf(pdf_identifier=b"lvze", pdf_variant="pdf/a-2b", output_intent="srgb")
        return Rendered(pdf, len(document.pages), tuple(_places(document)))

    # The first page loads the fonts and their coverage; better now than while somebody waits.
    names = "".join(f"<p style=\"font-family:'{style.names[0]}'\">公文《》2026</p>" for style in fonts.STYLES)
    render(f'<html lang="zh-CN"><body>{names}</body></html>')
    return render


_MM = 25.4 / 96  # millimetres of a CSS pixel


def _places(document: Any) -> Iterator[Place]:
    """From the box tree of WeasyPrint: a line of text a place; the whole box of what has no lines."""
    from weasyprint.formatting_structure import boxes

    def lines(box: Any) -> Iterator[Any]:
        for child in getattr(box, "children", ()):
            if isinstance(child, boxes.LineBox):
                yield child
            elif child.element is box.element and isinstance(child, boxes.BlockBox):
                yield from lines(child)

    def walk(box: Any, number: int, above: str) -> Iterator[Place]:
        key = (
            box.element.get(KEY, "") if box.element is not None and not isinstance(box, boxes.TextBox) else ""
        )
        children = getattr(box, "children", ())
        if key and key != above:
            for line in list(lines(box)) or [box]:
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
