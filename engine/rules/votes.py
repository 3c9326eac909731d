"""A vote has voters, a field to vote in and a rule that can be kept; a secret one leaves nothing from which a ballot could be told."""

from __future__ import annotations

from collections.abc import Iterator

from engine.bpmn.model import Element, Voting
from engine.errors import Finding
from engine.rules import Case
from engine.rules.variables import Scopes

_WORDS = {
    "kind": ("方式", {"all": "会签", "any": "或签", "ratio": "票签"}),
    "measure": ("门槛的单位", {"share": "比例", "heads": "人数", "weight": "权重"}),
    "of": ("比例的基数", {"应到": "应到", "实到": "实到", "有效票": "有效票"}),
    "abstention": ("弃权票", {"valid": "有效", "invalid": "无效"}),
    "tie": ("恰好达到门槛", {"pass": "通过", "fail": "不通过"}),
    "early": ("提前结束", {"fail": "不可能通过时", "both": "胜负已定时", "none": "不提前"}),
    "franchise": ("表决权", {"members": "正式党员", "everyone": "所有人"}),
}


def check(case: Case) -> Iterator[Finding]:
    scopes = Scopes(case)
    for element in case.elements:
        if element.vote is None:
            continue
        for sentence in (*_rule(element, element.vote), *_secrecy(element, element.vote)):
            yield Finding("votes", sentence, element.id)
        form = scopes.form(element)
        if form is not None and element.vote.field not in form.keys:
            yield Finding(
                "votes", f"表单“{element.form}”里没有记录决定的“{element.vote.field}”这一栏。", element.id
            )


def _rule(element: Element, voting: Voting) -> Iterator[str]:
    if element.kind != "userTask" or element.loop is None or element.loop.collection is None:
        yield "表决要画在多实例的用户任务上，由集合给出有表决权的人；请设置多实例的集合。"
    if not voting.field or not element.form:
        yield "表决需要一个表单，并说明哪一栏是决定。"
    for name, (label, words) in _WORDS.items():
        if (value := getattr(voting, name)) not in words:
            offered = "、".join(f"{word}（{meant}）" for word, meant in words.items())
            yield f"表决的“{label}”没有“{value}”这一种；可选：{offered}。"
    named = [*voting.agree, *voting.reject, *voting.abstain]
    for twice in {one for one in named if named.count(one) > 1}:
        yield f"“{twice}”不能既算一种决定，又算另一种；请只留一处。"


def _secrecy(element: Element, voting: Voting) -> Iterator[str]:
    if not voting.secret:
        return
    loop = element.loop
    if voting.kind == "any" or voting.early != "none":
        yield "无记名投票不能用于或签，也不能提前结束：最后投票的人投了什么，一看便知。"
    if voting.weight:
        yield "无记名投票不能加权：从合计的权重可以推出谁投了什么。"
    if loop is not None and (loop.output or loop.tallies or loop.condition):
        yield "无记名投票不能有每一项的结果、计数或提前结束的条件；请用表决结果。"
    if element.signature is not None or element.opinion_required or element.result:
        yield "无记名投票不能要求签名、意见，也不能保存办理结果：那会记下投票人。"
