"""The tags of a Word template, found in its text wherever Word split it over runs, and turned into one source for Jinja.

``{{ value }}`` and ``{% if %}`` … stand in the text of a paragraph; ``{%p … %}`` takes the place of its whole paragraph, ``{%tr … %}``
of its table row, ``{%tc … %}`` of its cell; ``{{p value }}`` of a paragraph that gives way to a sub-document. ``{% vm %}`` in a cell of
a repeated row merges the cell with those of the passes below it.

Every tag is checked by itself before anything is compiled, so a refusal can say where it stands. While the XML is rearranged a tag
is a sign that no text may hold, so what Jinja reads is the tags that were checked and nothing else.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NoReturn

from jinja2 import Environment, TemplateError
from lxml import etree

from engine.documents.places import Paragraph, W, paragraphs, part_name, place_of
from engine.errors import Invalid

MAX_TAGS = 2000
MAX_TAG = 300  # characters
MAX_DEPTH = 10  # blocks within blocks
MAX_BRACKETS = 10  # within each other; each costs the parser some dozen frames of its stack

_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_OPENER = re.compile(r"\{[{%#]")
_KINDS = {"{%": ("p", "tr", "tc"), "{{": ("p",), "{#": ("p", "tr", "tc")}
_HOLDERS = {"": f"{W}r", "p": f"{W}p", "tr": f"{W}tr", "tc": f"{W}tc"}
_HOLDER_NAMES = {"p": "段", "tr": "表格行", "tc": "单元格"}
_WORDS = {"if", "elif", "else", "endif", "for", "endfor", "vm"}
_QUOTES = str.maketrans("“”‘’", "\"\"''")
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"  # no characters (Unicode 23.7), yet XML may hold them
_SIGN = re.compile(f"{_OPEN}(\\d+){_CLOSE}")
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
# Of a cell's properties, those that the schema has before vMerge.
_BEFORE_MERGE = {f"{W}{name}" for name in ("cnfStyle", "tcW", "gridSpan", "hMerge")}
_LEXER = Environment(autoescape=False)


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag as written.

    :ivar text: as the designer typed it
    :ivar place: where it stands, in words
    :ivar kind: ``""`` in running text, ``p``, ``tr`` or ``tc``
    :ivar source: as Jinja gets it; empty for a comment and for ``vm``
    """

    text: str
    place: str
    kind: str
    source: str

    @property
    def word(self) -> str:
        """if, for …; empty for a value."""
        return self.source[2:-2].split()[0] if self.source.startswith("{%") else ""


def refuse(message: str, tag: Tag | None = None, place: str = "") -> NoReturn:
    """:raises Invalid: ``template-syntax`` with place and tag"""
    place, text = (tag.place, tag.text) if tag else (place, "")
    where = f"位置：{place}" + (f"，标签 {text}" if text else "") + "。" if place else ""
    raise Invalid("template-syntax", f"{message}{where}", place=place, tag=text)


def read(name: str, root: etree._Element) -> tuple[list[Tag], str, dict[int, Tag]]:
    """A part's tags in the order of the text; its source for Jinja, in which each has a line to itself; and the tags by line.
    ``root`` is rearranged.

    :raises Invalid: ``template-syntax``
    """
    tags, holders = list[Tag](), list[etree._Element]()
    _only_in_text(name, root)
    for paragraph in list(paragraphs(name, root)):
        found = list(_in_paragraph(paragraph, len(tags)))
        tags += [tag for tag, _ in found]
        holders += [holder for _, holder in found]
        if len(tags) > MAX_TAGS:
            raise Invalid(
                "package-too-big", f"{paragraph.place}：模板的标签超过 {MAX_TAGS} 个，请分成几个模板。"
            )
    _check_blocks(tags, holders)
    for number, (tag, holder) in enumerate(zip(tags, holders, strict=True)):
        if tag.kind:
            _take_place(holder, f"{_OPEN}{number}{_CLOSE}", tag)
    extra = [tag.source for tag in tags]
    merged = set[etree._Element]()
    for tag, holder in zip(tags, holders, strict=True):
        if tag.text.strip("{%} ") == "vm":
            cell = _merge_down(holder, tag, extra)
            if cell in merged:
                refuse("一个单元格里只写一个 {% vm %}。", tag)
            merged.add(cell)
    text = etree.tostring(root, encoding="unicode")
    pieces = _SIGN.split(text)
    if any(opener in piece for piece in pieces[::2] for opener in _CLOSERS):
        refuse("模板标签只能写在正文文字里。", place=part_name(name))
    lines, line, source = dict[int, Tag](), 1, [pieces[0]]
    for sign, after in zip(pieces[1::2], pieces[2::2], strict=True):
        number = int(sign)
        line += source[-1].count("\n")
        made = extra[number]
        if number < len(tags) and made:
            made, line = f"{made[:2]}\n{made[2:]}", line + 1
            lines[line] = tags[number]
        source += [made, after]
    return tags, "".join(source), lines


