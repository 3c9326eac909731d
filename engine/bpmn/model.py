"""What a designer wrote, element by element: the diagram's meaning without its picture.

Attributes marked *expression* are FEEL when they begin with ``=``, otherwise the text itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from engine import feel
from engine.clock import SHANGHAI, local
from engine.errors import NotExecutable
from engine.working_time import Calendar, Deadline, Span


def resolve(
    text: str | None, data: Mapping[str, Any], now: datetime, warnings: list[str] | None = None
) -> Any:
    """The value of an *expression* attribute.

    :param warnings: takes why the value is null, where an error of the expression is the reason
    :raises NotExecutable: no FEEL, or it asks for too much; the message names the expression
    """
    if text is None or not text.startswith("="):
        return text
    return evaluate(text, data, now, warnings)


def evaluate(text: str, data: Mapping[str, Any], now: datetime, warnings: list[str] | None = None) -> Any:
    """The value of a FEEL expression, with or without a leading ``=``, at a business time: on the wall clock, today is local."""
    source = text.strip().removeprefix("=")
    said: list[str] = []
    try:
        value = feel.evaluate(source, data, now=local(now), warnings=said)
    except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
        raise NotExecutable("expression", f"表达式“{source}”无法计算：{error}", expression=source) from error
    if value is None and warnings is not None:
        warnings += [f"“{source}”的值是 null：{one}" for one in said]
    return value


def moment(value: Any, now: datetime) -> datetime | None:
    """When a date, a time or a span from now is over; None for anything else."""
    if isinstance(value, timedelta):
        return now + value
    if isinstance(value, feel.YearsMonthsDuration):  # a month later by the calendar on the wall
        value = feel.evaluate("now + span", {"now": local(now), "span": value})
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=SHANGHAI)
    if isinstance(value, date):  # the day itself still counts
        return datetime.combine(value + timedelta(days=1), time(), SHANGHAI)
    return None


def deadline(value: Any, now: datetime, calendar: Calendar) -> Deadline | None:
    """When a time limit is over: a text such as ``5 工作日`` or ``P5D``, or whatever ``moment`` knows."""
    if isinstance(value, str):
        if (span := Span.parse(value)) is not None:
            return calendar.after(now, span)
        value = evaluate('@"' + value.strip().strip('"').replace('"', "") + '"', {}, now)
    found = moment(value, now)
    return None if found is None else Deadline(found)


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who is told of a deadline; where nothing is said, whoever may do the task.

    :ivar person: expression -> persons' ids
    :ivar posts: the holders of any of these posts
    :ivar unit: expression -> the unit at which the posts are held; None: the unit whose posts the task is assigned to
    :ivar superior: the posts are those of that unit's superior
    """

    person: str | None = None
    posts: tuple[str, ...] = ()
    unit: str | None = None
    superior: bool = False


@dataclass(frozen=True, slots=True)
class Reminder:
    """A notification before a user task's deadline.

    :ivar before: how long before, such as ``1 工作日``
    """

    before: str
    to: Recipients


@dataclass(frozen=True, slots=True)
class Escalation:
    """What happens when a user task is overdue.

    :ivar after: how long after its deadline, such as ``2 工作日``
    :ivar action: ``notify`` the recipients; ``reassign`` the task to them; ``throw`` the escalation ``code`` at the task
    """

    after: str
    action: str
    code: str | None
    to: Recipients


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who may do a user task.

    :ivar person: expression -> a person's id, or a list of them
    :ivar posts: posts of the first choice, any of them
    :ivar unit: expression -> the unit at which the posts are held
    :ivar otherwise: posts that step in, in order, when nobody eligible holds the first
    :ivar exclude: expression -> persons who may not do it (one person on both sides of a document)
    """

    person: str | None = None
    posts: tuple[str, ...] = ()
    unit: str | None = None
    otherwise: tuple[str, ...] = ()
    exclude: str | None = None


@dataclass(frozen=True, slots=True)
class SignatureRequest:
    """The completion of this user task carries a signature's outcome for one slot of one or more documents.

    :ivar document: expression -> the documents
    :ivar required: FEEL over the form's results; where it is not true, nothing is signed (退回)
    :ivar attestors: posts whose holders, at the assignment's unit, may hand in what the signer signed on paper, and attest it; the
        next where nobody holds the former
    :ivar deferred: the completion only records what its signer consented to; the operation ``sign`` signs in the background
    """

    document: str
    slot: str
    capacity: str | None = None
    required: str | None = None
    deferred: bool = False
    attestors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What a fan-out counts of its children, as they come to their end.

    :ivar condition: FEEL over the child's variables; only those count for which it is true. None: all
    :ivar weight: FEEL over the child's variables: how much one counts; 1 where there is none
    """

    name: str
    condition: str | None = None
    weight: str | None = None


