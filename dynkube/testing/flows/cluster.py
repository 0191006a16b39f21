"""The state of one server, and what a request sees of it while it is answered."""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dynkube.testing.access.authentication import ADMINISTRATOR
from dynkube.testing.containers import Containers
from dynkube.testing.http import failures
from dynkube.testing.http.negotiation import Representation
from dynkube.testing.objects.schemas import SchemaSet
from dynkube.testing.resources.registry import Registry, Resource, as_version
from dynkube.testing.storage.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.access.authentication import Authenticator, User
    from dynkube.testing.http.connections import HTTPRequest
    from dynkube.testing.http.routing import Route
    from dynkube.testing.objects.schemas import Schema
    from dynkube.testing.storage.store import Collection, Event, Key, Record

NAMESPACES: Collection = ("", "namespaces")


def _utc_now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)


@dataclass(slots=True, kw_only=True)
class Cluster:
    """Everything the request flows work on. ``clock`` can be replaced by tests that need time to pass."""

    authenticator: Authenticator
    store: Store = field(default_factory=Store)
    registry: Registry = field(default_factory=Registry)
    schemas: SchemaSet = field(default_factory=SchemaSet.builtin)
    clock: Callable[[], datetime.datetime] = _utc_now
    #: Set when the server stops: streams look at it and end.
    stopping: threading.Event = field(default_factory=threading.Event)
    #: Where the server can be reached, ``127.0.0.1:8080``: told in ``GET /api``.
    address: str = ""
    #: What runs in pods, as far as a test says so.
    containers: Containers = field(default_factory=Containers)

    def now(self) -> str:
        """Return the time as objects carry it: RFC 3339 in UTC, whole seconds."""
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def schema_of(self, resource: Resource) -> Schema | None:
        """Return the schema of a resource's kind, None when it has none."""
        return resource.schema if resource.custom else self.schemas.schema_for(resource.gvk)

    def resource(self, group: str, version: str, name: str) -> Resource:
        """Return a served resource. Raises the 404 Failure."""
        found = self.registry.find(group, version, name)
        if found is None:
            raise failures.no_such_resource()
        return found

    def get(self, resource: Resource, key: Key) -> Record:
        """Return a stored object. Raises the 404 Failure."""
        record = self.store.get(resource.collection, key)
        if record is None:
            raise failures.not_found(resource.group, resource.name, key[1])
        return record

    def shown(self, resource: Resource, record: Record) -> dict[str, Any]:
        """Return a stored object as one version of its resource shows it. Not to be changed."""
        return as_version(resource, record.object)

    def listen(self, listener: Callable[[Collection, Event], None]) -> None:
        """Call ``listener`` with every change, under the store's lock."""
        self.store.listen(listener)


@dataclass(slots=True, kw_only=True)
class Call:
    """One request on its way through the server."""

    cluster: Cluster
    request: HTTPRequest
    route: Route
    user: User = ADMINISTRATOR
    representation: Representation = field(default_factory=Representation)
    #: Texts for Warning headers.
    warnings: list[str] = field(default_factory=list)

    @property
    def key(self) -> Key:
        """The storage key of the object the path names. A namespace is its own object's name, not its namespace."""
        return (self.route.namespace if self.route.in_namespace else "", self.route.name)

    def header(self, name: str) -> str:
        """Return a request header, "" if it is not there."""
        return self.request.headers.get(name)

    @property
    def content_type(self) -> str:
        """The body's media type, without parameters; JSON when the client names none."""
        return self.header("content-type").split(";")[0].strip().lower() or "application/json"
