"""Variables of an instance as an operator sees and corrects them; the history keeps what was there before, and why it was changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from engine import fanout, feel, instances, stepping, suspension, values
from engine.bpmn.execution import Assign
from engine.clock import local
from engine.errors import Conflict, Invalid
from engine.history import Entry
from engine.instances import ProcessInstance
from engine.runtime import Runtime
from engine.work_items import WorkItem


def seen(runtime: Runtime, session: Session, instance: ProcessInstance) -> dict[str, Any]:
    """What an instance sees; a child's that nobody has touched yet come from its fan-out."""
    if instance.state is None and instance.fanout_id is not None and instance.deleted_at is None:
        given, own = fanout.layers(runtime, session, instance)
        return {**given, **own}
    return stepping.variables(runtime, session, instance)


def correct(
    runtime: Runtime,
    session: Session,
    instance_id: int,
    data: Mapping[str, Any],
    expressions: Mapping[str, str],
    *,
    reason: str,
    by: int,
    at: datetime,
) -> ProcessInstance:
    """Set variables of a running instance, also of a suspended one.

    Conditional events look at them at once. Open work items keep the title, the deadline and the candidates that they were opened with;
    their forms show the new values. Children of an open fan-out keep what they were given.

    :param data: name -> value
    :param expressions: name -> FEEL, which may use the variables; what JSON can say, FEEL can too
    :raises Invalid: no reason, a name or value that cannot be kept, nothing that would change; ``errors`` by name
    :raises Conflict: the instance has ended, or has not begun
    """
    reason = suspension.required(reason, "请写明更正变量的原因。")
    instance = instances.get(session, instance_id, lock=True)
    if instance.ended_at is not None:
        raise Conflict("ended", f"“{instance.title}”已经结束，不能更正变量。", id=instance_id)
    before = seen(runtime, session, instance)
    wanted = _checked({**dict(data), **_evaluated(expressions, before, at)})
    changes = {
        name: [before.get(name), value]
        for name, value in wanted.items()
        if name not in before or values.dumps(before[name]) != values.dumps(value)
    }
    if not changes:
        raise Invalid("nothing-changed", "没有要更正的变量：填写的值与现在的相同。")
    if instance.state is None:
        _materialise(runtime, session, instance)
    entry = Entry("corrected", {"reason": reason, "changes": changes}, by)
    stepping.advance(
        runtime, session, instance, Assign({name: wanted[name] for name in changes}), [entry], at=at
    )
    return instance


def _evaluated(expressions: Mapping[str, str], before: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    found, errors = {}, {}
    for name, text in expressions.items():
        warnings: list[str] = []
        try:
            found[name] = feel.evaluate(text, before, now=local(at), warnings=warnings)
        except (feel.FeelSyntaxError, feel.FeelLimitError) as error:
            errors[name] = f"“{name}”的值不是 FEEL 表达式：{error}文字请加英文双引号。"
            continue
        if found[name] is None and warnings:
            errors[name] = f"“{name}”的值算不出来：{warnings[0]}"
    if errors:
        raise Invalid("variables", "有的变量值不能采用，请改正后再提交。", errors)
    return found


def _checked(wanted: Mapping[str, Any]) -> dict[str, Any]:
    errors = {}
    for name, value in wanted.items():
        if not name.strip() or len(name) > 200:
            errors[name] = "变量名应有 1 到 200 个字。"
            continue
        try:
            values.dumps(value)
        except (TypeError, ValueError) as error:
            errors[name] = f"“{name}”的值不能保存（{error}），请用文字、数字、日期、列表或数据。"
    if errors:
        raise Invalid("variables", "有的变量值不能采用，请改正后再提交。", errors)
    return dict(wanted)


def _materialise(runtime: Runtime, session: Session, child: ProcessInstance) -> None:
    """A child that nobody has touched yet gets its state, and its first work item its token."""
    loaded = runtime.definitions.get(session, child.definition_id)
    if child.fanout_id is None or loaded.process.entry(child.scope) is None:
        raise Conflict("not-begun", f"“{child.title}”还没有开始，请稍候再试。", id=child.id)
    task = fanout.materialise(runtime, session, child)
    session.execute(
        update(WorkItem)
        .where(WorkItem.instance_id == child.id, WorkItem.task_id.is_(None), WorkItem.origin_id.is_(None))
        .values(task_id=task, version=WorkItem.version + 1)
        .execution_options(synchronize_session=False)
    )
