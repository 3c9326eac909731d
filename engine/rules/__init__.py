"""Deploy-time checks, one rule a file. A rule is a module with ``check(case) -> Iterator[Finding]``.

Adding a rule is adding a file here, its page for designers to ``docs/rules/`` and its diagrams to ``tests/rules/diagrams/``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from lxml import etree

from engine.bpmn.graph import Graph
from engine.bpmn.model import Element, Model
from engine.bpmn.parser import exits, local, parse
from engine.errors import Finding, Refused


@dataclass(frozen=True)
class Case:
    """What a rule looks at.

    :ivar root: the diagram as XML
    :ivar model: the diagram's meaning
    :ivar files: file name -> content: the process folder
    :ivar known: keys of the processes that are deployed already
    """

    root: etree._Element
    model: Model
    files: Mapping[str, bytes]
    known: set[str]

    def nodes(self, *tags: str) -> Iterator[etree._Element]:
        """Those of the executable process, and those outside of any process."""
        return (node for tag in tags for node in self._by_tag.get(tag, ()))

    @cached_property
    def _by_tag(self) -> dict[str, list[etree._Element]]:
        found: dict[str, list[etree._Element]] = {}
        for child in self.root:
            if local(child) != "process" or child.get("id") == self.model.key:
                for node in child.iter():
                    found.setdefault(local(node), []).append(node)
        return found

    @cached_property
    def _exits(self) -> dict[tuple[str | None, str | None], list[etree._Element]]:
        return exits(self.root)

    def leaving(self, node: etree._Element) -> list[etree._Element]:
        """The sequence flows that leave a node of the diagram."""
        parent = node.getparent()
        return [] if parent is None else self._exits.get((parent.get("id"), node.get("id")), [])

    @cached_property
    def graph(self) -> Graph:
        return Graph(self.model)

    @cached_property
    def flow_names(self) -> dict[str, str]:
        """The names of the sequence flows that have one."""
        return {
            node.get("id", ""): f"“{node.get('name')}”{node.get('id')}"
            for node in self.nodes("sequenceFlow")
            if node.get("name")
        }

    @property
    def elements(self) -> Collection[Element]:
        return self.model.elements.values()


Rule = Callable[[Case], Iterator[Finding]]


@lru_cache(maxsize=1)
def all_rules() -> dict[str, Rule]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name.replace("_", "-"): importlib.import_module(f"{__name__}.{name}").check for name in names}


def check(root: etree._Element, files: Mapping[str, bytes], known: set[str]) -> list[Finding]:
    """All findings, errors first; an unreadable diagram yields the parser's."""
    try:
        model = parse(root)
    except Refused as refused:
        return refused.findings
    case = Case(root, model, files, known)
    findings = [finding for rule in all_rules().values() for finding in rule(case)]
    return sorted(findings, key=lambda f: (f.severity != "error", f.rule, f.element or ""))
