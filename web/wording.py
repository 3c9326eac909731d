"""How moments, deadlines, events and process values read on a page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flask import Flask, g
from flask_babel import gettext as _
from markupsafe import Markup

from engine.bpmn.migration import Note
from engine.bpmn.model import Voting
from engine.clock import local
from engine.dmn import Sheet
from engine.history import Event
from engine.incidents import Incident
from engine.instances import ProcessInstance
from engine.votes import Rule, Vote
from engine.working_time import Calendar, not_known
from web.catalogue import input_label, operation_label
from web.current import engine, sees_technicalities


def when(moment: datetime | None) -> Markup | str:
    """2026-04-30 16:05 on the wall clock, as a ``<time>``."""
    if moment is None:
        return ""
    shown = local(moment)
    return Markup('<time datetime="{}">{}</time>').format(
        shown.isoformat(timespec="seconds"), shown.strftime("%Y-%m-%d %H:%M")
    )


def clock(moment: datetime) -> str:
    """10:32"""
    return local(moment).strftime("%H:%M")


def day(value: date | datetime | None) -> str:
    """2026年4月30日"""
    if value is None:
        return ""
    value = local(value).date() if isinstance(value, datetime) else value
    return f"{value.year}年{value.month}月{value.day}日"


def due(moment: datetime | None) -> Markup | str:
    """A badge, in working time: 超期 3 个工作日, 剩 2 小时, or nothing but the date when it is far off."""
    if moment is None:
        return ""
    now, calendar = engine.clock.now(), _calendar()
    time = calendar.in_words(now, moment)
    # A deadline that is a day lasts to its midnight: the day before is what people call it.
    full = day(moment - timedelta(seconds=1))
    if moment < now:
        kind, words = "late", _("超期 %(time)s", time=time) if time else _("已超期")
    elif calendar.between(now, moment) < 3 * calendar.day_length:
        kind, words = "soon", _("剩 %(time)s", time=time) if time else _("即将到期")
    else:
        kind, words = "", _("%(day)s前", day=full)
    return Markup('<span class="tag {}" title="{}">{}</span>').format(kind, full, words)


def _calendar() -> Calendar:
    """Asked for once a page, however many badges it has."""
    if "calendar" not in g:
        g.calendar = engine.calendar()
    found: Calendar = g.calendar
    return found


def value(thing: Any) -> str:
    """A process value as a person reads it."""
    match thing:
        case None | "":
            return "—"
        case bool():
            return str(_("是") if thing else _("否"))
        case datetime():
            return (
                local(thing).strftime("%Y-%m-%d %H:%M") if thing.tzinfo else thing.strftime("%Y-%m-%d %H:%M")
            )
        case date():
            return day(thing)
        case Decimal():
            return format(thing.normalize(), "f")
        case list() | tuple():
            return "；".join(map(value, thing))
        case Mapping():
            named = thing.get("name") or thing.get("姓名") or thing.get("label")
            return (
                str(named) if named else "，".join(f"{name}：{value(inner)}" for name, inner in thing.items())
            )
    return str(thing)


def standing(instance: ProcessInstance) -> Markup:
    """A badge: where an instance stands."""
    outcome = instance.outcome or ("suspended" if instance.suspension_id is not None else "")
    kind, words = {
        "": ("live", _("办理中")),
        "completed": ("good", _("已办结")),
        "cancelled": ("bad", _("已撤销")),
        "suspended": ("bad", _("已暂停")),
        "terminated": ("", _("已终止")),
    }.get(outcome, ("bad", _("异常结束（%(code)s）", code=outcome.removeprefix("error:"))))
    return Markup('<span class="tag {}">{}</span>').format(kind, words)


@dataclass(frozen=True, slots=True)
class Line:
    """An event as a person reads it.

    :ivar kind: ``bad``, ``auto`` or nothing
    :ivar done: somebody handed in a step, or sent it back
    :ivar decision: (instance, number) of a decision whose tables can be looked at
    :ivar details: sentences below the line
    """

    at: datetime
    what: str
    who: str = ""
    kind: str = ""
    opinion: str = ""
    stream: str = ""
    done: bool = False
    decision: tuple[int, int] | None = None
    details: tuple[str, ...] = ()


def lines(events: Iterable[Event]) -> list[Line]:
    """The timeline: events worded, those without meaning for people left out."""
    events = list(events)
    people = {event.person_id for event in events} | {_for(event) for event in events}
    names = engine.names([person for person in people if person is not None])
    worded = ((event, _line(event, names)) for event in events)
    return [replace(line, stream=event.stream) for event, line in worded if line is not None]


def _for(event: Event) -> int | None:
    payload = event.payload
    return payload.get("for") if isinstance(payload, Mapping) else None


def _line(event: Event, names: Mapping[int, str]) -> Line | None:
    payload = event.payload if isinstance(event.payload, Mapping) else {}
    title = payload.get("title", "")
    match event.code:
        case "started" if event.person_id is None:
            return Line(event.at, started(payload), kind="auto")
        case "started" if "cause" in payload:
            what = started(payload)
        case "started":
            what = _("发起")
        case "opened":
            return Line(event.at, _("到达：%(title)s", title=title), kind="auto")
        case "claimed":
            what = _("签收")
        case "released":
            what = _("退回公共待办")
        case "completed" if payload.get("addition"):
            what = _("%(how)s，给出意见：%(title)s", how=_added(payload["addition"]), title=title)
        case "completed":
            said = [*payload.get("chosen", ()), *_signed(payload)]
            what = _("办结：%(title)s", title=title) + (f"（{'，'.join(said)}）" if said else "")
            if signer := payload.get("signer"):
                what = _("代交%(name)s的纸质签名扫描件，", name=signer["name"]) + what
        case "activity-started":
            what = _("启动环节：%(name)s", name=payload.get("name"))
        case "fanned-out":
            return Line(event.at, _("分发给下级"), kind="auto")
        case "joined":
            return Line(
                event.at,
                _(
                    "下级已全部办结（%(arrived)s/%(total)s）",
                    arrived=payload.get("arrived"),
                    total=payload.get("total"),
                ),
                kind="auto",
            )
        case "vote-opened":
            return Line(event.at, _vote_opened(payload), kind="auto")
        case "vote-closed":
            return Line(event.at, _vote_closed(payload.get("result") or {}), kind="auto")
        case "compensating":
            return Line(event.at, _("撤销下级已经办完的事项"), kind="auto")
        case "escalated":
            return Line(event.at, _("向上级升级（%(code)s）", code=payload.get("code") or ""), kind="auto")
        case "timer-fired":
            return Line(event.at, _("到期，自动处理"), kind="auto")
        case "reminded":
            what = _("到期提醒：%(title)s，还剩%(left)s", title=title, left=payload.get("left"))
            return Line(event.at, what, kind="auto", details=_told(payload))
        case "overdue":
            what = _("超期%(late)s：%(title)s", title=title, late=payload.get("late"))
            return Line(event.at, what, kind="bad", details=_escalated(payload))
        case "calendar-unknown":
            why = (not_known(payload.get("years", ())),)
            return Line(event.at, _("期限没有计算节假日"), kind="bad", details=why)
        case "template-uploaded":
            what = _("上传模板第 %(version)s 版", version=payload.get("version"))
        case "template-adopted":
            what = _(
                "让流程“%(process)s”使用模板第 %(version)s 版（流程第 %(made)s 版）",
                process=payload.get("process"),
                version=payload.get("version"),
                made=payload.get("definition_version"),
            )
        case "decided" if payload:
            return Line(event.at, decided(payload), kind="auto", decision=_decision(event))
        case "warned" if sees_technicalities():
            return Line(
                event.at, _("公式没有算出结果"), kind="bad", details=tuple(payload.get("warnings", ()))
            )
        case "operated":
            step = payload.get("name") if payload.get("operation") != "lookup" else None
            return Line(event.at, step, kind="auto") if step else None
        case "operation-failed":
            what = _("自动步骤没有办成（%(code)s）", code=payload.get("error"))
            return Line(event.at, what, kind="bad", details=_technical(payload))
        case "incident":
            what = _("自动步骤停下，等待管理员处理")
            return Line(event.at, what, kind="bad", details=_technical(payload))
        case "incident-retried":
            what = _("重试自动步骤")
        case "incident-resolved":
            code = payload.get("error", "")
            what = {
                "completed": _("人工办理了自动步骤"),
                "thrown": _("把自动步骤转到错误处理（%(code)s）", code=code),
                "cancelled": _("因自动步骤的异常撤销流程"),
            }[payload["way"]]
        case "transferred":
            what = _("转办给%(names)s：%(title)s", names=_names(payload), title=title)
        case "added":
            how = _added(payload.get("kind", ""))
            what = _("%(how)s，请%(names)s：%(title)s", how=how, names=_names(payload), title=title)
        case "entrusted":
            what = _("委派%(names)s先办：%(title)s", names=_names(payload), title=title)
        case "signer-removed":
            what = _("减签，不再请%(names)s：%(title)s", names=_names(payload), title=title)
        case "rejected":
            to = payload.get("to", {})
            what = _("退回：%(title)s，退到“%(name)s”", title=title, name=to.get("name", ""))
        case "taken-back":
            what = _("撤回：%(title)s", title=title)
        case "jumped":
            what = _("跳转到“%(name)s”", name=payload.get("to", {}).get("name", ""))
        case "copied":
            what = _("抄送：%(names)s", names=_names(payload))
        case "nudged":
            what = _("催办：%(title)s", title=title)
        case "withdrawn":
            return Line(event.at, _("撤回未办的事项"), kind="auto")
        case "message-received" | "message-thrown" | "message-expired":
            what = {
                "message-received": _("收到消息：%(name)s", name=payload.get("message")),
                "message-thrown": _("发出消息：%(name)s", name=payload.get("message")),
                "message-expired": _("消息无人接收，已过时作废：%(name)s", name=payload.get("message")),
            }[event.code]
            if event.person_id is None:
                return Line(event.at, what, kind="bad" if event.code == "message-expired" else "auto")
        case "signal-received":
            return Line(event.at, _("收到信号：%(name)s", name=payload.get("signal")), kind="auto")
        case "signal-thrown":
            return Line(event.at, _("发出信号：%(name)s", name=payload.get("signal")), kind="auto")
        case "suspended":
            return Line(
                event.at, _("暂停"), names.get(event.person_id or 0, ""), "bad", payload.get("reason", "")
            )
        case "resumed":
            what = _("恢复办理")
        case "migrated":
            what = _("从第 %(old)s 版迁移到第 %(new)s 版", old=payload.get("from"), new=payload.get("to"))
        case "corrected":
            return Line(
                event.at,
                _("更正变量：%(names)s", names="、".join(payload.get("changes", {}))),
                names.get(event.person_id or 0, ""),
                "bad",
                payload.get("reason", ""),
                details=tuple(
                    _("%(name)s：原为 %(old)s，现为 %(new)s", name=name, old=value(old), new=value(new))
                    for name, (old, new) in payload.get("changes", {}).items()
                ),
            )
        case "deleted":
            return Line(
                event.at, _("删除数据"), names.get(event.person_id or 0, ""), "bad", payload.get("reason", "")
            )
        case "ended" if payload.get("outcome") == "cancelled":
            who = names.get(event.person_id or 0, "")
            return Line(event.at, _("撤销流程"), who, "bad", payload.get("reason", ""))
        case "ended":
            good = payload.get("outcome") == "completed"
            return Line(event.at, _("流程办结") if good else _("流程异常结束"), kind="" if good else "bad")
        case _:
            return None
    who = names.get(event.person_id or 0, "")
    if (absent := names.get(_for(event) or 0)) is not None:
        who = _("%(who)s（代%(absent)s）", who=who, absent=absent)
    if event.post:
        who = f"{who}（{event.post}）"
    kind = "bad" if payload.get("outcome") in ("拒签", "无法签") or event.code == "rejected" else ""
    remark = (
        payload.get("opinion")
        or payload.get("note")
        or (payload.get("reason") if event.code in _REASONED else "")
        or ""
    )
    return Line(
        event.at,
        what,
        who,
        kind,
        remark,
        done=event.code in ("completed", "rejected"),
        details=_undone(event.code, payload),
    )


#: events whose reason stands where an opinion would
_REASONED = frozenset({"incident-resolved", "migrated", "transferred", "signer-removed", "jumped"})
_PLACES = {"before": "前加签", "parallel": "并加签", "after": "后加签", "delegated": "受委派"}


def _added(kind: str) -> str:
    return str(_(_PLACES.get(kind, kind)))


def _names(payload: Mapping[str, Any]) -> str:
    return "、".join(one.get("name", "") for one in payload.get("to", ()))


def _undone(code: str, payload: Mapping[str, Any]) -> tuple[str, ...]:
    """What a move took away: 驳回, 撤回, 跳转; whom a nudge reached."""
    if code == "nudged":
        return _told(payload)
    if code not in ("rejected", "taken-back", "jumped"):
        return ()
    said = []
    if payload.get("direct"):
        said.append(_("改好后直接回到退回的人。"))
    if items := payload.get("cancelled"):
        said.append(_("收回在办事项 %(count)s 件。", count=len(items)))
    if payload.get("children"):
        said.append(_("撤销下级流程 %(count)s 个。", count=payload["children"]))
    if voided := payload.get("voided"):
        said.append(_("作废签名 %(count)s 处。", count=len(voided)))
    if documents := payload.get("documents_voided"):
        said.append(_("作废文件 %(count)s 份。", count=len(documents)))
    return tuple(map(str, said))


def _technical(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """The error's own words, for those who can do something about it."""
    return (str(payload["message"]),) if payload.get("message") and sees_technicalities() else ()


