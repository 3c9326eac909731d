"""Styles with everything that they inherit."""

from __future__ import annotations

from lxml import etree

from engine.documents.docx.markup import W, find, value
from engine.documents.docx.properties import Properties, read_paragraph, read_run


class Styles:
    def __init__(self, root: etree._Element) -> None:
        self._styles = {value(style, "styleId"): style for style in root.iter(W + "style")}
        self._known: dict[str, tuple[Properties, Properties]] = {}
        self.default = next(
            (
                key
                for key, style in self._styles.items()
                if value(style, "default") in ("1", "true") and value(style, "type") == "paragraph"
            ),
            "",
        )
        self._paragraph = read_paragraph(root.find(f"{W}docDefaults/{W}pPrDefault/{W}pPr"), {})
        self._run = read_run(root.find(f"{W}docDefaults/{W}rPrDefault/{W}rPr"), {})

    def chain(self, key: str) -> list[etree._Element]:
        """The style and those it is based on, nearest first."""
        chain: list[etree._Element] = []
        while (style := self._styles.get(key)) is not None and style not in chain:
            chain.append(style)
            key = value(find(style, "basedOn"))
        return chain

    def resolve(self, key: str) -> tuple[Properties, Properties]:
        """A paragraph style's properties of paragraph and run."""
        if key not in self._known:
            paragraph, run = dict(self._paragraph), dict(self._run)
            for style in reversed(self.chain(key)):
                read_paragraph(find(style, "pPr"), paragraph)
                read_run(find(style, "rPr"), run)
            self._known[key] = paragraph, run
        return self._known[key]

    def of(self, paragraph: etree._Element) -> tuple[Properties, Properties]:
        """A paragraph's own properties, and those of runs in it."""
        own = find(paragraph, "pPr")
        inherited, run = self.resolve(value(find(own, "pStyle")) or self.default)
        return read_paragraph(own, dict(inherited)), run

    def character(self, key: str, out: Properties) -> Properties:
        """Put what a character style says into ``out``."""
        for style in reversed(self.chain(key)):
            read_run(find(style, "rPr"), out)
        return out
