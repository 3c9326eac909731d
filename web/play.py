"""The play: a year of the shipped processes, headless, through the engine's public API.

``lvze demo --play --out DIR`` plays it in the demo organisation, in an installation of its own whose clock the play moves, and
writes every document that comes out, .docx and .pdf. A fresh demo opens with two of its scenes. Tests use the same ``Player``.
"""

from __future__ import annotations

import math
import random
import re
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from engine import Handwriting, ProcessEngine, SettableClock, Signing
from engine.clock import SHANGHAI
from engine.forms import Field

YEAR = 2026
#: Units whose seal is drawn for the play; the others sign without one.
SEALED = ("市直机关工委", "市发改局党委", "市教育局党委")


@dataclass(frozen=True, slots=True)
class Todo:
    """An open item as the one who plays a person finds it in his inbox."""

    id: int
    element: str
    title: str
    vacancy: bool


class Player:
    """Plays people by name: finds their items, fills the forms, signs, and lets the jobs run after every step.

    :param opening: opens the engine for one step; tests open a fresh one each time
    :param people: name -> id
    :param units: short name -> id
    """

    def __init__(
        self,
        opening: Callable[[], AbstractContextManager[ProcessEngine]],
        *,
        people: Mapping[str, int],
        units: Mapping[str, int],
    ) -> None:
        self.opening, self.people, self.units = opening, people, units

    def start(self, key: str, by: str, *, unit: str | None = None, **data: Any) -> int:
        """Start a process; returns the instance's id."""
        with self.opening() as engine:
            at = None if unit is None else self.units[unit]
            instance = engine.start(key, by=self.people[by], data=data, unit=at)
            engine.run_jobs()
            return instance.id

    def todo(self, by: str) -> list[Todo]:
        with self.opening() as engine:
            return [
                Todo(row.item.id, row.item.element_id, row.item.title, row.vacancy)
                for row in engine.inbox(by=self.people[by], limit=200)
                if row.item is not None
            ]

    def find(self, by: str, element: str, about: str = "") -> Todo:
        """:raises LookupError: the person has no such item; the message says what he has"""
        todo = self.todo(by)
        for item in todo:
            if item.element == element and about in item.title:
                return item
        raise LookupError(f"{by} has no “{element}” {about}; only {[(t.element, t.title) for t in todo]}")

    def options(self, by: str, element: str, key: str) -> dict[str, Any]:
        """What a field of an item offers: label -> value."""
        item = self.find(by, element)
        with self.opening() as engine:
            view = engine.work_item(item.id, by=self.people[by])
            assert view.form is not None
            field = next(f for f in view.form.fields(view.data, now=engine.clock.now()) if f.name == key)
            return {option.label: option.value for option in field.options}

    def do(
        self,
        by: str,
        element: str,
        about: str = "",
        *,
        opinion: str | None = None,
        signing: Signing | None = None,
        **data: Any,
    ) -> bool:
        """Complete an item; where it asks for a signature and none is given, sign by hand. True when its instance ended."""
        item = self.find(by, element, about)
        with self.opening() as engine:
            view = engine.work_item(item.id, by=self.people[by])
            given = None
            if view.signing is not None:
                given = signing or Signing(handwriting=handwriting(by))
                shown = {document.id: document.digest for document in view.documents}
                given = Signing(**{**{f: getattr(given, f) for f in Signing.__slots__}, "shown": shown})
            filled = _filled(view.form.fields(view.data, data, now=engine.clock.now())) if view.form else {}
            done = engine.complete(item.id, by=self.people[by], data=filled, opinion=opinion, signature=given)
            engine.run_jobs()
            return done.ended

    def wait(self) -> None:
        """Let the jobs run that time has made due."""
        with self.opening() as engine:
            engine.run_jobs()


def _filled(fields: Iterable[Field]) -> dict[str, Any]:
    """What a browser would send: every field as it is shown, what was typed among them."""
    sent: dict[str, Any] = {}
    for field in fields:
        key = field.name.rsplit("-", 1)[-1]
        if field.type == "group":
            sent |= _filled(field.fields)
        elif field.type == "dynamiclist":
            sent[key] = [_filled(row) for row in field.rows]
        elif key:
            sent[key] = field.value
    return sent


