"""How fast, on how many nodes, and how well simulated pods live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from dynkube.errors import InvalidRequestError

#: Seconds each step of a pod's life takes by default.
DELAY: Final = 0.1
#: An annotation of a pod (or of a pod template) that says what becomes of it: one of `OUTCOMES`.
OUTCOME: Final = "simulation.dynkube.io/outcome"
#: ``unready``: runs, never becomes Ready. ``unpullable``: its image cannot be pulled. ``crash``: its containers end
#: and are restarted, again and again. ``failure``: its containers end with exit code 1, where they are not restarted.
OUTCOMES: Final = ("unready", "unpullable", "crash", "failure")


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """The choices of a simulation; durations are seconds, and those left out are ``delay``.

    ``nodes`` nodes are made at the start (0: those the tests make). A pod waits ``scheduling`` for its node,
    ``starting`` until it is Running and Ready, and ``stopping`` until it is gone once deleted (never longer than its
    grace period). Pods that are not restarted, those of jobs, run for ``running``.

    Raises InvalidRequestError for a negative number.
    """

    delay: float = DELAY
    nodes: int = 2
    scheduling: float | None = None
    starting: float | None = None
    stopping: float | None = None
    running: float | None = None

    def __post_init__(self) -> None:
        for name in ("delay", "nodes", "scheduling", "starting", "stopping", "running"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidRequestError(f"{name} must not be negative, not {value!r}")

    def seconds(self, step: str) -> float:
        """Return how long a step takes: ``scheduling``, ``starting``, ``stopping`` or ``running``."""
        value: float | None = getattr(self, step)
        return self.delay if value is None else value
