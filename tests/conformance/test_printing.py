"""Every expression of the DMN TCK's models, printed from its tree, is the same expression."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.dmn import xml
from engine.dmn.reading import names_of
from engine.feel import FeelSyntaxError
from engine.feel.parser import parse, parse_unary_tests
from engine.feel.printing import printed
from tests.conformance import tck

pytestmark = pytest.mark.skipif(not tck.KIT.is_dir(), reason=f"no DMN TCK at {tck.KIT}")


def expressions(file: Path) -> int:
    """How many of a file's expressions were compared."""
    root = xml.parse(file.read_bytes())
    names, compared = names_of(root), 0
    for element in root.iter("{*}literalExpression", "{*}outputEntry", "{*}inputExpression", "{*}inputEntry"):
        around = element.iterancestors("{*}functionDefinition", "{*}businessKnowledgeModel")
        parameters = {xml.name(p) for holder in around for p in holder.iter("{*}formalParameter")}
        read = parse_unary_tests if xml.tag(element) == "inputEntry" else parse
        try:
            tree = read(xml.text(element), names | parameters)
        except FeelSyntaxError:  # some are wrong on purpose, some are of another language
            continue
        assert read(printed(tree), names | parameters) == tree, xml.text(element)
        compared += 1
    return compared


def test_printed_expressions_are_the_same() -> None:
    assert sum(expressions(file) for file in sorted(tck.KIT.glob("*/*/*.dmn"))) > 2000
