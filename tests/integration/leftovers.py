"""What a run leaves on its server: nothing may be there whose name, or namespace, bears the run's mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.errors import MethodNotAllowed, NotFound
from dynkube.watch import deleted

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient

#: Seconds a namespace may take to go.
PATIENCE = 60.0


def await_namespaces(dyn: DynamicClient, mark: str) -> None:
    """Wait until the namespaces of the run are gone. Raises WaitTimeoutError, which says what keeps one."""
    namespaces = dyn.resource("v1", "namespaces")
    for each in namespaces.metadata().iter():
        if mark in each["metadata"]["name"]:
            namespaces.wait(each["metadata"]["name"], deleted(), timeout=PATIENCE)


def left_behind(dyn: DynamicClient, mark: str) -> list[str]:
    """Return every object of every resource that can be listed and bears the mark."""
    found = []
    for api in dyn.discovery.preferred_resources():
        if "list" not in api.verbs:
            continue
        resource = dyn.resource(api).metadata()
        try:
            items = list((resource.all_namespaces() if api.namespaced else resource).iter())
        except (NotFound, MethodNotAllowed):  # of somebody else, and gone by now
            continue
        names = [(each["metadata"].get("namespace", ""), each["metadata"]["name"]) for each in items]
        found += [f"{api.gvr.group_resource} {'/'.join(name)}" for name in names if any(mark in part for part in name)]
    return found
