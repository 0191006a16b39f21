"""What controllers need of a resource; `dynkube.dynamic.Resource` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.objects import JSONObject
    from dynkube.transport import Cancellation


class Cancellable(Protocol):
    """A resource whose requests can be ended from another thread."""

    def cancellable(self, cancellation: Cancellation) -> Objects:
        """Return a view whose every request ends with the cancellation."""


class Objects(Protocol):
    """The objects of one resource, in one namespace or cluster-scoped."""

    def get(self, name: str, *, timeout: TimeoutLike | Unset = ...) -> JSONObject:
        """Return an object; raise `NotFound` if there is none."""

    def create(self, obj: JSONObject, *, timeout: TimeoutLike | Unset = ...) -> JSONObject:
        """Create an object and return it as stored."""

    def update(self, obj: JSONObject, *, timeout: TimeoutLike | Unset = ...) -> JSONObject:
        """Replace an object and return it as stored; raise `Conflict` if it changed since it was read."""

    def update_status(self, obj: JSONObject, *, timeout: TimeoutLike | Unset = ...) -> JSONObject:
        """Replace the status of an object and return it as stored."""

    def patch(
        self,
        name: str,
        body: Any,
        *,
        type: Any = ...,  # noqa: A002 - as in Resource.patch
        timeout: TimeoutLike | Unset = ...,
    ) -> JSONObject:
        """Patch an object and return it as stored."""