def _told(payload: Mapping[str, Any]) -> tuple[str, ...]:
    names = "、".join(one["name"] for one in payload.get("to", ()))
    return (_("已通知%(names)s。", names=names) if names else _("没有可以通知的人。"),)


def _escalated(payload: Mapping[str, Any]) -> tuple[str, ...]:
    match payload.get("action"):
        case "throw":
            return (_("已触发升级事件“%(code)s”。", code=payload.get("escalation")),)
        case "reassign":
            return (_("已改派。"), *_told(payload))
    return _told(payload)


def started(payload: Mapping[str, Any]) -> str:
    """开始（收到消息：来文）"""
    cause = {
        "timer-fired": _("到达约定的时间"),
        "message-received": _("收到消息：%(name)s", name=payload.get("message")),
        "signal-received": _("收到信号：%(name)s", name=payload.get("signal")),
    }.get(payload.get("cause", ""))
    return str(_("开始") if cause is None else _("开始（%(cause)s）", cause=cause))


def decided(payload: Mapping[str, Any]) -> str:
    """决策“等次”：良好（命中规则 2）"""
    rules = list(dict.fromkeys(number for _table, number, _id in payload.get("matched", ())))
    said = value(payload.get("value"))
    said = said if len(said) <= 60 else said[:59] + "…"
    what = (
        _("决策“%(name)s”没有得出结果", name=payload.get("decision"))
        if payload.get("value") is None
        else _("决策“%(name)s”：%(value)s", name=payload.get("decision"), value=said)
    )
    shown = "、".join(map(str, rules[:5])) + ("…" if len(rules) > 5 else "")
    return str(what + _("（命中规则 %(rules)s）", rules=shown)) if rules else str(what)


