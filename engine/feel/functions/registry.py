"""How a built-in function is declared: its signature as text, its overloads by name, and how arguments reach it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ..limits import refuse_long_text
from ..run import Run
from ..tree import Type
from ..values import Function, Signature, adopt, kind, word

BUILT_IN: dict[str, BuiltIn] = {}
MAX_REMEMBERED = 4  # arguments, of whose types the overload that takes them is remembered
Body = TypeVar("Body", bound=Callable[..., Any])
_SIGNATURE = re.compile(r"([^(]+)\(([^)]*)\)(?: -> (.+))?")
_RESULTS = {
    "Decimal": "number",
    "str": "string",
    "bool": "boolean",
    "list": "list",
    "dict": "context",
    "Range": "range",
    "date": "date",
    "YearsMonthsDuration": "years and months duration",
}


class Parameter:
    """:ivar kinds: what it takes; empty for anything"""

    def __init__(self, text: str) -> None:
        name, _, kinds = text.partition(":")
        kinds = kinds.strip()
        self.name = name.strip()
        self.variadic = kinds.endswith("...")
        self.optional = kinds.endswith("?")
        kinds = kinds.rstrip(".?")
        self.kinds = frozenset() if kinds == "any" else frozenset(kinds.split("|"))

    def fit(self, value: Any, coerce: bool) -> tuple[bool, Any]:
        """Whether a value may be passed, and as what."""
        if not self.kinds or kind(value) in self.kinds:
            return True, value
        if coerce and value is not None:
            if "list" in self.kinds:
                return True, [value]
            if isinstance(value, list) and len(value) == 1:
                single = adopt(value[0])
                return kind(single) in self.kinds, single
        return False, None


class Overload:
    """:ivar result: the kind of what it gives where that is always the same, otherwise None"""

    def __init__(
        self, parameters: list[Parameter], body: Callable[..., Any], result: str | None = None
    ) -> None:
        self.parameters = parameters
        self.body = body
        annotated = str(body.__annotations__.get("return", "")).partition(" | ")[0].partition("[")[0]
        self.result = result or _RESULTS.get(annotated)
        self.required = sum(1 for p in parameters if not p.optional)
        self.variadic = bool(parameters) and parameters[-1].variadic

    def bind(self, arguments: Sequence[Any], names: Sequence[str] | None, coerce: bool) -> list[Any] | None:
        """The arguments in order, None where they do not fit."""
        if names is not None:
            return self._bind_names(arguments, names, coerce)
        count = len(self.parameters)
        if len(arguments) < self.required or (len(arguments) > count and not self.variadic):
            return None
        bound: list[Any] = []
        for index, value in enumerate(arguments):
            fits, value = self.parameters[min(index, count - 1)].fit(value, coerce)
            if not fits:
                return None
            bound.append(value)
        return bound

    def _bind_names(self, arguments: Sequence[Any], names: Sequence[str], coerce: bool) -> list[Any] | None:
        given = dict(zip(names, arguments, strict=True))
        if len(given) < len(names):
            return None
        bound: list[Any] = []
        for parameter in self.parameters:
            if parameter.optional and parameter.name not in given:
                bound.append(None)
                continue
            # One that is not given is null (10.3.2.13.5).
            fits, value = parameter.fit(given.pop(parameter.name, None), coerce)
            if not fits:
                return None
            bound.append(value)
        return None if given else bound


class BuiltIn(Function):
    """A function of the standard with all its overloads."""

    __slots__ = ("_found", "overloads")

    def __init__(self, name: str) -> None:
        super().__init__(name, ())
        self.overloads: list[Overload] = []
        self._found: dict[tuple[type, ...], Overload] = {}

    def signatures(self, count: int) -> Iterator[Signature]:
        for overload in self.overloads:
            parameters = overload.parameters
            if overload.required <= count and (overload.variadic or count <= len(parameters)):
                taken = (parameters[min(index, len(parameters) - 1)] for index in range(count))
                result = Type(overload.result) if overload.result else None
                yield tuple(tuple(map(Type, parameter.kinds)) for parameter in taken), result

    def invoke(self, arguments: Sequence[Any], run: Run, names: Sequence[str] | None = None) -> Any:
        """The value of a call; null, with a warning, where no overload takes the arguments."""
        types = tuple(map(type, arguments)) if names is None and len(arguments) <= MAX_REMEMBERED else None
        if types is not None and (found := self._found.get(types)) is not None:
            return self._run(found, arguments, run)
        for coerce in (False, True):
            for overload in self.overloads:
                bound = overload.bind(arguments, names, coerce)
                if bound is not None:
                    if types is not None and not coerce:
                        self._found[types] = overload
                    return self._run(overload, bound, run)
        kinds = "、".join(word(argument) for argument in arguments)
        return run.warn(f"函数“{self.name}”不接受这些参数：{kinds or '无'}。")

    def _run(self, overload: Overload, arguments: Sequence[Any], run: Run) -> Any:
        for argument in arguments:
            if type(argument) is list:
                run.spend(len(argument))
            elif type(argument) is str:
                run.spend_text(len(argument))
            elif type(argument) is dict:
                run.spend(len(argument))
        try:
            value = overload.body(run, *arguments)
        except ArithmeticError:
            return run.warn(f"函数“{self.name}”没有结果：数值超出范围。")
        except ValueError as error:
            return run.warn(f"函数“{self.name}”没有结果：{error}。")
        if type(value) is list:
            run.spend(len(value))
        elif type(value) is str:
            run.spend_text(len(value))
            refuse_long_text(len(value))
        return value


def built_in(*signatures: str) -> Callable[[Body], Body]:
    """Declare a function, for example ``@built_in("substring(string: string, start position: number, length: number?)")``.

    The body gets the run and then the arguments in order. ``?`` marks an argument that may be left out, ``...`` one that repeats;
    ``-> date`` the kind of the result where Python's annotation does not say it.
    A ``ValueError`` of the body is a null and its text the warning.
    """

    def declare(body: Body) -> Body:
        for signature in signatures:
            match = _SIGNATURE.fullmatch(signature)
            assert match, signature
            name, inner = match[1], match[2]
            parameters = [Parameter(part) for part in inner.split(",")] if inner else []
            BUILT_IN.setdefault(name, BuiltIn(name)).overloads.append(Overload(parameters, body, match[3]))
        return body

    return declare
