"""Verifiers are asked as a program without a browser asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def no_loop_runs() -> Iterator[None]:
    """Where the process has driven a browser before, its loop still runs in this thread, and pyHanko starts one of its own."""
    running = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    yield
    asyncio._set_running_loop(running)