def _decision(event: Event) -> tuple[int, int] | None:
    kind, _colon, id_ = event.stream.partition(":")
    return (int(id_), event.seq) if kind == "instance" else None


#: hit policies and aggregators of DMN, in words
POLICIES = {
    "UNIQUE": "最多只有一条规则符合",
    "ANY": "可以有几条规则符合，但结果必须相同",
    "PRIORITY": "几条规则符合时，取输出值排在最前的一条",
    "FIRST": "从上往下，取第一条符合的规则",
    "RULE ORDER": "符合的规则全部算数，按规则的先后列出",
    "OUTPUT ORDER": "符合的规则全部算数，按输出值的先后列出",
    "COLLECT": "符合的规则全部算数，结果列在一起",
    "SUM": "符合的规则全部算数，结果相加",
    "MIN": "符合的规则全部算数，取最小的结果",
    "MAX": "符合的规则全部算数，取最大的结果",
    "COUNT": "数有几条规则符合",
}
_NUMBER = r"-?\d+(?:\.\d+)?"
_TEXTS = re.compile(r'"[^"\\]*"(?:\s*,\s*"[^"\\]*")*')
_LIMIT = re.compile(rf"(<=?|>=?)\s*({_NUMBER})")
_INTERVAL = re.compile(rf"([\[(\]])\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*([\])\[])")


