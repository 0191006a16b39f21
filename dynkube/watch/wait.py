"""Waiting until an object is as wished: list, then watch, over everything a watch survives."""

from __future__ import annotations

import random as random_module
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidRequestError, WaitFailedError, WaitTimeoutError
from dynkube.watch.actions import Policy, Start
from dynkube.watch.clock import SYSTEM_CLOCK, Clock
from dynkube.watch.conditions import Condition, NamedCondition, describe
from dynkube.watch.loop import Change, State, WatchLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.objects import JSONObject
    from dynkube.watch.backoff import Backoff
    from dynkube.watch.protocol import ListerWatcher


class Wait:
    """One wait that another thread can end; `wait_for` is the short form.

    `source` selects one object, by a field selector on its name. `timeout` is in seconds, None for no limit, 0 for one
    look. `raise_for` are conditions after which waiting is pointless.
    """

    def __init__(
        self,
        source: ListerWatcher,
        wished: Condition,
        *,
        timeout: float | None = None,
        raise_for: Condition | Iterable[Condition] = (),
        backoff: Backoff | None = None,
        clock: Clock = SYSTEM_CLOCK,
        random: Callable[[], float] = random_module.random,
    ) -> None:
        if not callable(wished):
            raise InvalidRequestError(f"a condition is a function of the object, not {wished!r}")
        if timeout is not None and timeout < 0:
            raise InvalidRequestError(f"the timeout of a wait is a number of seconds from 0, not {timeout!r}")
        self._wished = wished
        self._failures = (raise_for,) if callable(raise_for) else tuple(raise_for)
        self._timeout = timeout
        self._source = source
        # A cache that is behind could still show nothing, or the conditions there were before the caller's last write.
        policy = Policy(start=Start.LIST, relist=True, most_recent=True)
        self._loop = WatchLoop(
            source,
            policy,
            deadline=timeout or None,
            backoff=backoff,
            clock=clock,
            random=random,
            on_error=self._failed,
        )
        self._trouble: Exception | None = None
        self._object: JSONObject | None = None
        self._last: JSONObject | None = None
        self._looked = False
        self._closed = False

    @property
    def last_object(self) -> JSONObject | None:
        """The object as it was last seen, also when it is gone; None if it was never seen."""
        return self._last

    @property
    def instead(self) -> str:
        """What the object, as it was last seen, has in place of what is waited for; "" if that cannot be said.

        It ends with the failure that keeps from looking, if there is one.
        """
        if self._object is not None:
            seen = self._wished.instead(self._object) if isinstance(self._wished, NamedCondition) else ""
        else:
            seen = "it is gone" if self._last is not None else "it does not exist" if self._looked else ""
        if not self._loop.failing:
            return seen
        return f"{seen}, when last seen, and since then: {self._trouble}" if seen else f"{self._trouble}"

    def close(self) -> None:
        """End the wait from any thread: `result` raises `WaitTimeoutError` within a moment."""
        self._closed = True
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def result(self) -> JSONObject | None:
        """Block until the condition holds and return the object it holds for; None if it holds without one.

        Raises `WaitFailedError` when one of `raise_for` holds first, `WaitTimeoutError` when the time is up, both with
        the object as last seen; `StatusError` and `TransportError` for what a watch raises.
        """
        try:
            for obj in self._observations():
                for failure in self._failures:
                    if failure(obj):
                        text = describe(failure)
                        message = f"{self._subject()} will not be {describe(self._wished)}: it is {text}"
                        raise WaitFailedError(message, last_object=self._last, condition=text)
                if self._wished(obj):
                    return obj
                if self._timeout == 0:
                    break
        finally:
            self._loop.stop()
        ended = "the wait was closed before" if self._closed else f"after {_seconds(self._timeout)} s"
        state = "was last seen without it" if self._last is not None else "was not seen"
        instead = f": {self.instead}" if self.instead and (self._last is not None or self._loop.failing) else ""
        raise WaitTimeoutError(
            f"{ended}: {describe(self._wished)} did not come true; {self._subject()} {state}{instead}",
            last_object=self._last,
        ) from (self._trouble if self._loop.failing else None)

    def _failed(self, error: Exception) -> None:
        self._trouble = error
        if self._timeout == 0:
            self._loop.stop()

    def _observations(self) -> Iterator[JSONObject | None]:
        """Yield the object as it is, and again whenever it may differ; None where it is not there."""
        for signal in self._loop.signals():
            self._looked = True
            if isinstance(signal, State):
                yield from self._replaced(signal.objects[0] if signal.objects else None)
            elif isinstance(signal, Change):
                obj = signal.event["object"]
                if signal.event["type"] == "DELETED":
                    self._object, self._last = None, obj
                    yield None
                else:
                    yield from self._replaced(obj)

    def _replaced(self, obj: JSONObject | None) -> Iterator[JSONObject | None]:
        if obj is not None and self._object is not None and _uid(obj) != _uid(self._object):
            # Deleted and made again while nobody looked.
            yield None
        self._object = obj
        if obj is not None:
            self._last = obj
        yield obj

    def _subject(self) -> str:
        if self._last is None:
            return "the object"
        metadata = self._last["metadata"]
        place = f"{metadata['namespace']}/" if metadata.get("namespace") else ""
        return f"{self._last.get('kind', 'object')} {place}{metadata['name']}"


def wait_for(source: ListerWatcher, wished: Condition, **options: Any) -> JSONObject | None:
    """Block until a condition holds for the one object of `source`; see `Wait` for the options and `Wait.result`."""
    with Wait(source, wished, **options) as wait:
        return wait.result()


def _seconds(timeout: float | None) -> str:
    """Return a number of seconds as people say it."""
    return f"{round(timeout or 0.0, 1 if (timeout or 0.0) >= 1 else 3):g}"


def _uid(obj: JSONObject) -> Any:
    return obj["metadata"].get("uid")