def skeleton(tags: Iterable[Tag]) -> str:
    """The tags alone, the n-th in line n: the same tree as the source's, with lines that tell the tags."""
    return "\n".join(tag.source for tag in tags)


def _only_in_text(name: str, root: etree._Element) -> None:
    for element in root.iter():
        if not isinstance(element.tag, str):
            continue
        others = [str(value) for value in element.attrib.values()] + [element.tail or ""]
        others += [element.text or ""] if element.tag != f"{W}t" else []
        if any(opener in text for text in others for opener in _CLOSERS):
            refuse(
                "模板标签只能写在正文文字里，不能写在域、替换文字或属性中。",
                place=place_of(name, root, element),
            )
        if any(sign in text for text in [*others, element.text or ""] for sign in (_OPEN, _CLOSE)):
            refuse("模板中有不能使用的字符。", place=place_of(name, root, element))


def _too_many(place: str) -> NoReturn:
    raise Invalid("package-too-big", f"{place}：模板的标签超过 {MAX_TAGS} 个，请分成几个模板。", place=place)


def _in_paragraph(paragraph: Paragraph, number: int) -> Iterator[tuple[Tag, etree._Element]]:
    """The paragraph's tags, each with the element that it stands in, and a sign in its place."""
    whole, at, found = paragraph.text, 0, list[tuple[int, int]]()
    while opener := _OPENER.search(whole, at):
        start = opener.start()
        end = whole.find(_CLOSERS[opener[0]], start + 2, start + MAX_TAG)
        if end < 0:
            refuse(
                f"模板标签没有写完：“{whole[start : start + 30]}”。标签应在同一段内以 }}}} 或 %}} 结束，不超过 {MAX_TAG} 字。",
                place=paragraph.place,
            )
        at = end + 2
        found.append((start, at))
        if number + len(found) > MAX_TAGS:
            _too_many(paragraph.place)
    if not found:
        return
    made = [_tag(whole[start:end], paragraph.place) for start, end in found]
    around = zip([0, *(end for _, end in found)], [*(start for start, _ in found), None], strict=True)
    if len(made) > 1 or any(whole[a:b].strip() for a, b in around):
        for tag in made:
            if tag.kind:
                refuse("这个标签要单独成段，同一段里不能有别的文字或标签。", tag)
    starts = [0, *accumulate(len(t.text or "") for t in paragraph.texts)]
    holders = [
        _holder(paragraph.texts[bisect(starts, start) - 1], tag)
        for tag, (start, _) in zip(made, found, strict=True)
    ]
    for index in reversed(range(len(made))):
        sign = "" if made[index].kind else f"{_OPEN}{number + index}{_CLOSE}"
        _replace(paragraph.texts, starts, *found[index], sign)
    for run in paragraph.texts:
        run.set(_SPACE, "preserve")
    yield from zip(made, holders, strict=True)


def _tag(text: str, place: str) -> Tag:
    opener, body = text[:2], text[2:-2].translate(_QUOTES).replace("\n", " ")
    first = body.split(maxsplit=1)[0] if body.split() else ""
    kind = first if first in _KINDS[opener] and body.startswith(f"{first} ") and body.strip() != first else ""
    body = body[len(kind) :].strip()
    tag = Tag(text, place, kind, "")
    if opener == "{#":
        return tag
    if body[:1] in "+-" or body[-1:] in "+-":
        refuse("标签里不能为空，也不能以加号、减号开头或结尾。", tag)
    if opener == "{%":
        word = body.split()[0]
        if word not in _WORDS:
            refuse(f"模板中没有“{word}”这种语句，只能用 if、for 和对应的 elif、else、endif、endfor。", tag)
        if word == "vm":
            if kind or body != "vm":
                refuse("合并单元格写成 {% vm %}。", tag)
            return tag
    elif kind:
        body = f"({body})|子文档"
    depth = 0
    for character in body:
        depth += (character in "([{") - (character in ")]}")
        if depth > MAX_BRACKETS:
            refuse(f"括号最多嵌套 {MAX_BRACKETS} 层。", tag)
    source = f"{opener} {body} {text[-2:]}"
    try:  # so that no text in quotation marks can reach beyond the tag
        tokens = list(_LEXER.lex(source))
    except TemplateError as error:
        refuse(f"标签写得不对：{error.message}。", tag)
    if [t for _, t, _ in tokens if t in ("variable_end", "block_end")] != [tokens[-1][1]]:
        refuse("标签写得不对。", tag)
    return Tag(text, place, kind, source)


