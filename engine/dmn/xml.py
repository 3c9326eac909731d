"""Reading the XML of a stranger's decision model: no DOCTYPE, no entities, no network, limited in size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from lxml import etree

from engine.errors import Invalid

MAX_BYTES = 5_000_000
MAX_ELEMENTS = 50_000
NAMESPACES = frozenset(
    {
        "http://www.omg.org/spec/DMN/20151101/dmn.xsd",  # 1.1
        "http://www.omg.org/spec/DMN/20180521/MODEL/",  # 1.2
        "https://www.omg.org/spec/DMN/20191111/MODEL/",  # 1.3
        "https://www.omg.org/spec/DMN/20211108/MODEL/",  # 1.4
        "https://www.omg.org/spec/DMN/20230324/MODEL/",  # 1.5
    }
)
Element = etree._Element


class DmnError(Invalid):
    """No decision model that could be run; the ``code`` begins with ``dmn-``."""


def parse(content: bytes) -> Element:
    """The ``definitions`` element.

    :raises DmnError: not XML, not DMN 1.1 to 1.5, too big, or with a DOCTYPE
    """
    if len(content) > MAX_BYTES:
        raise DmnError("dmn-too-large", f"决策文件过大，最多 {MAX_BYTES // 1_000_000} MB。请拆分后再上传。")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise DmnError("dmn-not-xml", f"决策文件不是有效的 XML：{error}") from None
    document = root.getroottree().docinfo
    if document is not None and document.doctype:  # type: ignore[union-attr]
        raise DmnError("dmn-doctype", "决策文件含有 DOCTYPE，出于安全考虑不予接受。请删去后再上传。")
    if sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise DmnError("dmn-too-large", f"决策文件的元素过多，最多 {MAX_ELEMENTS} 个。请拆分后再上传。")
    if etree.QName(root).localname != "definitions" or etree.QName(root).namespace not in NAMESPACES:
        raise DmnError("dmn-not-dmn", "这不是 DMN 1.1 至 1.5 的决策文件。请用 DMN 编辑器重新导出。")
    return root


def tag(element: Element) -> str:
    """The local name of a DMN element; empty for one of another namespace."""
    return _local_name(str(element.tag))


@lru_cache(maxsize=1_000)
def _local_name(qualified: str) -> str:
    name = etree.QName(qualified)
    return name.localname if name.namespace in NAMESPACES else ""


def children(element: Element, *tags: str) -> Iterator[Element]:
    """The DMN elements directly below, all or those of some names."""
    for child in element:
        found = tag(child)
        if found and (not tags or found in tags):
            yield child


def child(element: Element, *tags: str) -> Element | None:
    """The first such element directly below."""
    return next(children(element, *tags), None)


def text(element: Element | None) -> str:
    """The text in the ``text`` element below, empty where there is none."""
    inner = None if element is None else child(element, "text")
    return "" if inner is None else "".join(str(part) for part in inner.itertext()).strip()


def name(element: Element) -> str:
    """The element's name, its spaces as FEEL reads them."""
    return " ".join((element.get("name") or "").split())


_WORDS = {
    "inputEntry": "输入第 {} 列",
    "outputEntry": "输出第 {} 列",
    "input": "输入第 {} 列",
    "output": "输出第 {} 列",
    "rule": "第 {} 条规则",
}
_NAMED = {
    "contextEntry": "“{}”",
    "decision": "决策“{}”",
    "businessKnowledgeModel": "业务知识“{}”",
    "decisionService": "决策服务“{}”",
    "inputData": "输入“{}”",
    "itemDefinition": "类型“{}”",
}


def holder(element: Element) -> str:
    """Whose logic an element belongs to: the context entry around it, or the decision or other part."""
    for around in element.iterancestors():
        variable = child(around, "variable") if tag(around) == "contextEntry" else None
        if variable is not None or (tag(around) in _NAMED and tag(around) != "contextEntry"):
            return name(around if variable is None else variable)
    return ""


def place(element: Element) -> str:
    """Where an element stands, in words: 决策“等次”，第 2 条规则，输入第 1 列."""
    words: list[str] = []
    for around in (element, *element.iterancestors()):
        kind = tag(around)
        parent = around.getparent()
        if kind in _WORDS and parent is not None:
            words.append(_WORDS[kind].format(list(children(parent, kind)).index(around) + 1))
        elif kind == "contextEntry":
            variable = child(around, "variable")
            words.append("结果" if variable is None else _NAMED[kind].format(name(variable)))
        elif kind in _NAMED:
            words.append(_NAMED[kind].format(name(around)))
    return "，".join(reversed(words))
