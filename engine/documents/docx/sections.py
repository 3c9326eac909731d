"""Sections: pages of one size and margins, with the headers and footers that they print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from engine.documents.docx.geometry import Page
from engine.documents.docx.markup import R, W, find, number, switched, value

# What follows wins: the first page of a section is odd or even, too.
_PAGES = ("default", "even", "first")


@dataclass(slots=True)
class Section:
    """:ivar blocks: paragraphs and tables
    :ivar starts: nextPage, oddPage, evenPage or continuous
    :ivar running: (header or footer, default, even or first) -> its part
    """

    blocks: list[etree._Element]
    page: Page
    starts: str
    title_page: bool
    first_number: int | None
    running: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def read(
        cls,
        properties: etree._Element,
        blocks: list[etree._Element],
        relations: Mapping[str, str],
        former: Section | None,
    ) -> Section:
        """:param former: whose headers and footers this one goes on with where it has none of its own"""
        running = dict(former.running) if former else {}
        for kind in ("header", "footer"):
            for reference in properties.findall(f"{W}{kind}Reference"):
                part = relations.get(reference.get(f"{R}id", ""), "")
                running[kind, value(reference, "type", "default")] = part
        start = value(find(properties, "pgNumType"), "start")
        return cls(
            blocks, Page.read(properties), value(find(properties, "type"), default="nextPage"),
            switched(properties, "titlePg"), int(number(start)) if start else None, running,
        )  # fmt: skip

    def css(self, name: str, *, facing: bool, parts: Mapping[str, object], unnamed: bool = False) -> str:
        """The rules of its pages.

        :param name: of the section
        :param unnamed: of a page that holds nothing of the text but what stands on its foot: no section names it
        :param facing: whether even pages have headers and footers of their own
        """
        page, which = self.page, "" if unnamed else name
        out = [
            f"@page {which}{{size:{page.width:g}pt {page.height:g}pt;"
            f"margin:{page.top:g}pt {page.right:g}pt {page.bottom:g}pt {page.left:g}pt}}"
        ]
        first = f"@page {name}:nth(1 of {name})"
        if self.first_number is not None and not unnamed:
            out.append(f"{first}{{counter-reset:page {self.first_number}}}")
        for kind, box in (("header", "@top-center"), ("footer", "@bottom-center")):
            for pages in _PAGES:
                if (pages == "even" and not facing) or (
                    pages == "first" and (unnamed or not self.title_page)
                ):
                    continue
                part = self.running.get((kind, pages), "")
                default = f"@page {which}:right" if facing else f"@page {which}"
                where = {"even": f"@page {which}:left", "first": first}.get(pages, default)
                content = f"element({name}-{kind}-{pages})" if part in parts else "none"
                out.append(f"{where}{{{box}{{content:{content};width:100%;vertical-align:top}}}}")
        return "".join(out)


def sections(body: etree._Element, relations: Mapping[str, str]) -> list[Section]:
    """Those of a document. One that goes on on the same page (continuous) is part of the former."""
    found: list[Section] = []
    blocks: list[etree._Element] = []

    def close(properties: etree._Element) -> None:
        section = Section.read(properties, list(blocks), relations, found[-1] if found else None)
        if found and section.starts == "continuous":
            found[-1].blocks += blocks
        else:
            found.append(section)
        blocks.clear()

    for element in body:
        if element.tag == W + "sectPr":
            close(element)
            continue
        blocks.append(element)
        if (properties := find(find(element, "pPr"), "sectPr")) is not None:
            close(properties)
    if blocks and found:
        found[-1].blocks += blocks
    return found
