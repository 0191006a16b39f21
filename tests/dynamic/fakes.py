"""A REST client that records what it is to send and answers from a script, and resources discovery may tell of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from dynkube.config import UNSET
from dynkube.discovery import APIResource
from dynkube.dynamic import Resource
from dynkube.dynamic.binding import Binding
from dynkube.errors import status_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dynkube.names import GroupVersionResource
    from dynkube.rest import RESTClient
    from dynkube.transport import HTTPRequest

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")

SCALE = APIResource(
    "apps",
    "v1",
    "deployments/scale",
    "",
    "Scale",
    namespaced=True,
    verbs=("get", "patch", "update"),
    response_group="autoscaling",
    response_version="v1",
)
STATUS = APIResource(
    "apps", "v1", "deployments/status", "", "Deployment", namespaced=True, verbs=("get", "patch", "update")
)
DEPLOYMENTS = APIResource(
    "apps",
    "v1",
    "deployments",
    "deployment",
    "Deployment",
    namespaced=True,
    verbs=ALL_VERBS,
    subresources=(SCALE, STATUS),
)
EVICTION = APIResource(
    "",
    "v1",
    "pods/eviction",
    "",
    "Eviction",
    namespaced=True,
    verbs=("create",),
    response_group="policy",
    response_version="v1",
)
PODS = APIResource("", "v1", "pods", "pod", "Pod", namespaced=True, verbs=ALL_VERBS, subresources=(EVICTION,))
NODES = APIResource("", "v1", "nodes", "node", "Node", namespaced=False, verbs=ALL_VERBS)
REVIEWS = APIResource(
    "authorization.k8s.io",
    "v1",
    "selfsubjectaccessreviews",
    "selfsubjectaccessreview",
    "SelfSubjectAccessReview",
    namespaced=False,
    verbs=("create",),
)


class FakeStream:
    """The events of one connection, given beforehand."""

    def __init__(self, events: Iterable[dict[str, Any]]) -> None:
        self._events = iter(events)
        self.closed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        return next(self._events)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


class FakeRest:
    """Records requests and their timeouts; answers with the next of `answers`, or raises it if it is an exception."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[HTTPRequest] = []
        self.timeouts: list[Any] = []
        self.closed = False

    def request(self, request: HTTPRequest, *, timeout: Any = UNSET) -> Any:
        """Answer a plain request."""
        return self._answer(request, timeout)

    def watch(self, request: HTTPRequest, *, timeout: Any = UNSET) -> Any:
        """Answer a watch: the next answer is to be a stream."""
        return self._answer(request, timeout)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True

    @property
    def last(self) -> HTTPRequest:
        """The request sent last."""
        return self.requests[-1]

    @property
    def targets(self) -> list[str]:
        """Paths and queries, in the order sent."""
        return [request.target for request in self.requests]

    def _answer(self, request: HTTPRequest, timeout: Any) -> Any:
        self.requests.append(request)
        self.timeouts.append(timeout)
        answer = self.answers.pop(0) if self.answers else {}
        if isinstance(answer, BaseException):
            raise answer
        return answer


def resource(rest: FakeRest, api: APIResource = DEPLOYMENTS, *, context_namespace: str = "default") -> Resource:
    """Return a resource that discovery knows, sending through `rest`."""
    return Resource(Binding(cast("RESTClient", rest), context_namespace, asked=api.name, api=api))


def exact(rest: FakeRest, gvr: GroupVersionResource) -> Resource:
    """Return a resource that discovery was not asked about."""
    return Resource(Binding(cast("RESTClient", rest), "default", asked=str(gvr), gvr=gvr))


def not_found(name: str = "web") -> Exception:
    """Return the server's answer for a missing object."""
    details = {"name": name, "group": "apps", "kind": "deployments"}
    status = {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404, "details": details}
    return status_error(status, method="GET", url="http://test/", code=404)


def expired(fresh_token: str | None = None) -> Exception:
    """Return the server's answer for a continue token that is too old, with or without a fresh one."""
    status = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Expired",
        "code": 410,
        "metadata": {"continue": fresh_token} if fresh_token else {},
    }
    return status_error(status, method="GET", url="http://test/", code=410)


def page(names: str, token: str | None = None, *, version: str = "7", kind: str = "DeploymentList") -> dict[str, Any]:
    """Return one page of a list, of objects called by the letters of `names`."""
    metadata = {"resourceVersion": version, **({"continue": token} if token else {})}
    items = [{"metadata": {"name": name, "namespace": "prod"}} for name in names]
    return {"kind": kind, "apiVersion": "apps/v1", "metadata": metadata, "items": items}
