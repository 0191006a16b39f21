"""Threads, sockets and temporary files: what there is, since which test, and what is left in the end."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

_DESCRIPTORS = Path("/proc/self/fd")


class Census:
    """Knows which threads and sockets were there from the start, and during which test each other one appeared."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._since: dict[str, str] = {}

    def begin(self) -> None:
        """Take what there is now as belonging to whoever runs the tests."""
        self._known = _present()

    def note(self, test: str) -> None:
        """Put everything that is new down to this test."""
        present = _present() - self._known
        for thing in present:
            self._since.setdefault(thing, test)
        for thing in set(self._since) - present:
            del self._since[thing]

    def left(self) -> list[str]:
        """Return what is there and was not at the start, with the test in which it appeared."""
        return [f"{thing}, since {self._since.get(thing, 'the end')}" for thing in sorted(_present() - self._known)]


def temporary_files(folder: Path | None) -> list[str]:
    """Return what is in the folder for temporary files."""
    return [f"temporary file {path}" for path in sorted(folder.iterdir())] if folder is not None else []


def _present() -> set[str]:
    found = {
        f"thread {thread.name} ({thread.ident})"
        for thread in threading.enumerate()
        # pytest-xdist's own, and a pool that the interpreter keeps.
        if thread is not threading.main_thread() and not thread.name.startswith("execnet")
    }
    for entry in _DESCRIPTORS.iterdir() if _DESCRIPTORS.is_dir() else ():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.startswith("socket:"):
                found.add(target)
    return found
