"""The BPMN MIWG reference diagrams: each is read, and yields findings that name elements; none crashes.

The files are not part of this repository (bpmn-miwg-test-suite, CC BY 3.0); the test looks for them beside it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from engine import rules
from engine.bpmn.execution import Process
from engine.bpmn.parser import bpmn

FOLDER = Path(__file__).parents[3] / "shared" / "conformance" / "bpmn-miwg"
DIAGRAMS = sorted(FOLDER.glob("*.bpmn"))


@pytest.mark.skipif(
    not DIAGRAMS, reason="the MIWG diagrams are not beside the repository (../shared/conformance/bpmn-miwg)"
)
@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: path.stem)
def test_a_reference_diagram_runs_or_is_refused_by_element(path: Path) -> None:
    root = etree.fromstring(path.read_bytes())
    ids = {node.get("id") for node in root.iter() if isinstance(node.tag, str)}
    for process in root.iter(bpmn("process")):
        process.set("isExecutable", "true")
    findings = rules.check(root, {path.name: path.read_bytes()}, set())
    assert all(finding.message for finding in findings)
    assert {finding.element for finding in findings if finding.element} <= ids
    if not any(finding.severity == "error" for finding in findings):
        Process.compile(etree.tostring(root))