@dataclass(frozen=True, slots=True)
class Voting:
    """The rule of a vote, declared on a multi-instance user task (``engine.votes``).

    :ivar kind: ``all`` (会签), ``any`` (或签: the first decision) or ``ratio`` (票签, 比例签)
    :ivar field: the form's field that holds the decision
    :ivar agree: values of the field that agree; ``reject`` and ``abstain`` likewise. Where no value rejects by name, each other
        one does; otherwise what is none of them is an invalid ballot (无效票)
    :ivar threshold: expression -> what the agreeing ones have to reach: a share of ``of``, or by ``measure`` a number
    :ivar measure: ``share``, ``heads`` (persons) or ``weight``
    :ivar of: what a share is taken of: ``应到`` (the electorate), ``实到`` (who handed in a ballot), ``有效票``
    :ivar abstention: an abstention is a ``valid`` or an ``invalid`` ballot
    :ivar tie: the threshold is met exactly: ``pass`` or ``fail``
    :ivar quorum: expression -> the share of 应到, by heads, that has to take part
    :ivar weight: expression over the item -> a voter's weight; 1 where there is none
    :ivar early: what may end the vote before everybody has voted: ``fail`` (passing has become impossible), ``both`` or ``none``
    :ivar secret: nobody finds out who voted how, not even from the database
    :ivar franchise: ``members``: full members of the Party only, not 预备党员; ``everyone``
    :ivar until: expression -> a moment, date or span: the vote ends then with whoever has voted
    :ivar result: the variable that takes the result
    """

    kind: str
    field: str
    agree: tuple[str, ...]
    reject: tuple[str, ...]
    abstain: tuple[str, ...]
    threshold: str
    measure: str
    of: str
    abstention: str
    tie: str
    quorum: str | None
    weight: str | None
    early: str
    secret: bool
    franchise: str
    until: str | None
    result: str | None

    @property
    def in_person(self) -> bool:
        """Each voter votes himself, nobody in his place."""
        return self.secret or self.kind == "ratio"


@dataclass(frozen=True, slots=True)
class Loop:
    """Multi-instance characteristics; ``collection`` and ``cardinality`` are expressions, exactly one is set."""

    collection: str | None
    cardinality: str | None
    sequential: bool
    item: str | None = None
    output: str | None = None
    outputs: str | None = None
    condition: str | None = None
    tallies: tuple[Tally, ...] = ()


@dataclass(frozen=True, slots=True)
class StandardLoop:
    """Standard loop characteristics: the activity runs again while ``condition`` (FEEL) is true.

    :ivar before: the condition is tested before each round, so that there may be none at all
    :ivar maximum: no more rounds than this, whatever the condition says
    """

    condition: str | None
    before: bool
    maximum: int | None


@dataclass(frozen=True, slots=True)
class AdHoc:
    """An ad-hoc sub-process: which of its activities run, how often and in what order is decided while it runs.

    :ivar activities: FEEL -> the ids of those that open by themselves; None: each that has no incoming flow
    :ivar condition: FEEL; the sub-process is complete when it is true after one of its activities ended. None: when none is active
    :ivar cancels: on completion, what is still active is cancelled; otherwise it is waited for
    """

    sequential: bool
    activities: str | None
    condition: str | None
    cancels: bool


