"""Watch machines in the states that tests begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.watch.actions import ListPage, OpenStream, Pause, Policy, ReadStream, Start
from dynkube.watch.machine import WatchMachine

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The annotations of the bookmark that ends an initial state.
END: Mapping[str, str] = {"k8s.io/initial-events-end": "true"}
BACK_OFF = Pause(0.0, backoff=True)


def next_action(machine: WatchMachine) -> Any:
    """Return what is to be done now, as a type that no assertion before narrows."""
    return machine.action


def plain(version: str | None = "7") -> WatchMachine:
    """Return the machine of a watch from a version."""
    return WatchMachine(Policy(resource_version=version))


def lister(**options: Any) -> WatchMachine:
    """Return an informer's machine that begins with a list."""
    return WatchMachine(Policy(start=Start.LIST, relist=True, patient=True, **options))


def streamer() -> WatchMachine:
    """Return an informer's machine that begins with a streaming list."""
    return WatchMachine(Policy(start=Start.STREAM, relist=True, patient=True))


def listed(machine: WatchMachine, version: str = "10") -> WatchMachine:
    """Have a list answered in one page."""
    assert isinstance(next_action(machine), ListPage)
    assert machine.listed({"resourceVersion": version})
    return machine


def opened(machine: WatchMachine, now: float = 0.0) -> WatchMachine:
    """Have the watch stand since `now`."""
    assert isinstance(next_action(machine), OpenStream)
    machine.opened(now)
    assert next_action(machine) == ReadStream()
    return machine


def after_pause(machine: WatchMachine) -> Any:
    """Have the pause that is due go by and return what follows it."""
    assert isinstance(next_action(machine), Pause)
    machine.paused()
    return machine.action