def policy(sheet: Sheet) -> str:
    """How a decision table chooses among its rules, in words."""
    return str(_(POLICIES.get(sheet.aggregator or sheet.hit_policy, sheet.hit_policy)))


def cell(text: str) -> Markup | str:
    """A cell of a decision table in words where it is simple; else its FEEL."""
    if text in _CELLS:
        return str(_(_CELLS[text]))
    if _TEXTS.fullmatch(text):
        return "、".join(re.findall(r'"([^"]*)"', text))
    if found := _LIMIT.fullmatch(text):
        return f"{found[1].replace('<=', '≤').replace('>=', '≥')} {found[2]}"
    if found := _INTERVAL.fullmatch(text):
        without = [
            end for end, kept in ((found[2], found[1] == "["), (found[3], found[4] == "]")) if not kept
        ]
        between = _("%(low)s 至 %(high)s", low=found[2], high=found[3])
        return str(between + _("（不含 %(ends)s）", ends="、".join(without)) if without else between)
    if re.fullmatch(_NUMBER, text):
        return text
    return Markup("<code>{}</code>").format(text)


_CELLS = {"-": "不限", "": "—", "true": "是", "false": "否", "null": "空"}


def _vote_opened(payload: Mapping[str, Any]) -> str:
    words = _("开始无记名投票") if payload.get("secret") else _("开始表决")
    return str(words) + str(_("，应到 %(count)s 人", count=payload.get("voters")))