def handwriting(name: str) -> Handwriting:
    """Strokes that look like somebody's name: always the same ones for the same name."""
    cell = 600 / max(len(name), 3)
    strokes = []
    for number, letter in enumerate(name):
        pen = random.Random(ord(letter))
        left, top, size = 30 + number * cell * 0.92, 40 + pen.uniform(-8, 8), cell * 0.72
        for _ in range(pen.randint(2, 3)):
            y = top + pen.uniform(0.1, 0.8) * size
            strokes.append(_stroke(pen, left, y, left + size * pen.uniform(0.7, 1), y - size * 0.08))
        x = left + size * pen.uniform(0.4, 0.6)
        strokes.append(_stroke(pen, x, top, x - size * pen.uniform(0, 0.1), top + size))
        strokes.append(_stroke(pen, x, top + size * 0.35, left, top + size * pen.uniform(0.8, 1)))
        strokes.append(_stroke(pen, x, top + size * 0.4, left + size, top + size * pen.uniform(0.8, 1)))
    return Handwriting(strokes)


def _stroke(pen: random.Random, x1: float, y1: float, x2: float, y2: float) -> list[list[float]]:
    bend = pen.uniform(-0.12, 0.12) * math.dist((x1, y1), (x2, y2))
    return [
        [round(x1 + (x2 - x1) * t, 1), round(y1 + (y2 - y1) * t + bend * math.sin(math.pi * t), 1)]
        for t in (0, 0.2, 0.4, 0.6, 0.8, 1)
    ]


# ---------------------------------------------------------------- the year


def play(
    engine: ProcessEngine,
    clock: SettableClock,
    organisation: str,
    out: Path,
    say: Callable[[str], None] = lambda text: None,
) -> list[Path]:
    """Play the year and write every document.

    :param engine: of an installation with the shipped processes and without people, on ``clock``
    :param organisation: the demo organisation's YAML
    :param say: hears what happens, a sentence at a time
    :returns: the files written, .docx and .pdf in turn
    """
    _turn(engine, clock, "2026-03-02")
    engine.load_demo(organisation, password=secrets.token_urlsafe(24))
    player = demo_player(engine)
    for unit in SEALED:
        engine.grant_demo_seal(player.units[unit], by=None)
    _letters(player, lambda day: _turn(engine, clock, day), say)
    _commitments(player, say)
    _evaluations(player, lambda day: _turn(engine, clock, day), say)
    _year_end(player, lambda day: _turn(engine, clock, day), say)
    return _write(engine, player.people, out, say)


def open_demo(engine: ProcessEngine) -> None:
    """Play what a fresh demo shows: 叶青禾's commitment on the noticeboard, in part for everybody, and 白晓岚's before its review."""
    player, year = demo_player(engine), engine.today().year
    member, secretary = "叶青禾", "陆远帆"
    _promise(player, member, year, _goals())
    _sign_off(player, member, secretary)
    (notice,) = engine.noticeboard(by=player.people[member])
    disclosed = notice.sections | {"工作进展情况": "参加支部集中学习1次，心得已在支部交流；走访联系企业1家。"}
    for section in ("姓名", "职责", "目标任务", "工作进展情况"):
        engine.update_notice(
            notice.entry.id, section, disclosed[section], by=player.people[member], audience="社会"
        )
    _promise(player, "白晓岚", year, _goals())


def demo_player(engine: ProcessEngine) -> Player:
    """Plays everybody who has an account."""
    people = {account.person.name: account.person_id for account in engine.accounts(by=None)}
    units = {line.unit.short_name: line.unit.id for line in engine.units()}
    return Player(lambda: nullcontext(engine), people=people, units=units)


def _turn(engine: ProcessEngine, clock: SettableClock, day: str) -> None:
    """Nine o'clock of that day, with everything done that is due by then."""
    clock.set(datetime.fromisoformat(f"{day}T09:00").replace(tzinfo=SHANGHAI))
    engine.run_jobs()


def _issue(player: Player, clerk: str, reviewer: str, secretary: str) -> None:
    player.do(clerk, "draft")
    player.do(reviewer, "review", 审核决定="通过")
    player.do(secretary, "issue", 签发决定="同意签发")


def _accept(player: Player, secretary: str, issues: bool | None = None) -> None:
    """Sign a letter; a unit with subordinates decides whether to issue its own."""
    player.do(secretary, "sign_back", 已阅=True)
    if issues is not None:
        reason = None if issues else "所属支部的目标任务已列入单位年度工作要点。"
        player.do(secretary, "decide_own", 是否下发="下发" if issues else "不下发", 不下发原因=reason)


