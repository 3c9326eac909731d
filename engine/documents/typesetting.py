"""Lines of Chinese text: WeasyPrint, taught to justify them, to keep their pitch and to stop at tabs."""

from __future__ import annotations

import re
from typing import Any

from engine.documents.docx import TAB

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


def apply() -> None:
    _justify_chinese()
    _keep_pitch()
    _stop_tabs()
    _keep_layouts()


def _keep_layouts() -> None:
    """Shape every line once: WeasyPrint forgets a line's glyphs after layout, to make them again when it draws."""
    from weasyprint.text.line_break import Layout

    reactivate = Layout.reactivate

    def again(self: Any, style: Any) -> None:
        if not hasattr(self, "layout") or self.justification_spacing:
            reactivate(self, style)

    Layout.deactivate = lambda self: None
    Layout.reactivate = again
