"""The verbs on a subresource of each object of a resource: status, scale, eviction, binding, token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.config import UNSET
from dynkube.dynamic import options, requests
from dynkube.dynamic.keywords import names_nearest_option
from dynkube.errors import InvalidRequestError
from dynkube.rest.paths import quote_segment

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.dynamic.endpoint import Endpoint
    from dynkube.dynamic.options import FieldValidation, PatchType, PropagationPolicy
    from dynkube.dynamic.resource import Resource
    from dynkube.dynamic.writing import JSONPatch
    from dynkube.objects import JSONObject
    from dynkube.transport import HTTPRequest


@names_nearest_option
class Subresource:
    """A subresource ("scale") of each object of one view of a resource.

    The object is named by the first argument, or by metadata.name of the body where there is one; `name` is for bodies
    without (a TokenRequest). Everything else is as in `Resource`.
    """

    def __init__(self, resource: Resource, name: str) -> None:
        self._resource = resource
        self._name = name

    def get(
        self, name: str, *, resource_version: str | None = None, timeout: TimeoutLike | Unset = UNSET
    ) -> JSONObject:
        """Return the subresource of the object called `name`; a log is had by `logs` of the resource."""
        endpoint = self.endpoint("get")
        if self._name == "log":
            # It would come as an object where its one line looks like JSON, and as a failure otherwise.
            raise InvalidRequestError(f"a log is text and no object: call logs({name!r}) of the resource itself")
        return self._send(requests.get(endpoint, name, resource_version), timeout)

    def create(
        self,
        body: JSONObject,
        *,
        name: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Create what the subresource stands for: evict a pod, bind it to a node, ask for a token.

        Returns what the server answers, a Status for eviction and binding. Raises TooManyRequests where a disruption
        budget forbids an eviction.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.create(self.endpoint("create"), body, params, name=name), timeout)

    def update(
        self,
        body: JSONObject,
        *,
        name: str | None = None,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Replace the subresource and return it as stored."""
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.update(self.endpoint("update"), body, params, name=name), timeout)

    def patch(
        self,
        name: str,
        body: JSONObject | JSONPatch,
        *,
        type: PatchType | None = None,  # noqa: A002 - as in Resource.patch
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Change the subresource of the object called `name`; the kinds of patches are those of `Resource.patch`."""
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.patch(self.endpoint("patch"), name, body, params, type), timeout)

    def apply(
        self,
        body: JSONObject,
        *,
        field_manager: str,
        name: str | None = None,
        force: bool = False,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Apply the subresource server-side; the object must exist."""
        params = options.apply_params(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation, force=force
        )
        return self._send(requests.apply(self.endpoint("patch"), body, params, name=name), timeout)

    def delete(
        self,
        name: str,
        *,
        propagation_policy: PropagationPolicy | None = None,
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Delete the subresource of the object called `name`, where a server offers that."""
        body = options.delete_options(
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=None,
            resource_version=None,
            dry_run=dry_run,
        )
        return self._send(requests.delete(self.endpoint("delete"), name, body), timeout)

    def namespace(self, name: str) -> Subresource:
        """Return this subresource of the objects in the namespace `name`."""
        quote_segment(name, "namespace")
        return Subresource(self._resource.namespace(name), self._name)

    def path(self, name: str) -> str:
        """Return the validated, encoded path of the subresource of the object called `name`."""
        return self.endpoint().item(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name} of {self._resource!r}>"

    def endpoint(self, verb: str = "") -> Endpoint:
        """Return the prepared paths and rules; raises UnsupportedVerbError if there is no such subresource or verb."""
        return self._resource.endpoint(verb, self._name)

    def _send(self, request: HTTPRequest, timeout: TimeoutLike | Unset) -> JSONObject:
        answer = self._resource.rest.request(request, timeout=timeout)
        if request.method != "GET":
            self._resource.wrote(request, answer)
        return answer
