"""Random acts on random processes, against a model of their tokens (``tests.engine.shapes``).

Once on the bare kernel, through its text between every two steps; once on an engine that is started anew between every two steps.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.bpmn.execution import Complete, Fire, Process, Receive, Reopen, Step
from engine.errors import NotExecutable
from tests.engine.shapes import KINDS, VARIABLES, Block, Game, Leaf, blocks, diagram
from tests.engine.test_steps import CONTEXT, NOW

values = st.fixed_dictionaries({}, optional={one: st.booleans() for one in VARIABLES})


class Kernel:
    """An instance in the bare kernel: what waits in it, by task id."""

    def __init__(self, block: Block, first: dict[str, bool]) -> None:
        self.process = Process.compile(diagram("p", block))
        self.waiting: dict[str, str] = {}
        self._note(self.process.start("p", {**first, "unit": {"id": 1}}, CONTEXT))

    def _note(self, step: Step) -> None:
        self.step = step
        for gone in (*step.cancelled, *step.unscheduled, *step.unsubscribed):
            self.waiting.pop(gone, None)
        for one in (*step.opened, *step.scheduled, *step.subscribed):
            self.waiting[one.task_id] = one.element.id

    def do(self, action: Any, acted: str | None = None) -> None:
        step = self.process.advance("p", self.step.state, action, replace(CONTEXT, now=NOW))
        self.waiting.pop(acted or "", None)
        self._note(step)

    def act(self, leaf: Leaf, written: dict[str, bool]) -> tuple[str, str]:
        task = next(id for id, element in self.waiting.items() if element == leaf.element)
        kinds = {
            "task": Complete(task, written),
            "many": Complete(task, written),
            "timer": Fire(task),
            "message": Receive(task),
        }
        self.do(kinds[leaf.kind], task)
        return leaf.element, task


def agree(kernel: Kernel, game: Game) -> None:
    assert Counter(kernel.waiting.values()) == Counter(leaf.element for leaf in game.standing(*KINDS))
    assert kernel.step.ended == game.ended
    looked = {e for e in kernel.process.elements_of("p", kernel.step.state).values() if e == "open"}
    assert bool(looked) != game.ended


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_kernel_does_what_the_model_does_and_always_ends(data: st.DataObject) -> None:
    block = data.draw(blocks)
    first = {one: data.draw(st.booleans()) for one in VARIABLES}
    kernel, game = Kernel(block, first), Game(block, dict(first), whole=True)
    agree(kernel, game)
    for _ in range(data.draw(st.integers(0, 25))):
        if game.ended:
            return
        leaf = data.draw(st.sampled_from(game.standing(*KINDS)))
        written = data.draw(values) if leaf.kind in ("task", "many") else {}
        done = kernel.act(leaf, written)
        game.act(leaf, written)
        agree(kernel, game)
        if leaf.kind in ("task", "many") and not game.ended and data.draw(st.booleans()):
            try:
                kernel.do(Reopen(*done))
            except NotExecutable as nothing:
                assert nothing.code == "nothing-to-undo"
            else:
                game = game.undone()
            agree(kernel, game)
    no = dict.fromkeys(VARIABLES, False)
    for _ in range(200):  # every loop ends now: the process does
        if game.ended:
            return
        leaf = game.standing(*KINDS)[0]
        kernel.act(leaf, no if leaf.kind in ("task", "many") else {})
        game.act(leaf, no if leaf.kind in ("task", "many") else {})
        agree(kernel, game)
    raise AssertionError("it does not end")
