"""What a BPMN service task may call: one operation a file, found by its name.

An operation is a module with ``run(context, **inputs) -> dict``. It runs as a job, inside the transaction that also moves the
token, so its effect happens exactly once. Slow or outside work belongs in an optional ``prepare(context, **inputs) -> Any``,
which runs before the transaction on a reading session; what it returns reaches ``run`` as ``context.prepared``. An operation whose
effect leaves the house, and cannot be taken back, says so with ``outward(inputs) -> bool``: it waits for the undo window, and is
given to the world with ``context.key``, by which a repetition is recognised.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from engine.errors import LvzeError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from engine.clock import Clock
    from engine.deployments import Loaded
    from engine.documents.pdf import Renderer
    from engine.instances import ProcessInstance
    from engine.jobs import Job
    from engine.runtime import Runtime
    from engine.settings import Settings

NAMES = frozenset(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


class BpmnError(LvzeError):
    """An operation's business error: caught by an error boundary event with the same code, an incident at once without one."""


@dataclass(slots=True)
class Operation:
    """What an operation may use.

    :ivar session: the job's transaction (in ``prepare``: a reading session)
    :ivar at: business time of the run
    :ivar loaded: the instance's definition with its pinned templates, ledgers, forms and decisions
    :ivar data: the token's variables
    :ivar prepared: what ``prepare`` returned
    """

    runtime: Runtime
    session: Session
    clock: Clock
    at: datetime
    settings: Settings
    renderer: Renderer
    loaded: Loaded
    instance: ProcessInstance
    job: Job
    data: dict[str, Any]
    prepared: Any = None

    @property
    def key(self) -> str:
        """By which the world outside recognises a repetition: the same for all attempts of this job."""
        return self.job.key or f"{self.instance.id}-{self.job.task_id}"


def is_outward(name: str, inputs: Mapping[str, str] = MappingProxyType({})) -> bool:
    """Does the operation reach the world outside, beyond recall? Unknown ones do not.

    :param inputs: name -> expression, as the diagram has them
    """
    return name in NAMES and getattr(find(name), "outward", _never)(inputs)


def _never(_inputs: Mapping[str, str]) -> bool:
    return False


def find(name: str) -> ModuleType:
    """The operation's module.

    :raises KeyError: no such operation
    """
    if name not in NAMES:
        raise KeyError(name)
    return importlib.import_module(f"engine.service_tasks.{name}")