@dataclass(frozen=True, slots=True)
class EventDefinition:
    """What an event waits for, or what it throws.

    :ivar kind: ``timer``, ``message``, ``signal``, ``error``, ``escalation``, ``conditional``, ``link``, ``compensation``,
        ``cancel`` or ``terminate``
    :ivar name: the message's, signal's or link's name; the error's or escalation's code (None catches every one)
    :ivar timer: (``timeDate``, ``timeDuration`` or ``timeCycle``; expression)
    :ivar condition: FEEL of a conditional event
    :ivar correlation: expression -> the key by which a message finds its receiver; None for a message that needs none
    :ivar activity: of a compensation throw event: the one activity to be compensated; None for all of the scope
    """

    kind: str
    name: str | None = None
    timer: tuple[str, str] | None = None
    condition: str | None = None
    correlation: str | None = None
    activity: str | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A sequence flow.

    :ivar condition: FEEL; None for one without a condition
    :ivar default: taken when no condition of its siblings holds
    """

    id: str
    source: str
    target: str
    condition: str | None = None
    default: bool = False


#: what a designer may switch on or off at a user task: 驳回, 加签与减签, 转办, 委派, 撤回, 抄送, 催办
OPERATIONS = ("reject", "add", "transfer", "delegate", "withdraw", "carbon", "nudge")


@dataclass(frozen=True, slots=True)
class Element:
    """One flow node.

    :ivar kind: BPMN's local tag name, such as ``userTask``
    :ivar scope: the id of the process or sub-process that holds it
    :ivar event: of events, and of send and receive tasks (a message); None for an event without a trigger
    :ivar interrupting: of boundary events and of start events of event sub-processes
    :ivar triggered: an event sub-process
    :ivar compensates: a compensation handler: no flow leads to it, a compensation boundary event's association does
    :ivar handler: of a compensation boundary event: the id of its handler
    :ivar activation: FEEL of a complex gateway; sees ``activationCount``
    :ivar lane: the name of the innermost lane that holds it; a user task without an assignment takes the lane's
    :ivar retry: of a service task: the waits before its second, third ... attempt, as ISO-8601 durations; None: the engine's own
    :ivar inputs: name -> expression: what an operation, a called process or a thrown message is given
    :ivar outputs: name -> expression: what becomes of the results of an operation (``result``), of a called process, of a
        completed user task (its form's values), of a caught message or signal (its payload)
    :ivar operations: of a user task: those of ``OPERATIONS`` that its diagram names; None where it names none (``permits``)
    :ivar renews: of a start event: (ledger, variable); the process renews rows of that ledger (``engine.renewals``), and its
        start form sees those that the person may choose from in the variable
    """

    id: str
    kind: str
    name: str
    scope: str
    form: str | None = None
    assignment: tuple[Assignment, ...] = ()
    title: str | None = None
    due: str | None = None
    reminders: tuple[Reminder, ...] = ()
    escalations: tuple[Escalation, ...] = ()
    document: str | None = None
    signature: SignatureRequest | None = None
    result: str | None = None
    opinion_required: str | None = None
    operations: frozenset[str] | None = None
    operation: str | None = None
    retry: tuple[str, ...] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    decision: tuple[str, str, str] | None = None
    called: str | None = None
    loop: Loop | None = None
    vote: Voting | None = None
    standard_loop: StandardLoop | None = None
    adhoc: AdHoc | None = None
    starter_posts: tuple[str, ...] = ()
    starter_member: bool = False
    renews: tuple[str, str] | None = None
    attached_to: str | None = None
    interrupting: bool = True
    event: EventDefinition | None = None
    triggered: bool = False
    compensates: bool = False
    handler: str | None = None
    activation: str | None = None
    lane: str | None = None
    incoming: tuple[Flow, ...] = ()
    outgoing: tuple[Flow, ...] = ()

    @property
    def timer(self) -> tuple[str, str] | None:
        return self.event.timer if self.event is not None else None

    def permits(self, operation: str) -> bool:
        """Where the diagram says nothing, everything but handing a signature over to a person whom it does not name.

        A vote in person is not handed over; a secret one allows nothing that would tell of a ballot.
        """
        if self.vote is not None and self.vote.secret:
            return operation in ("carbon", "nudge") and (
                self.operations is None or operation in self.operations
            )
        if self.vote is not None and self.vote.in_person and operation == "transfer":
            return False
        if self.operations is None:
            return operation != "transfer" or self.signature is None
        return operation in self.operations

    @property
    def is_fanout(self) -> bool:
        """Its children are rows: a multi-instance of anything, or a called process."""
        return self.loop is not None or self.kind == "callActivity"


@dataclass(frozen=True, slots=True)
class Model:
    """A readable BPMN file: its one executable process, and every flow node by id.

    :ivar conditions: sequence flow id -> FEEL source
    :ivar unique_business_key: no two instances with one business key run at a time
    """

    key: str
    name: str
    elements: Mapping[str, Element]
    conditions: Mapping[str, str]
    title: str | None = None
    business_key: str | None = None
    unique_business_key: bool = False

    @property
    def start(self) -> Element:
        """The start event without a trigger; where there is none, the first."""
        starts = [e for e in self.elements.values() if e.kind == "startEvent" and e.scope == self.key]
        return next((e for e in starts if e.event is None), starts[0])

    def references(self) -> dict[str, set[str]]:
        """What the deployment must pin: kind of resource -> literal names."""
        found: dict[str, set[str]] = {
            "form": set(),
            "decision": set(),
            "template": set(),
            "ledger": set(),
            "process": set(),
        }
        for element in self.elements.values():
            if element.form:
                found["form"].add(element.form)
            if element.decision:
                found["decision"].add(element.decision[0])
            if element.called:
                found["process"].add(element.called)
            if element.renews:
                found["ledger"].add(element.renews[0])
            for kind in ("template", "ledger"):
                value = element.inputs.get(kind, "=") if element.operation else "="
                if not value.startswith("="):
                    found[kind].add(value)
        return found
