"""Run the topics that are named, or all of them."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import time

import tests.bench as bench
from tests.bench.report import BOTH, Report

TOPICS = sorted(
    module.name
    for module in pkgutil.iter_modules(bench.__path__)
    if module.name not in ("__main__", "ground", "report")
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=bench.__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"of {', '.join(TOPICS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer samples")
    parser.add_argument("--databases", choices=("all", *BOTH), default="all")
    asked = parser.parse_args()
    if unknown := set(asked.topics) - set(TOPICS):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    report = Report(asked.quick, BOTH if asked.databases == "all" else (asked.databases,))
    began = time.monotonic()
    for topic in asked.topics or TOPICS:
        importlib.import_module(f"tests.bench.{topic}").run(report)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
