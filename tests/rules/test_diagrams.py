"""Every rule with its page and its diagrams: of a valid one nothing is told, of an invalid one what its first comment says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine import rules
from engine.bpmn.parser import parse_xml
from engine.rules import unsupported

ROOT = Path(__file__).parents[2]
DIAGRAMS = sorted(Path(__file__).parent.glob("diagrams/*/*.bpmn"))
PAGES = ROOT / "docs" / "rules"


def told(path: Path) -> list[str]:
    """``rule severity element`` of each finding on a diagram, in the folder that it lies in."""
    files = {p.name: p.read_bytes() for p in path.parent.iterdir() if p.suffix != ".bpmn" or p == path}
    findings = rules.check(parse_xml(path.read_bytes()), files, set())
    return [f"{f.rule} {f.severity} {f.element}" for f in findings]


@pytest.mark.parametrize("path", DIAGRAMS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_diagram_yields_what_it_says(path: Path) -> None:
    comment = re.search(r"<!-- (.+?) -->", path.read_text(encoding="utf-8"))
    assert comment is not None
    expected = [] if comment[1] == "valid" else comment[1].split("; ")
    assert told(path) == expected
    assert bool(expected) == path.stem.startswith("invalid")
    assert not expected or any(one.split()[0] == path.parent.name for one in expected)


def test_every_rule_has_its_diagrams_and_its_page() -> None:
    drawn = {
        rule: {p.stem.split("_")[0] for p in DIAGRAMS if p.parent.name == rule} for rule in rules.all_rules()
    }
    assert all(kinds == {"valid", "invalid"} for kinds in drawn.values()), drawn
    pages = {path.stem: path.read_text(encoding="utf-8") for path in PAGES.glob("*.md")}
    index = pages.pop("README")
    assert pages.keys() == rules.all_rules().keys()
    for rule, page in pages.items():
        title, *sections = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        assert sections == ["什么不对", "为什么", "怎么改"], rule
        assert title.startswith(f"`{rule}` ")
        assert f"| [`{rule}`]({rule}.md) | {title.removeprefix(f'`{rule}` ')} |" in index
        shown = set(re.findall(rf"diagrams/{rule}/([\w.]+)\)", page))
        assert shown == {p.name for p in DIAGRAMS if p.parent.name == rule}


#: the elements of BPMN 2.0 (Semantic.xsd): those that stand in files, global ones and local ones; abstract ones left out
BPMN = """
    adHocSubProcess assignment association auditing boundaryEvent businessRuleTask callActivity callChoreography callConversation
    cancelEventDefinition category categoryValue choreography choreographyTask collaboration compensateEventDefinition
    complexBehaviorDefinition complexGateway conditionalEventDefinition conversation conversationAssociation conversationLink
    correlationKey correlationProperty correlationPropertyBinding correlationPropertyRetrievalExpression correlationSubscription
    dataInput dataInputAssociation dataObject dataObjectReference dataOutput dataOutputAssociation dataState dataStore
    dataStoreReference definitions documentation endEvent endPoint error errorEventDefinition escalation escalationEventDefinition
    eventBasedGateway exclusiveGateway extension extensionElements formalExpression expression globalBusinessRuleTask
    globalChoreographyTask globalConversation globalManualTask globalScriptTask globalTask globalUserTask group humanPerformer
    implicitThrowEvent import inclusiveGateway inputSet interface intermediateCatchEvent intermediateThrowEvent ioBinding
    ioSpecification itemDefinition lane laneSet linkEventDefinition manualTask message messageEventDefinition messageFlow
    messageFlowAssociation monitoring multiInstanceLoopCharacteristics operation outputSet parallelGateway participant
    participantAssociation participantMultiplicity partnerEntity partnerRole performer potentialOwner process property receiveTask
    relationship rendering resource resourceAssignmentExpression resourceParameter resourceParameterBinding resourceRole script
    scriptTask sendTask sequenceFlow serviceTask signal signalEventDefinition standardLoopCharacteristics startEvent subChoreography
    subConversation subProcess task terminateEventDefinition text textAnnotation timerEventDefinition transaction userTask
    activationCondition childLaneSet completionCondition condition conditionExpression correlationPropertyRef dataInputRefs
    dataOutputRefs dataPath errorRef event eventDefinitionRef flowNodeRef from inMessageRef incoming initiatingParticipantRef
    innerParticipantRef inputDataItem inputSetRefs loopCardinality loopCondition loopDataInputRef loopDataOutputRef messageFlowRef
    messagePath operationRef optionalInputRefs optionalOutputRefs outMessageRef outerParticipantRef outgoing outputDataItem
    outputSetRefs participantRef partitionElement resourceRef source sourceRef supportedInterfaceRef supports target targetRef
    timeCycle timeDate timeDuration to transformation whileExecutingInputRefs whileExecutingOutputRefs categoryValueRef
    interfaceRef choreographyRef
"""


def test_every_element_of_bpmn_runs_is_refused_is_told_or_is_harmless() -> None:
    tables = (unsupported.RUNS, unsupported.REFUSED, unsupported.DRAWN, unsupported.HARMLESS)
    for tag in BPMN.split():
        assert sum(tag in table for table in tables) == 1, tag