def vote_rule(vote: Vote, voting: Voting) -> list[str]:
    """What a voter has to know of the vote's rule before he votes: full sentences."""
    rule = Rule(**vote.rule)
    weighted = voting.weight is not None
    said = [
        _("应到 %(count)s 人。", count=vote.heads)
        if not weighted
        else _(
            "应到 %(count)s 人，按权重计票，合计 %(weight)s。", count=vote.heads, weight=value(vote.weight)
        ),
        {
            "all": _("会签：全体同意才通过。"),
            "any": _("或签：第一个同意或反对的决定算数，其他人不用再办。"),
        }.get(rule.kind)
        or _("票签：同意%(threshold)s，就通过。", threshold=_threshold(rule)),
    ]
    if rule.quorum is not None:
        said.append(_("参加的人须达到应到的%(share)s，否则不通过。", share=_share(rule.quorum)))
    if vote.until is not None:
        said.append(_("%(time)s截止，到时按已投的票计。", time=local(vote.until).strftime("%Y-%m-%d %H:%M ")))
    if voting.abstain:
        said.append(_("弃权：%(meaning)s", meaning=_abstaining(rule)))
    if voting.secret:
        said.append(_("无记名：谁投了什么不留记录，管理员也查不到；不能附意见。"))
    else:
        said.append(_("记名：谁怎么决定，记入办理过程。"))
    if voting.in_person:
        said.append(_("须由本人投票，不能代投。"))
    said.append(_("交出后不能更改。"))
    return list(map(str, said))


def _threshold(rule: Rule) -> str:
    """超过应到的半数; 达到 3 人"""
    reach = _("达到") if rule.tie == "pass" else _("超过")
    if rule.measure == "share":
        of = {
            "应到": _("应到"),
            "实到": _("实到（投了票的人）"),
            "有效票": _("有效票") if rule.abstention == "valid" else _("有效票（不含弃权）"),
        }[rule.of]
        return f"{reach}{of}{_('的')}{_share(rule.threshold)}"
    unit = _("人") if rule.measure == "heads" else _("（按权重）")
    return f"{reach} {value(rule.threshold)} {unit}"


def _share(number: int | Decimal) -> str:
    """半数, 三分之二 as 2/3, 全部, or a percentage where it is no simple fraction."""
    part = Fraction(number).limit_denominator(12)
    if part == 1:
        return str(_("全部"))
    if part == Fraction(1, 2):
        return str(_("半数"))
    if abs(part - Fraction(number)) < Fraction(1, 10**6):
        return f" {part} "
    return f" {value(Decimal(number) * 100)}% "


def _abstaining(rule: Rule) -> str:
    if rule.kind == "any":
        return str(_("不算决定，由别人决定。"))
    if rule.kind == "ratio" and rule.measure != "share":
        return str(_("不算同意，也不算反对。"))
    if rule.of == "有效票" and rule.abstention == "invalid":
        return str(_("不算有效票，不影响比例。"))
    return str(_("计入总数而不算同意，结果上与反对一样。"))