def _letters(player: Player, turn: Callable[[str], None], say: Callable[[str], None]) -> None:
    player.start(
        "responsibility_letter", "许知秋", unit="市直机关工委", 年度=YEAR, 依据文号="云委〔2026〕3号"
    )
    player.do("许知秋", "draft")
    player.do(
        "沈若川",
        "review",
        审核决定="退回修改",
        opinion="请把考核奖惩与“党建工作先进单位”评选挂钩的办法写清楚。",
    )
    say("沈若川退回了责任书草稿，许知秋修改后重新提交。")
    _issue(player, "许知秋", "沈若川", "林思远")
    say("林思远签发，五份责任书随印发通知发出。")
    turn("2026-03-05")
    _accept(player, "何静姝")
    _accept(player, "高景行", issues=True)
    _accept(player, "郑启明", issues=True)
    _accept(player, "贺千山", issues=True)
    turn("2026-03-12")
    _issue(player, "梁书怡", "程立言", "高景行")
    _accept(player, "陆远帆")
    _accept(player, "唐若愚")
    _accept(player, "韩松年", issues=True)
    turn("2026-03-18")
    _issue(player, "邹沐阳", "方雅南", "韩松年")
    _accept(player, "潘若谷")
    _accept(player, "薛怀瑾")
    say("责任书经市发改局党委、节能监察中心总支，到达三级之下的两个支部。")
    _issue(player, "段明溪", "殷雨桐", "贺千山")
    _accept(player, "侯凌波")
    _accept(player, "龙静轩")
    say("贺千山兼任管理支部书记，支部一方由副书记侯凌波签名。")
    _issue(player, "夏知微", "田沁芳", "郑启明")
    _accept(player, "钟毓秀")
    impossible = Signing("无法签", reason="支部书记空缺，待补选后换签。", witness=player.people["冯采薇"])
    player.do("夏知微", "sign_back", signing=impossible, 已阅=True)
    say("教研室支部书记空缺，事项转到上级党务干事夏知微，记为无法签。")
    turn("2026-04-01")
    player.do(
        "许知秋", "supervise", 督办决定="延期", 延期至="2026-04-10", 督办说明="书记外出学习，四月上旬返回。"
    )
    turn("2026-04-11")
    player.do("许知秋", "supervise", 督办决定="记为逾期", 督办说明="两次催办仍未回签，另行约谈。")
    say("科协侨联联合支部到期未签，延期后仍未签，记为逾期。")


_GOALS = {
    "思想政治": ("参加理论学习，撰写心得", "4篇", "联系岗位实际", "每季度1篇"),
    "履行岗位职责": ("办理审批事项", "全部", "按时办结率百分之百", "全年"),
    "服务经济发展": ("走访联系企业，协调解决问题", "6家", "件件有回音", "10月底前"),
    "结对帮带帮扶": ("结对帮扶困难群众", "1户", "每季度走访1次", "全年"),
    "廉政建设": ("遵守廉洁自律各项规定，参加廉政教育", "2次", "无违纪违规", "全年"),
    "参加组织生活": ("参加“三会一课”和组织生活会", "每月1次", "不无故缺席", "全年"),
}


def _goals(idle: str | None = None) -> list[dict[str, Any]]:
    """One in each area; ``idle`` is an area in which he promises nothing."""
    rows: list[dict[str, Any]] = [
        {"方面": area, "目标": goal, "数量": amount, "质量": quality, "时限": until}
        for area, (goal, amount, quality, until) in _GOALS.items()
    ]
    for row in rows:
        if row["方面"] == idle:
            row |= {"无": True, "无承诺理由": "年内借调外地工作"}
    return rows


def _promise(player: Player, member: str, year: int, goals: Sequence[Mapping[str, Any]]) -> None:
    player.start("member_commitment", member, 年度=year)
    player.do(member, "commit", 承诺=goals)


def _sign_off(player: Player, member: str, secretary: str) -> None:
    """From the review to the noticeboard."""
    player.do(secretary, "review", 审核决定="同意", 监督电话="0598-8888168")
    player.do(member, "sign", 已阅=True)
    player.do(secretary, "countersign", 已核对=True)


def _commit(player: Player, member: str, secretary: str, *, idle: str | None = None) -> None:
    """A member's commitment up to the noticeboard, returned once."""
    _promise(player, member, YEAR, _goals(idle))
    player.do(secretary, "review", 审核决定="退回修改", opinion="请再补充一项本岗位的目标。")
    extra = {"方面": "其他", "目标": "参加志愿服务", "数量": "4次", "质量": "有服务记录", "时限": "全年"}
    player.do(member, "commit", 补充承诺=[extra])
    _sign_off(player, member, secretary)


def _commitments(player: Player, say: Callable[[str], None]) -> None:
    _commit(player, "范承志", "陆远帆")
    _commit(player, "叶青禾", "陆远帆", idle="结对帮带帮扶")
    say("范承志、叶青禾的承诺书经支部审核、双方签名，已在公开栏公布。")


