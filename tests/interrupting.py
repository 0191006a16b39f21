"""Runs a function in the middle of another, as Python runs a signal handler in the middle of the main thread."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def interrupted(call: Callable[[], object], at: int, handler: Callable[[], object]) -> bool:
    """Run a call in a thread, and the handler in the middle of it before its line number `at`; say if it got there.

    Python runs signal handlers in the main thread between any two steps; a trace function comes between any two lines
    of any thread, which is the same to the code that is interrupted.
    """
    lines = 0

    def trace(frame: Any, kind: str, _: Any) -> Any:
        nonlocal lines
        if kind == "line":
            lines += 1
            if lines == at:
                sys.settrace(None)
                handler()
                return None
        return trace

    def run() -> None:
        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), f"it hangs, interrupted before line {at}"
    return lines >= at