def _vote_closed(result: Mapping[str, Any]) -> str:
    counted = "，".join(
        str(_("%(choice)s %(count)s", choice=name, count=result.get(name)))
        for name in ("应到", "实到", "同意", "反对", "弃权", "无效")
    )
    return str(_("表决%(outcome)s（%(counted)s）", outcome=result.get("结果", ""), counted=counted))


def _signed(payload: Mapping[str, Any]) -> list[str]:
    outcome, way = payload.get("outcome"), payload.get("way")
    return [] if not outcome else [f"{outcome}·{way}"] if way else [outcome]


def step_name(incident: Incident) -> str:
    """What an administrator calls the job that stopped."""
    if incident.element is not None:
        return incident.element.name or incident.element.id
    kinds = {
        "timer": _("定时"),
        "start": _("定时发起"),
        "fanout": _("多实例汇合"),
        "children": _("多实例展开"),
    }
    kinds |= {
        "delivery": _("消息投递"),
        "reminder": _("期限提醒"),
        "migration": _("版本迁移"),
        "pdf": _("生成并签署 PDF"),
    }
    return str(kinds.get(incident.job.kind, incident.job.kind))


def html_name(path: str) -> str:
    """The HTML name of a form's error path: ``目标[0].措施`` is ``目标-0-措施``."""
    return path.replace("].", "-").replace("[", "-")


def row_of(path: str) -> str:
    """Where in a list an error is: ``目标[0].措施`` is in （第 1 行）."""
    _list, bracket, rest = path.partition("[")
    return _("（第 %(number)s 行）", number=int(rest.partition("]")[0]) + 1) if bracket else ""


def migration_note(note: Note) -> str:
    """What migrating an instance changes, besides its version."""
    said = {
        key: f"{local(one):%Y-%m-%d %H:%M}" for key, one in note.data.items() if isinstance(one, datetime)
    }
    said = {**note.data, **said, "name": note.name, "lost": "、".join(note.data.get("lost", ()))}
    match note.code:
        case "renamed":
            text = _("停在“%(name)s”的，改停在“%(named)s”", **said)
        case "armed":
            text = _("开始等待“%(name)s”", **said)
        case "disarmed":
            text = _("不再等待“%(name)s”", **said)
        case "timer":
            text = _("“%(name)s”的时间按新版本从 %(since)s 算起，原定 %(from)s，改为 %(to)s", **said)
        case "awaits":
            text = _("“%(name)s”改等新版本写明的消息或信号", **said)
        case "arrived":
            text = _("已到“%(name)s”的一路仍算已到，不用再办中间新加的环节", **said)
        case "passed":
            text = _("立即经过“%(name)s”", **said)
        case "opened":
            text = _("立即进入“%(name)s”", **said)
        case "withdrawn":
            text = _("“%(name)s”不再办理", **said)
        case "forgotten":
            text = _("办过的“%(name)s”新版本没有，以后不能退回到它", **said)
        case "uncompensated":
            text = _("办过的“%(name)s”以后不能按流程图补偿（撤销其结果）", **said)
        case "unparked":
            text = _("重办以后不再直接回到“%(name)s”", **said)
        case "unqueued":
            text = _("排在后面的“%(name)s”不再启动", **said)
        case "form" if said["lost"]:
            text = _("“%(name)s”换用新表单；草稿保留，但新表单没有：%(lost)s", **said)
        case "form":
            text = _("“%(name)s”换用新表单，草稿保留", **said)
        case "reminders":
            text = _("“%(name)s”的期限不变，提醒和升级按新版本安排", **said)
        case _:
            text = note.name
    return str(text)


def migration_outcome(outcome: str) -> str:
    """Why an instance was not migrated."""
    said = {
        "changed": _("查看以后又有变动，请再看一次。"),
        "ended": _("已经结束。"),
        "elsewhere": _("已在别的版本。"),
    }
    return str(said.get(outcome, outcome))


def register(app: Flask) -> None:
    app.jinja_env.filters.update(
        when=when,
        clock=clock,
        day=day,
        due=due,
        not_known=not_known,
        value=value,
        standing=standing,
        html_name=html_name,
        row_of=row_of,
        step_name=step_name,
        operation_label=operation_label,
        input_label=input_label,
        policy=policy,
        cell=cell,
        migration_note=migration_note,
        migration_outcome=migration_outcome,
    )
