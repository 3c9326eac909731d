"""Context functions (DMN 1.5, table 82)."""

from __future__ import annotations

from typing import Any

from ..run import Run
from ..values import adopt
from .registry import built_in


@built_in("get value(m: context, key: string)")
def get_value(run: Run, m: dict[str, Any], key: str) -> Any:
    if key not in m:
        raise ValueError(f"没有“{key}”这一项")
    return adopt(m[key])


@built_in("get entries(m: context)")
def get_entries(run: Run, m: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": adopt(value)} for key, value in m.items() if type(key) is str]


@built_in("context put(context: context, key: string, value: any)")
def context_put(run: Run, context: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**context, key: value}


@built_in("context put(context: context, keys: list, value: any)")
def context_put_nested(run: Run, context: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any]:
    if not keys or not all(isinstance(key, str) for key in keys):
        raise ValueError("键应为字符串的列表")
    run.spend(len(context))
    first, *rest = keys
    if not rest:
        return {**context, first: value}
    inner = context.get(first)
    if not isinstance(inner, dict):
        raise ValueError(f"“{first}”不是上下文")
    return {**context, first: context_put_nested(run, inner, rest, value)}


@built_in("context merge(contexts: list)")
def context_merge(run: Run, contexts: list[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for context in contexts:
        if not isinstance(context, dict):
            raise ValueError("列表里应都是上下文")
        run.spend(len(context))
        merged.update(context)
    return merged


@built_in("context(entries: list)")
def context(run: Run, entries: list[Any]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("key"), str) or "value" not in entry:
            raise ValueError("每一项应为 {key, value}")
        if entry["key"] in built:
            raise ValueError(f"“{entry['key']}”重复")
        built[entry["key"]] = entry["value"]
    return built