def _replace(runs: Sequence[etree._Element], starts: Sequence[int], start: int, end: int, sign: str) -> None:
    """The characters from ``start`` to ``end``, which may lie in several runs, by the sign. Tags are replaced from the last to the
    first, so that what lies before keeps its place."""
    for index in range(bisect(starts, start) - 1, len(runs)):
        at, text = starts[index], runs[index].text or ""
        if at >= end:
            return
        first, last = max(start - at, 0), min(end, starts[index + 1]) - at
        runs[index].text = text[:first] + sign + text[last:]
        sign = ""


def _holder(text: etree._Element, tag: Tag) -> etree._Element:
    """What the tag takes the place of; in running text the run it stands in."""
    wanted = _HOLDERS[tag.kind]
    holder = text.getparent() if not tag.kind else next(text.iterancestors(wanted), None)
    if holder is None or holder.tag != wanted:
        if tag.kind:
            refuse(f"{{%{tag.kind} … %}} 只能写在表格里。", tag)
        refuse("模板标签只能写在正文文字里。", tag)
    if tag.kind and holder.find(f".//{W}sectPr") is not None:
        refuse("这一段带有分节符，标签要写在另一段里。", tag)
    if tag.kind and any(holder.find(f".//{W}{name}") is not None for name in ("drawing", "pict")):
        refuse("这个标签所在之处还有图片，填写后会丢失；请把图片移到别处。", tag)
    if tag.kind in ("tr", "tc"):
        rest = "".join(t.text or "" for t in holder.iter(f"{W}t"))
        if rest.strip() != tag.text.strip():
            refuse(f"这个标签要单独占一个{_HOLDER_NAMES[tag.kind]}，里面不能有别的文字或标签。", tag)
    return holder


def _check_blocks(tags: Sequence[Tag], holders: Sequence[etree._Element]) -> None:
    """Every block ends, with a tag of its kind, where it began: in the same paragraph, text, table or row."""
    closes = {"endif": "if", "endfor": "for", "elif": "if", "else": "if"}
    open_: list[int] = []
    for number, tag in enumerate(tags):
        word = tag.word
        if word in ("if", "for"):
            open_.append(number)
            if len(open_) > MAX_DEPTH:
                refuse(f"if 和 for 最多嵌套 {MAX_DEPTH} 层。", tag)
        elif word in closes:
            if not open_ or tags[open_[-1]].word != closes[word]:
                refuse(f"{word} 前面没有对应的 {closes[word]}。", tag)
            first = open_[-1]
            if tags[first].kind != tag.kind or holders[first].getparent() is not holders[number].getparent():
                began = tags[first]
                refuse(
                    f"与它成对的 {began.text} 在{began.place}，两处应写法相同，并在同一段、同一栏文字或同一个表格中："
                    "整段用 {%p … %}，整行用 {%tr … %}。",
                    tag,
                )
            if word.startswith("end"):
                open_.pop()
    if open_:
        refuse(f"{tags[open_[-1]].word} 没有结束，请加上 end{tags[open_[-1]].word}。", tags[open_[-1]])


def _take_place(holder: etree._Element, sign: str, tag: Tag) -> None:
    """Put the sign where the element was."""
    parent = holder.getparent()
    if parent is None:
        refuse("模板标签只能写在正文文字里。", tag)
    before = holder.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + sign + (holder.tail or "")
    else:
        parent.text = (parent.text or "") + sign + (holder.tail or "")
    holder.tail = None
    parent.remove(holder)


def _merge_down(run: etree._Element, tag: Tag, sources: list[str]) -> etree._Element:
    """Of the cell around ``{% vm %}``: merged with the passes below, its text in the first alone."""
    cell = next(run.iterancestors(f"{W}tc"), None)
    if cell is None:
        refuse("{% vm %} 只能写在表格里。", tag)
    properties = cell.find(f"{W}tcPr")
    if properties is None:
        properties = etree.Element(f"{W}tcPr")
        cell.insert(0, properties)

    def sign(source: str) -> str:
        sources.append(source)
        return f"{_OPEN}{len(sources) - 1}{_CLOSE}"

    for merge in properties.findall(f"{W}vMerge"):
        properties.remove(merge)
    at = sum(child.tag in _BEFORE_MERGE for child in properties)
    merge = etree.Element(f"{W}vMerge")
    merge.set(f"{W}val", sign("{% if loop.first %}restart{% else %}continue{% endif %}"))
    properties.insert(at, merge)
    for paragraph in cell.findall(f"{W}p"):
        inner = paragraph.find(f"{W}pPr")
        if not len(paragraph) or inner is paragraph[-1]:
            continue
        begin, end = sign("{% if loop.first %}"), sign("{% endif %}")
        if inner is not None:
            inner.tail = begin + (inner.tail or "")
        else:
            paragraph.text = begin + (paragraph.text or "")
        paragraph[-1].tail = (paragraph[-1].tail or "") + end
    return cell
