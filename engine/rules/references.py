"""Forms, decisions, templates, ledgers and called processes must exist, and must be readable."""

from __future__ import annotations

from collections.abc import Iterator

from engine import dmn, forms, ledgers, service_tasks
from engine.documents.templates import Template
from engine.errors import Finding, LvzeError
from engine.rules import Case

_WORDS = {"form": "表单", "decision": "决策表", "template": "文书模板", "ledger": "台账"}


def check(case: Case) -> Iterator[Finding]:
    for element in case.model.elements.values():
        wanted = [("form", element.form), ("decision", element.decision[0] if element.decision else None)]
        if element.operation:
            wanted += [
                (k, v)
                for k in ("template", "ledger")
                if (v := element.inputs.get(k)) and not v.startswith("=")
            ]
        if element.renews is not None:
            wanted.append(("ledger", element.renews[0]))
        for kind, name in wanted:
            if name is None:
                continue
            file = f"{name}.ledger.yaml" if kind == "ledger" else name
            if file not in case.files:
                yield Finding(
                    "references",
                    f"{_WORDS[kind]}“{file}”不存在；请上传它，或改选已有的{_WORDS[kind]}。",
                    element.id,
                )
                continue
            try:
                if kind == "form":
                    forms.load(case.files[file])
                elif kind == "ledger":
                    plaque = ledgers.load(case.files[file]).plaque
                    if plaque is not None and plaque not in case.files:
                        message = f"台账“{file}”的监督牌模板“{plaque}”不存在；请上传它，或删去 plaque 一行。"
                        yield Finding("references", message, element.id, path=file)
                elif kind == "template":
                    Template.load(case.files[file])
                elif kind == "decision":
                    dmn.Folder(case.files).load(file)
            except LvzeError as error:
                yield Finding("references", f"{_WORDS[kind]}“{file}”不能使用：{error}", element.id, path=file)
        if element.called is not None and element.called not in case.known | {case.model.key}:
            yield Finding("references", f"被调用的流程“{element.called}”还没有部署。", element.id)
        if element.kind == "serviceTask" and element.operation not in service_tasks.NAMES:
            known = "、".join(sorted(service_tasks.NAMES))
            yield Finding(
                "references",
                f"服务任务没有选择操作，或操作“{element.operation}”不存在；可选：{known}。",
                element.id,
            )
        if element.kind == "businessRuleTask" and element.decision is None:
            yield Finding("references", "业务规则任务没有选择决策表。", element.id)
        if element.kind == "callActivity" and not element.called:
            yield Finding("references", "调用活动没有选择被调用的流程。", element.id)