def _evaluate(player: Player, member: str, score: int, result: str, summary: str, opinion: str) -> None:
    secretary = "陆远帆"
    player.start("quarterly_evaluation", secretary, unit="发改局综合支部", 年度=YEAR, 季度=1)
    chosen = player.options(secretary, "choose", "考评对象")
    player.do(
        secretary, "choose", 考评对象=next(v for label, v in chosen.items() if label.startswith(member))
    )
    done = {"完成结果": result, "完成情况": summary}
    player.do(member, "assess", 自评=[done] * 7, 自评小结=summary)
    player.do(secretary, "judge", 评议得分=score, 评议意见=opinion)


def _evaluations(player: Player, turn: Callable[[str], None], say: Callable[[str], None]) -> None:
    turn("2026-04-13")
    _evaluate(player, "范承志", 93, "完成", "各项目标按计划完成。", "作用发挥好，群众公认。")
    say("范承志第一季度考评为优秀。")
    _evaluate(player, "叶青禾", 56, "未完成", "部分目标没有按时限推进。", "走访和志愿服务没有开展。")
    player.do("陆远帆", "confirm", 确认决定="确认")
    player.do(
        "陆远帆",
        "explain",
        会议日期="2026-04-13",
        参会人数=16,
        说明情况="本季度参与专项工作较多，对承诺事项安排不周，愿意接受监督，抓紧整改。",
        问题=[{"内容": "走访联系企业没有开展"}, {"内容": "志愿服务没有开展"}],
        要求=[{"内容": "走访联系企业不少于2家，形成走访记录"}, {"内容": "参加志愿服务不少于1次"}],
        整改期限="2026-05-15",
    )
    player.do("陆远帆", "issue", 已核对=True)
    turn("2026-05-12")
    player.do("叶青禾", "report", 整改报告="已走访联系企业3家，参加志愿服务1次，走访记录和服务记录附后。")
    player.do("陆远帆", "verify", 复核结果="合格", 复核意见="整改到位，后续按承诺时限推进。")
    say("叶青禾第一季度考评为较差，支部下达整改通知书，按期整改并复核合格。")


def _year_end(player: Player, turn: Callable[[str], None], say: Callable[[str], None]) -> None:
    turn("2026-12-07")
    player.start("duty_report", "范承志", 年度=YEAR)
    player.do(
        "范承志",
        "write",
        履职情况="（一）按时办结审批事项。全年办结审批事项112件，按时办结率百分之百。\n"
        "（二）走访联系企业6家。协调解决用地、用能问题9个，件件有回音。\n"
        "（三）结对帮扶困难群众1户。每季度走访1次，帮助联系就业岗位。",
        存在问题="调查研究还不够深入，对新情况、新政策的钻研不够。",
        廉洁自律="严格遵守廉洁自律各项规定，参加廉政教育2次，没有违纪违规行为。",
        下步打算="每季度到企业蹲点调研不少于2天，把走访中的问题汇总成办事指南。",
    )
    player.do("范承志", "sign", 已阅=True)
    player.do("陆远帆", "appraise", 评议等次="好", opinion="履职扎实，作风过硬，群众认可。")
    say("范承志向支部述职，评议为“好”。")
    player.start("commendation", "梁书怡", unit="市发改局党委", 年度=YEAR)
    player.do("梁书怡", "propose", 监督电话="0598-8888168", 公示期止="2026-12-14")
    player.do("高景行", "review", 审核决定="同意公示")
    turn("2026-12-15")
    player.do("高景行", "decide", 表彰决定="予以表彰", opinion="公示期满，没有异议。")
    say("公示期满无异议，市发改局党委表彰范承志，颁发荣誉证书；奖惩结果写进公示栏，承诺监督牌换发新牌。")


def _write(
    engine: ProcessEngine, people: Mapping[str, int], out: Path, say: Callable[[str], None]
) -> list[Path]:
    """Every document in force that somebody of the cast may read; of plaques the latest."""
    out.mkdir(parents=True, exist_ok=True)
    found = {document.id: (document, by) for by in people.values() for document in engine.documents(by=by)}
    replaced = {document.replaces_id for document, _ in found.values() if document.voided_at is None}
    written = []
    for number, (document, by) in sorted(found.items()):
        if document.voided_at is not None or number in replaced:
            continue
        name = re.sub(r'[\\/:*?"<>|\s]', "", document.title)
        for form in ("docx", "pdf"):
            path = out / f"{number:02} {name}.{form}"
            path.write_bytes(engine.document_file(number, by=by, form=form))
            written.append(path)
    say(f"写出 {len(written)} 个文件，在 {out}。")
    return written
