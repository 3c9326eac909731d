"""Tables: rows and cells as in the file, and the lines between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from engine.documents.docx import borders
from engine.documents.docx.borders import Border
from engine.documents.docx.markup import W, colour, find, number, points, switched, value
from engine.documents.docx.styles import Styles

_SIDES = ("top", "right", "bottom", "left")


@dataclass
class _Cell:
    content: list[etree._Element]
    column: int
    span: int
    align: str
    borders: dict[str, Border]
    padding: dict[str, float]
    fill: str
    merged: bool  # goes on from the cell above
    goes_on: bool = False  # below
    floats: bool = False  # its few words take no room in the row

    @classmethod
    def read(cls, cell: etree._Element, column: int) -> _Cell:
        own = find(cell, "tcPr")
        merge, fill = find(own, "vMerge"), value(find(own, "shd"), "fill", "auto")
        lines = find(own, "tcBorders")
        return cls(
            content=[cell],
            column=column,
            span=min(
                max(1, int(number(value(find(own, "gridSpan")), 1))), 63
            ),  # as many columns as Word knows
            align={"center": "middle", "bottom": "bottom"}.get(value(find(own, "vAlign")), "top"),
            borders={} if lines is None else borders.borders(lines),
            padding=_margins(find(own, "tcMar")),
            fill="" if fill == "auto" else colour(fill),
            merged=merge is not None and value(merge, default="continue") == "continue",
        )


@dataclass
class _Row:
    cells: list[_Cell]
    before: int  # columns left free
    height: float
    exact: bool
    header: bool
    whole: bool

    @classmethod
    def read(cls, row: etree._Element) -> _Row:
        properties = find(row, "trPr")
        before = int(number(value(find(properties, "gridBefore"))))
        column, cells = before, list[_Cell]()
        for cell in row.iter(W + "tc"):
            if _table_of(cell) is _table_of(row):
                cells.append(_Cell.read(cell, column))
                column += cells[-1].span
        height = find(properties, "trHeight")
        return cls(
            cells, before, points(height), value(height, "hRule") == "exact",
            switched(properties, "tblHeader"), switched(properties, "cantSplit"),
        )  # fmt: skip


@dataclass
class Table:
    """:ivar bottom: stands on the bottom of the type area (the 版记)"""

    columns: list[float]
    rows: list[_Row]
    borders: dict[str, Border]
    padding: dict[str, float]
    align: str
    indent: float
    bottom: bool

    @classmethod
    def read(cls, element: etree._Element, styles: Styles) -> Table:
        properties = find(element, "tblPr")
        lines: dict[str, Border] = {}
        padding = {"top": 0.0, "right": 5.4, "bottom": 0.0, "left": 5.4}
        chain = styles.chain(value(find(properties, "tblStyle")))
        for level in [*(find(style, "tblPr") for style in reversed(chain)), properties]:
            if (found := find(level, "tblBorders")) is not None:
                lines |= borders.borders(found)
            padding |= _margins(find(level, "tblCellMar"))
        floating = find(properties, "tblpPr")
        align = value(find(properties, "jc")) or value(floating, "tblpXSpec")
        rows = [_Row.read(row) for row in element.iter(W + "tr") if _table_of(row) is element]
        _centre_merged(rows)
        return cls(
            columns=[points(column, "w") for column in element.findall(f"{W}tblGrid/{W}gridCol")],
            rows=rows,
            borders=lines,
            padding=padding,
            align=align,
            indent=points(find(properties, "tblInd"), "w"),
            bottom=value(floating, "tblpYSpec") == "bottom",
        )

    def html(
        self,
        key: str,
        *,
        css_class: Callable[[str], str],
        blocks: Callable[[etree._Element], str],
        kept: Callable[[etree._Element], bool],
    ) -> str:
        """:param key: attribute that names it
        :param css_class: the class of a rule
        :param blocks: what a cell holds
        :param kept: whether a paragraph stays on the page of the next one"""
        head, out = 0, []
        for index, row in enumerate(self.rows):
            cells = [f'<td colspan="{row.before}" style="border:none"></td>'] if row.before else []
            for cell in row.cells:
                content = "".join(map(blocks, cell.content))
                if (
                    row.exact and cell.goes_on and not cell.merged
                ):  # the cell is as high as its rows, not as the first of them
                    height = row.height + self._below(index, cell)
                    content = f'<div style="height:0"><div style="max-height:{height:g}pt;overflow:hidden">{content}</div></div>'
                elif row.exact:
                    content = f'<div style="max-height:{row.height:g}pt;overflow:hidden">{content}</div>'
                if cell.floats:
                    content = (
                        f'<div style="height:0"><div style="transform:translateY(-50%)">{content}</div></div>'
                    )
                span = f' colspan="{cell.span}"' if cell.span > 1 else ""
                cells.append(f'<td class="{css_class(self._css(index, cell))}"{span}>{content}</td>')
            keep = "break-inside:avoid;" if row.whole or row.exact else ""
            if any(kept(p) for cell in row.cells for part in cell.content for p in part.iter(W + "p")):
                keep += "break-after:avoid"
            keep = f' style="{keep}"' if keep else ""
            out.append(f"<tr{keep}>{''.join(cells)}</tr>")
            head += row.header and head == index
        total = sum(self.columns) or 1
        columns = "".join(f'<col style="width:{100 * width / total:.3f}%"/>' for width in self.columns)
        margin = {"center": "0 auto", "right": "0 0 0 auto"}.get(self.align, f"0 0 0 {self.indent:g}pt")
        css = css_class(f"width:{total:g}pt;margin:{margin}")
        body = f"<thead>{''.join(out[:head])}</thead>{''.join(out[head:])}" if head else "".join(out)
        table = f'<table class="{css}"{key}><colgroup>{columns}</colgroup>{body}</table>'
        return f'<div class="bottom">{table}</div>' if self.bottom else table

    def _below(self, index: int, cell: _Cell) -> float:
        """How high the rows are into which the cell goes on."""
        height = 0.0
        for row in self.rows[index + 1 :]:
            if not any(one.merged and one.column == cell.column for one in row.cells):
                break
            height += row.height
        return height

    def _css(self, index: int, cell: _Cell) -> str:
        row, padding = self.rows[index], self.padding | cell.padding
        lines, count = self.borders | cell.borders, len(self.rows)
        ends = cell.column + cell.span >= max(len(self.columns), 1)

        def line(side: str, inner: str, *, outside: bool) -> str:
            return borders.css(lines.get(side if outside or side in cell.borders else inner))

        top = "none" if cell.merged else line("top", "insideH", outside=index == 0)
        bottom = "none" if cell.goes_on else line("bottom", "insideH", outside=index == count - 1)
        around = {
            "left": line("left", "insideV", outside=cell.column == 0),
            "right": line("right", "insideV", outside=ends),
        }
        for (
            side,
            drawn,
        ) in around.items():  # Word draws lines into the margins, CSS takes room for its half of them
            padding |= {
                side: max(0.0, padding[side] - (0 if drawn == "none" else float(drawn.split("pt")[0]) / 2))
            }
        css = (
            f"padding:{' '.join(f'{padding[side]:g}pt' for side in _SIDES)};"
            f"vertical-align:{cell.align};border-top:{top};border-bottom:{bottom};"
            f"border-left:{around['left']};border-right:{around['right']}"
        )
        if cell.fill:
            css += f";background:{cell.fill}"
        if row.height:
            css += f";height:{max(0, row.height - padding['top'] - padding['bottom']):g}pt"
        return css


def _margins(element: etree._Element | None) -> dict[str, float]:
    if element is None:
        return {}
    sides = {str(side.tag).removeprefix(W): points(side, "w") for side in element}
    return {{"start": "left", "end": "right"}.get(side, side): width for side, width in sides.items()}


def _centre_merged(rows: Sequence[_Row]) -> None:
    """Vertically merged cells stay one cell a row, without lines between: a page may then break anywhere among them. What is
    centred moves to the row in the middle, or to the line between the two in the middle."""
    for number_, row in enumerate(rows):
        for cell in row.cells:
            if cell.merged:
                continue
            group = [cell]
            for below in rows[number_ + 1 :]:
                same = next((c for c in below.cells if c.column == cell.column and c.merged), None)
                if same is None:
                    break
                group[-1].goes_on = True
                group.append(same)
                same.content = []
            if len(group) > 1 and cell.align == "middle":
                middle = group[(len(group) - 1) // 2]
                text = "".join(t.text or "" for part in cell.content for t in part.iter(W + "t"))
                middle.floats = len(text) <= 2 * len(group)
                cell.content, middle.content = [], cell.content
                if len(group) % 2 == 0:
                    middle.align = "bottom"


def _table_of(element: etree._Element) -> etree._Element | None:
    return next(element.iterancestors(W + "tbl"), None)
