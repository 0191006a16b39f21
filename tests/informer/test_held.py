"""What an informer holds while nothing happens: its store."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from watch.fakes import page, thing

from dynkube.informer import SharedInformer
from dynkube.transport.latch import Latch
from dynkube.watch.loop import State

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_threads_left")


class _Quiet:
    """Has one object, about which nothing happens; says when its watch is waited for."""

    def __init__(self) -> None:
        self.waited_for = threading.Event()
        self._closed = Latch()

    def list(self, **options: Any) -> Any:
        return page(thing("a"), version=1)

    def watch(self, **options: Any) -> Any:
        return self

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        self.waited_for.set()
        assert self._closed.wait(60)
        raise StopIteration

    def close(self) -> None:
        self._closed.set()


def test_a_state_is_not_held_beside_the_store() -> None:
    """A list that was taken over is forgotten: after a relist it would be a second copy of everything, for hours."""
    source = _Quiet()
    with SharedInformer(source, stream=False):
        assert source.waited_for.wait(30)
        assert [obj for obj in gc.get_objects() if isinstance(obj, State)] == []
