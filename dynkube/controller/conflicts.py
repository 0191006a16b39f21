"""Doing a read-modify-write again when somebody else was faster (client-go `util/retry`)."""

from __future__ import annotations

import random as random_module
import threading
from typing import TYPE_CHECKING, TypeVar

from dynkube.errors import Conflict, InvalidRequestError
from dynkube.watch.backoff import Backoff
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")


def retry_on_conflict(
    attempt: Callable[[], Result],
    *,
    attempts: int = 5,
    initial: float = 0.01,
    factor: float = 1.0,
    clock: Clock = SYSTEM_CLOCK,
    random: Callable[[], float] = random_module.random,
) -> Result:
    """Call `attempt`, again after `Conflict`, and return what it returns.

    `attempt` has to read the object itself each time: the version it was given before is the reason of the conflict.
    Between `attempts` calls it pauses `initial` seconds, `factor` times more each time, and up to a tenth longer
    (client-go `retry.DefaultRetry`). The last `Conflict` is raised; any other error ends it at once.
    """
    if attempts < 1:
        raise InvalidRequestError(f"at least one attempt is needed, not {attempts}")
    backoff = Backoff(
        initial=initial, factor=factor, limit=initial * factor**attempts, jitter=0.1, clock=clock, random=random
    )
    for _ in range(attempts - 1):
        try:
            return attempt()
        except Conflict:  # noqa: PERF203 - the loop is about this exception
            clock.wait(threading.Event(), backoff.next())
    return attempt()
