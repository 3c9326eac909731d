"""Every error that the engine raises on purpose: one tree, each with a stable code and a full Chinese sentence.

Programs read ``code``; people read ``str(error)``. Anything else that escapes the engine is a bug.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class LvzeError(Exception):
    """Root of the tree.

    :ivar code: stable, for programs, such as ``not-your-item``
    :ivar status: the HTTP status that fits
    :ivar details: parameters of the sentence, for programs
    """

    status = 400
    default_code = "error"

    def __init__(self, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.details = details


class SettingsError(LvzeError):
    """A setting is missing or wrong: refused at start."""

    status = 500


class NotFound(LvzeError):
    """There is no such thing, or the person may not know of it."""

    status = 404


class NotAllowed(LvzeError):
    """The person may not do this."""

    status = 403


class Conflict(LvzeError):
    """Somebody was faster, or the thing is no longer in the state that the act needs."""

    status = 409


class Invalid(LvzeError):
    """What was handed in is wrong.

    :ivar errors: field key -> sentence, for the form that sent it; empty where no single field is at fault
    """

    status = 422

    def __init__(self, code: str, message: str, errors: dict[str, str] | None = None, **details: Any) -> None:
        super().__init__(code, message, **details)
        self.errors = errors or {}


class NotExecutable(LvzeError):
    """A running instance cannot go on: a gateway without a match, an expression that failed. Nothing is changed."""

    status = 409


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem in a designer's model.

    :ivar rule: the rule's name, as its file in ``engine/rules/``
    :ivar element: the BPMN element's id, or None for the whole file
    :ivar message: a sentence that says what to do, in Chinese
    :ivar severity: ``error`` refuses the deployment, ``warning`` does not
    :ivar path: the file in the process folder
    """

    rule: str
    message: str
    element: str | None = None
    severity: str = "error"
    path: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class Refused(LvzeError):
    """A deployment with findings of severity ``error``; nothing was deployed.

    :ivar findings: all of them, warnings included
    """

    status = 422

    def __init__(self, findings: list[Finding]) -> None:
        first = next((f for f in findings if f.severity == "error"), findings[0])
        super().__init__("deployment-refused", f"未部署：{first.message}（共 {len(findings)} 项检查结果）")
        self.findings = findings
