"""Compiled expressions, decision models and what is remembered of both are shared by threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

import engine.feel as feel
from engine.dmn import load
from engine.feel import FeelLimitError, FeelSyntaxError, compile, evaluate

THREADS = 8
GRADE = Path(__file__).parent.parent / "dmn/models/等次.dmn"


def at_once(work: Any) -> list[Any]:
    """What each of the threads, started together, gives for its number."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def test_one_expression_for_all() -> None:
    expression = compile("sum(for i in 1..n return if odd(i) then i else partial[-1]) + n")
    wanted = [expression.evaluate({"n": n}) for n in range(1, 40)]
    assert at_once(lambda _: [expression.evaluate({"n": n}) for n in range(1, 40)]) == [wanted] * THREADS


def test_warnings_and_budgets_are_each_ones_own() -> None:
    def work(number: int) -> list[str]:
        said: list[str] = []
        for n in range(50):
            evaluate(f"unknown{number} + count(for i in 1..{n} return i)", {}, warnings=said)
        return [text for text in said if "没有名为" in text]

    assert at_once(work) == [[f"没有名为“unknown{number}”的变量。"] for number in range(THREADS)]


def test_the_cache_is_one_and_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feel, "_CACHED", 3_000)

    def work(number: int) -> list[Any]:
        found = []
        for n in range(300):
            source = f'matches("{n % 7}", "^[0-{n % 5}]$") = (x-{n % 60} > {number % 2})'
            names = {"x": n, f"x-{n % 60}": 1} if n % 3 else {"x": n}
            found.append(evaluate(source, names))
            with pytest.raises(FeelSyntaxError):
                compile(f"{n} {number}")
            with pytest.raises(FeelLimitError):
                compile("(" * 101 + str(n))
        return found

    cache = feel._EXPRESSIONS
    before = [work(0), work(1)]
    assert at_once(work) == before * (THREADS // 2)
    compile("1 + 12345")
    assert cache._length == sum(feel._length(key) for key in cache._entries) <= 3_000


def test_the_same_text_is_the_same_expression() -> None:
    at_once(lambda _: compile("1 + 2345"))
    assert compile("1 + 2345") is compile("1 + 2345")
    assert compile("a-1") is not compile("a-1", ["a-1"])


def test_one_model_for_all() -> None:
    def work(model: Any) -> list[Any]:
        goals = [{"名称": "学习", "完成率": 100}, {"名称": "服务", "完成率": 50}]
        return [
            model.decide("等次", {"得分": n, "目标": goals, "一票否决": n % 9 == 0}) for n in range(0, 100, 3)
        ]

    wanted = work(load(GRADE.read_bytes()))
    fresh = load(GRADE.read_bytes())  # its parts are compiled when they are first asked for
    assert at_once(lambda _: work(fresh)) == [wanted] * THREADS
