"""A task spec for every kind of flow node: what a token does there.

SpiffWorkflow gives tasks their life (future, waiting, ready, started, completed) and the tree they hang in. What BPMN says of each
kind of node is here. A token is where it is: nothing is predicted, and a completed task leaves the tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from SpiffWorkflow.bpmn.specs.mixins.bpmn_spec_mixin import BpmnSpecMixin
from SpiffWorkflow.specs.WorkflowSpec import WorkflowSpec
from SpiffWorkflow.task import Task
from SpiffWorkflow.util.task import TaskState

from engine.bpmn import compensation, joins
from engine.bpmn.graph import COMPENSATION, Graph, single
from engine.bpmn.model import Element, Model
from engine.bpmn.parser import SUB_PROCESSES

if TYPE_CHECKING:
    from engine.bpmn.tokens import Run


class Node(BpmnSpecMixin):  # type: ignore[misc]
    """A flow node that a token passes at once.

    :ivar element: None for the process itself
    """

    def __init__(self, wf_spec: Any, name: str, element: Element | None) -> None:
        super().__init__(wf_spec, name)
        self.bpmn_id = element.id if element is not None else name
        self.element = element

    def test(self) -> None:
        """SpiffWorkflow wants every spec connected; flows are the model's."""

    def _predict_hook(self, my_task: Task) -> None:
        """Nothing is predicted."""

    def _update_hook(self, my_task: Task) -> bool:
        return True

    def _on_ready_hook(self, my_task: Task) -> None:
        my_task.workflow.ready.append(my_task)

    def _run_hook(self, my_task: Task) -> bool | None:
        return True

    def _on_complete_hook(self, my_task: Task) -> None:
        my_task.workflow.leave(my_task)


class Activity(Node):
    """Stays started until the engine completes it: a user task, a job, a fan-out."""

    def _run_hook(self, my_task: Task) -> bool | None:
        run: Run = my_task.workflow
        if run.skips(my_task):
            run.disarm(my_task)
            return True
        run.arm(my_task)
        return None


class Start(Node):
    """A start event; after 驳回发起人 it waits for the start form once more."""

    def _run_hook(self, my_task: Task) -> bool | None:
        return None if my_task.internal_data.get("restart") else True


class Pass(Activity):
    """An activity that is done at once; a manual or abstract task: somebody does something that the engine does not see."""

    def _run_hook(self, my_task: Task) -> bool | None:
        run: Run = my_task.workflow
        while not run.skips(my_task):
            self._do(run, my_task)
            run.note(my_task)
            if not run.again(my_task):
                break
        return True

    def _do(self, run: Run, my_task: Task) -> None:
        pass


class Decision(Pass):
    """A business rule task: evaluated inside the step, because a decision table is pure."""

    def _do(self, run: Run, my_task: Task) -> None:
        assert self.element is not None
        run.script.decide(self.element, run.seen(my_task), run.data)


class Send(Pass):
    """A send task with a message."""

    def _do(self, run: Run, my_task: Task) -> None:
        assert self.element is not None
        run.script.throw(self.element, run.seen(my_task))


class SubProcess(Activity):
    """An embedded sub-process, a transaction, an event sub-process or an ad-hoc one: a scope whose tokens are its children."""

    def _run_hook(self, my_task: Task) -> bool | None:
        waiting = super()._run_hook(my_task)
        if waiting is None:
            my_task.workflow.enter(my_task)
        return waiting


class Catch(Node):
    """An event that waits: intermediate, on a boundary, or the start of an event sub-process."""

    def _update_hook(self, my_task: Task) -> bool:
        assert self.element is not None
        if (
            self.element.event is None
            or self.element.event.kind == "link"
            or my_task.internal_data.get("fired")
        ):
            return True
        my_task._set_state(TaskState.WAITING)
        my_task.workflow.script.wait(self.element, my_task)
        return False


class Receive(Catch):
    """A receive task: an activity that waits for a message."""

    def _update_hook(self, my_task: Task) -> bool:
        run: Run = my_task.workflow
        if run.skips(my_task):
            return True
        super()._update_hook(my_task)
        run.arm(my_task)
        return False

    def _run_hook(self, my_task: Task) -> bool | None:
        my_task.workflow.disarm(my_task)  # there is no further round
        return True


class Throw(Node):
    """An event that throws, at an end or in between."""

    def _run_hook(self, my_task: Task) -> bool | None:
        assert self.element is not None
        event = self.element.event
        if event is not None and event.kind in ("compensation", "cancel"):
            return None if compensation.begin(my_task.workflow, my_task) else True
        return True

    def _on_complete_hook(self, my_task: Task) -> None:
        my_task.workflow.throws(my_task)


class EventGateway(Node):
    """What happens first among the events behind it decides."""

    def _on_complete_hook(self, my_task: Task) -> None:
        my_task.workflow.leave(my_task, race=str(my_task.id))


class Parallel(Node):
    """Waits for one token from every incoming flow."""

    def _update_hook(self, my_task: Task) -> bool:
        return joins.join(my_task.workflow, my_task)


class Inclusive(Node):
    """Waits for every token that can still come; an inclusive or a complex gateway."""

    def _update_hook(self, my_task: Task) -> bool:
        assert self.element is not None
        if len(self.element.incoming) < 2 or "flow" not in my_task.internal_data:
            return True
        my_task._set_state(TaskState.WAITING)
        return False


def specs_of(model: Model, graph: Graph) -> WorkflowSpec:
    """One spec for the whole model: its process, each node, and one more for each multi-instance task alone (``single``)."""
    spec = WorkflowSpec(model.key, addstart=False)
    Node(spec, model.key, None)
    Node(spec, COMPENSATION, None)
    for element in model.elements.values():
        _kind(element)(spec, element.id, element)
        if element.loop is not None and element.kind not in SUB_PROCESSES:
            alone = single(element)
            Node(spec, scope_of(element.id), None)
            _kind(alone)(spec, alone_of(element.id), alone)
    return spec


def scope_of(element_id: str) -> str:
    """The name of the scope in which a multi-instance task runs alone."""
    return f"{element_id}/scope"


def alone_of(element_id: str) -> str:
    return f"{element_id}/one"


def _kind(element: Element) -> type[Node]:
    if element.is_fanout:
        return Activity
    match element.kind:
        case "parallelGateway":
            return Parallel
        case "inclusiveGateway" | "complexGateway":
            return Inclusive
        case "eventBasedGateway":
            return EventGateway
        case "exclusiveGateway":
            return Node
        case "startEvent":
            return Start if element.event is None else Catch
        case "intermediateCatchEvent" | "boundaryEvent":
            return Catch
        case "intermediateThrowEvent" | "endEvent":
            return Throw
        case "receiveTask" if element.event is not None:
            return Receive
        case "sendTask" if element.operation is None and element.event is not None:
            return Send
        case "businessRuleTask" if element.decision is not None:
            return Decision
        case "manualTask" | "task":
            return Pass
        case kind if kind in SUB_PROCESSES:
            return SubProcess
    return Activity
