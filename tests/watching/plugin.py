"""The pytest side: a test that shows a credential fails, and so does a run that leaves something behind."""

from __future__ import annotations

import gc
import logging
import os
import tempfile
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from watching.left_behind import Census, temporary_files
from watching.secrets import RecordWatcher, Watch, watch_everything

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: Seconds that threads and sockets get at the end of the run to finish what they were told to stop.
PATIENCE = 10.0


class Watcher:
    """Lives as long as the run, in each of its worker processes."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.census = Census()
        self._handler = RecordWatcher(self.watch)
        self._undo: list[Callable[[], None]] = []
        self._temporary: Path | None = None
        self._before: tuple[str | None, str | None] = (None, None)

    def begin(self, temporary: Path) -> None:
        """Begin to watch; temporary files are made in this folder from now on."""
        self._temporary = temporary
        self._before = tempfile.tempdir, os.environ.get("TMPDIR")
        tempfile.tempdir = os.environ["TMPDIR"] = str(temporary)
        self._undo = watch_everything(self.watch)
        self._undo.append(_watch_raises(self.watch))
        self._undo.append(_watch_output(self.watch))
        logging.getLogger().addHandler(self._handler)
        self.census.begin()

    def end(self) -> list[str]:
        """Stop; returns what was left behind."""
        logging.getLogger().removeHandler(self._handler)
        for undo in reversed(self._undo):
            undo()
        tempfile.tempdir, variable = self._before
        if variable is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = variable
        deadline = monotonic() + PATIENCE
        while (left := self.census.left()) and monotonic() < deadline:
            gc.collect()
            for thread in threading.enumerate():
                if thread is not threading.current_thread():
                    thread.join(0.01)
        return left + temporary_files(self._temporary)


def _watch_raises(watch: Watch) -> Callable[[], None]:
    """Hear every exception a test catches with `pytest.raises`, with all that caused it."""
    kind: Any = type(pytest.raises(ArithmeticError))
    before = kind.__exit__

    def leave(self: Any, exc_type: Any, error: BaseException | None, trace: Any) -> Any:
        if error is not None:
            watch.hear_exception(error)
        return before(self, exc_type, error, trace)

    kind.__exit__ = leave

    def restore() -> None:
        kind.__exit__ = before

    return restore


def _watch_output(watch: Watch) -> Callable[[], None]:
    """Hear what a test reads back of standard error; standard output may be told to hold secrets (``view --raw``)."""
    kind: Any = pytest.CaptureFixture
    before = kind.readouterr

    def read(self: Any) -> Any:
        result = before(self)
        watch.hear("standard error", str(result.err))
        return result

    kind.readouterr = read

    def restore() -> None:
        kind.readouterr = before

    return restore


@pytest.fixture(scope="session", autouse=True)
def watcher(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watcher]:
    """Watch over the run. The first fixture of all: what others leave behind is looked for after they are gone."""
    watching = Watcher()
    watching.begin(tmp_path_factory.mktemp("temporary"))
    pytestconfig.stash[WATCHER] = watching
    yield watching
    left = watching.end()
    del pytestconfig.stash[WATCHER]
    assert not left, "left behind by this run:\n" + "\n".join(left)


WATCHER: pytest.StashKey[Watcher] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that made dynkube show a credential; note what appeared during the test."""
    yield
    watching = item.config.stash.get(WATCHER, None)
    if watching is not None:
        watching.census.note(item.nodeid)
        found = watching.watch.findings()
        watching.watch.forget()
        assert not found, "a credential was shown:\n" + "\n".join(dict.fromkeys(found))
