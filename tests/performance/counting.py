"""Counts that no other program on the machine can change: functions entered, bytecodes run, memory allocated."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


def calls(work: Callable[[], object]) -> int:
    """Return how many Python functions `work` enters in this thread."""
    count = 0

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal count
        count += event == "call"

    previous = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(previous)
    return count


def bytecodes(work: Callable[[], object], each: Callable[[], object] | None = None) -> int:
    """Return how many bytecodes `work` runs in this thread; `each` is called before every one."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
            if each is not None:
                each()
        return trace

    previous = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(previous)
    return count


def allocated(work: Callable[[], object], *, at_least: int) -> tuple[int, int]:
    """Return the bytes by which single bytecodes of `work` let memory grow, by `at_least` each, and those it keeps.

    A copy shows however soon it is freed, unless the very bytecode that makes it frees what it is a copy of.
    """
    total = 0
    known = 0

    def look() -> None:
        nonlocal total, known
        now = tracemalloc.get_traced_memory()[0]
        if now - known >= at_least:
            total += now - known
        known = now

    tracemalloc.start()
    try:
        known = tracemalloc.get_traced_memory()[0]
        before = known
        kept: list[object] = []
        bytecodes(lambda: kept.append(work()), look)
        look()
        return total, tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def blocks(work: Callable[[], object]) -> int:
    """Return how many blocks of memory `work` allocates; one that is freed by the bytecode that took it is not seen."""
    total = 0
    known = sys.getallocatedblocks()

    def look() -> None:
        nonlocal total, known
        now = sys.getallocatedblocks()
        total += max(0, now - known)
        known = now

    bytecodes(work, look)
    return total
