"""What a user task asks of a signature reaches the engine from the diagram."""

from engine.bpmn.model import SignatureRequest
from engine.bpmn.parser import parse, parse_xml
from engine.shipped import PROCESSES


def test_a_condition_and_a_deferral_are_read() -> None:
    """签发: returning the draft asks for no signature, and agreeing is a consent with which the batch is signed later."""
    diagram = PROCESSES / "responsibility_letter" / "responsibility_letter.bpmn"
    asked = parse(parse_xml(diagram.read_bytes())).elements["issue"].signature
    assert asked == SignatureRequest(
        "=责任书", "issuer", None, '=签发决定 = "同意签发"', deferred=True, attestors=("党务干事", "委员")
    )
