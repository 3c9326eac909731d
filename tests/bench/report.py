"""What benchmarks print: tables, and the few statistics in them."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

BOTH = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Report:
    """:ivar quick: smaller sizes and fewer samples: to see that it runs, not to quote"""

    quick: bool
    databases: Sequence[str]

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        cells = [list(columns), *([_text(cell) for cell in row] for row in rows)]
        widths = [max(_width(row[i]) for row in cells) for i in range(len(columns))]
        print(f"\n{title}")
        for number, row in enumerate(cells):
            print(
                "  "
                + "  ".join(
                    _padded(cell, w, left=not i) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
                )
            )
            if not number:
                print("  " + "  ".join("-" * width for width in widths), flush=True)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.2f}" if cell < 10 else f"{cell:.1f}" if cell < 100 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _padded(text: str, width: int, *, left: bool) -> str:
    gap = " " * (width - _width(text))
    return text + gap if left else gap + text


def timed(act: Callable[[], object]) -> float:
    """Milliseconds."""
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000


def in_turn(acts: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median microseconds of each; one after another in every round, so that a busy machine slows all alike."""
    for act in acts:
        act()
    calls = [max(1, round(4 / timed(act))) for act in acts]  # 4 ms a sample
    samples: list[list[float]] = [[] for _ in acts]
    for _ in range(rounds):
        for act, times, taken in zip(acts, calls, samples, strict=True):
            taken.append(timed(lambda act=act, times=times: [act() for _ in range(times)]) * 1000 / times)  # type: ignore[misc]
    return [median(taken) for taken in samples]


def p50(samples: Sequence[float]) -> float:
    return median(samples)


def p95(samples: Sequence[float]) -> float:
    return quantiles(samples, n=20)[-1] if len(samples) > 1 else samples[0]
