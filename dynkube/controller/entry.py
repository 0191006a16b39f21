"""Read, change, write: one object, as often as it takes (after kube-rs's `Api::entry`)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from dynkube.controller.conflicts import retry_on_conflict
from dynkube.errors import AlreadyExists, BodyMismatchError, Conflict, InvalidRequestError, NotFound
from dynkube.watch.clock import SYSTEM_CLOCK, Clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.controller.protocol import Objects
    from dynkube.objects import JSONObject


class Entry:
    """The place of one object on the server, occupied or not, and what is to become of it.

    `entry(resource, "web").and_modify(change).or_insert(make).commit()`. The functions may be called several times,
    each time with the object freshly read.
    """

    def __init__(self, objects: Objects, name: str, *, status: bool = False, clock: Clock = SYSTEM_CLOCK) -> None:
        self._objects = objects
        self._name = name
        self._status = status
        self._clock = clock
        self._changes: list[Callable[[JSONObject], object]] = []
        self._make: Callable[[], JSONObject] | None = None

    def and_modify(self, change: Callable[[JSONObject], object]) -> Entry:
        """If the object exists, change it in place; what the function returns is ignored."""
        self._changes.append(change)
        return self

    def or_insert(self, make: Callable[[], JSONObject]) -> Entry:
        """If the object does not exist, create what the function returns, under the entry's name."""
        if self._status:
            raise InvalidRequestError("a status cannot be created without its object")
        self._make = make
        return self

    def commit(self, *, attempts: int = 5) -> JSONObject | None:
        """Read and write until nobody else was faster; return the object as stored, None if there is none.

        An object the changes leave as it is is not written; one that vanishes before it is written was never there.
        Raises `Conflict` when that many attempts were not enough, and whatever else reading, writing and the functions
        raise.
        """
        return retry_on_conflict(self._attempt, attempts=attempts, clock=self._clock)

    def _attempt(self) -> JSONObject | None:
        try:
            present = self._objects.get(self._name)
        except NotFound:
            return self._insert()
        wanted = copy.deepcopy(present)
        for change in self._changes:
            change(wanted)
        if wanted == present:
            return present
        try:
            return self._objects.update_status(wanted) if self._status else self._objects.update(wanted)
        except NotFound:
            # Gone since it was read; or it is the subresource that there is not.
            if self._exists():
                raise
            return self._insert()

    def _exists(self) -> bool:
        try:
            self._objects.get(self._name)
        except NotFound:
            return False
        return True

    def _insert(self) -> JSONObject | None:
        if self._make is None:
            return None
        wanted = self._make()
        name = wanted.setdefault("metadata", {}).setdefault("name", self._name)
        if name != self._name:
            raise BodyMismatchError(f"the entry {self._name} cannot become an object named {name}")
        try:
            return self._objects.create(wanted)
        except AlreadyExists as error:
            # Somebody else made it since: the next attempt finds it and modifies it.
            raise Conflict(
                error.status, method=error.method, url=error.url, code=error.code, retry_after=error.retry_after
            ) from error


def entry(objects: Objects, name: str, *, status: bool = False) -> Entry:
    """Return the entry of a name; `status`: changes go to the status subresource."""
    return Entry(objects, name, status=status)
