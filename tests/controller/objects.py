"""The objects of one resource in memory, with versions, conflicts and failures on demand."""

# ruff: noqa: D102 - what the protocol it stands for already says
from __future__ import annotations

import copy
import itertools
import threading
from typing import TYPE_CHECKING, Any

from dynkube.errors import status_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.transport.cancellation import Cancellation


class MemoryObjects:
    """One namespace of one resource. `before` is called before each request and may raise or write itself.

    `requests` are (verb, name) of every request.
    """

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str]] = []
        self.before: Callable[[str, str], object] = lambda verb, name: None
        self.after: Callable[[str, str], object] = lambda verb, name: None
        self._versions = itertools.count(1)
        self._lock = threading.RLock()

    def cancellable(self, cancellation: Cancellation) -> MemoryObjects:
        return self

    def namespace(self, namespace: str) -> MemoryObjects:
        return self

    def get(self, name: str, *, timeout: Any = None) -> dict[str, Any]:
        self._begin("get", name)
        with self._lock:
            obj = copy.deepcopy(self._present(name))
        self.after("get", name)
        return obj

    def create(self, obj: dict[str, Any], *, timeout: Any = None) -> dict[str, Any]:
        name = obj["metadata"]["name"]
        self._begin("create", name)
        with self._lock:
            if name in self.stored:
                raise refusal(409, "AlreadyExists")
            created = self._store({**copy.deepcopy(obj), "metadata": {"uid": f"uid-{name}", **obj["metadata"]}})
        self.after("create", name)
        return created

    def update(self, obj: dict[str, Any], *, timeout: Any = None) -> dict[str, Any]:
        return self._replace("update", obj)

    def update_status(self, obj: dict[str, Any], *, timeout: Any = None) -> dict[str, Any]:
        return self._replace("update_status", obj)

    def patch(self, name: str, body: Any, *, type: Any = None, timeout: Any = None) -> dict[str, Any]:  # noqa: A002
        self._begin(f"patch {type}", name)
        with self._lock:
            obj = copy.deepcopy(self._present(name))
            version = body.get("metadata", {}).get("resourceVersion")
            if version is not None and version != obj["metadata"]["resourceVersion"]:
                raise refusal(409, "Conflict")
            patched = self._store(_merged(obj, body))
        self.after("patch", name)
        return patched

    def _replace(self, verb: str, obj: dict[str, Any]) -> dict[str, Any]:
        name = obj["metadata"]["name"]
        self._begin(verb, name)
        with self._lock:
            present = self._present(name)
            if obj["metadata"].get("resourceVersion") != present["metadata"]["resourceVersion"]:
                raise refusal(409, "Conflict")
            updated = self._store(copy.deepcopy(obj))
        self.after(verb, name)
        return updated

    def _begin(self, verb: str, name: str) -> None:
        self.requests.append((verb, name))
        self.before(verb, name)

    def _present(self, name: str) -> dict[str, Any]:
        if name not in self.stored:
            raise refusal(404, "NotFound")
        return self.stored[name]

    def _store(self, obj: dict[str, Any]) -> dict[str, Any]:
        obj["metadata"]["resourceVersion"] = str(next(self._versions))
        self.stored[obj["metadata"]["name"]] = obj
        return copy.deepcopy(obj)


def refusal(code: int, reason: str) -> Exception:
    """Return what the server's refusal becomes in the client."""
    status = {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}
    return status_error(status, method="GET", url="https://test/", code=code)


def _merged(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result
