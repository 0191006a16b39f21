"""The verbs that change something: create, update, patch, apply, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.config import UNSET
from dynkube.dynamic import options, requests
from dynkube.dynamic.keywords import names_nearest_option
from dynkube.dynamic.view import View

if TYPE_CHECKING:
    from dynkube.config import TimeoutLike, Unset
    from dynkube.dynamic.options import (
        FieldSelectorLike,
        FieldValidation,
        LabelSelectorLike,
        PatchType,
        PropagationPolicy,
        ResourceVersionMatch,
    )
    from dynkube.objects import JSONObject
    from dynkube.transport import HTTPRequest

    JSONPatch = list[JSONObject]


@names_nearest_option
class Writing(View):
    """create, update, update_status, patch, apply, apply_status, delete, delete_collection."""

    def create(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Create `obj` and return it as stored; raises AlreadyExists if its name is taken.

        It may have metadata.generateName in place of a name. apiVersion and kind may be left out where discovery
        knows them. `dry_run` goes through admission and validation and stores nothing.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.create(self.endpoint("create"), obj, params), timeout)

    def update(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Replace the object of `obj`'s name and return it as stored.

        With the metadata.resourceVersion it was read with, raises Conflict if it changed since.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.update(self.endpoint("update"), obj, params), timeout)

    def update_status(
        self,
        obj: JSONObject,
        *,
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Replace the status of the object of `obj`'s name; the server ignores the rest of `obj`."""
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.update(self.endpoint("update", "status"), obj, params), timeout)

    def patch(
        self,
        name: str,
        body: JSONObject | JSONPatch,
        *,
        type: PatchType | None = None,  # noqa: A002 - the word everybody has for it
        dry_run: bool = False,
        field_manager: str | None = None,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Change the object called `name` and return it as stored.

        A dict is a merge patch (RFC 7386: null removes), a list a JSON patch (RFC 6902). `type="strategic"` merges
        lists by key, for built-in kinds only: the server answers UnsupportedMediaType for custom resources.
        """
        params = options.write_params(dry_run=dry_run, field_manager=field_manager, field_validation=field_validation)
        return self._send(requests.patch(self.endpoint("patch"), name, body, params, type), timeout)

    def apply(
        self,
        obj: JSONObject,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Apply `obj` server-side: create it, or make the fields it has as it says; return it as stored.

        The server remembers that `field_manager` owns these fields. Raises Conflict, with a cause for each field that
        another manager owns; `force` takes them over. managedFields in `obj` are left out of what is sent.
        """
        params = options.apply_params(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation, force=force
        )
        return self._send(requests.apply(self.endpoint("patch"), obj, params), timeout)

    def apply_status(
        self,
        obj: JSONObject,
        *,
        field_manager: str,
        force: bool = False,
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Apply the status of `obj` server-side; the object must exist. Otherwise as `apply`."""
        params = options.apply_params(
            dry_run=dry_run, field_manager=field_manager, field_validation=field_validation, force=force
        )
        return self._send(requests.apply(self.endpoint("patch", "status"), obj, params), timeout)

    def delete(
        self,
        name: str,
        *,
        propagation_policy: PropagationPolicy | None = None,
        grace_period_seconds: int | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        dry_run: bool = False,
        ignore_store_read_error: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Delete the object called `name`.

        Returns the object if the server sends it (it may still be there, with a deletionTimestamp, until its
        finalizers are done), else a Status. With `uid` or `resource_version`, raises Conflict if the object is not
        that one. `propagation_policy` says what becomes of its dependents; `grace_period_seconds=0` means at once.
        """
        body = options.delete_options(
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=uid,
            resource_version=resource_version,
            dry_run=dry_run,
            ignore_store_read_error=ignore_store_read_error,
        )
        return self._send(requests.delete(self.endpoint("delete"), name, body), timeout)

    def delete_collection(
        self,
        *,
        label_selector: LabelSelectorLike = None,
        field_selector: FieldSelectorLike = None,
        limit: int | None = None,
        resource_version: str | None = None,
        resource_version_match: ResourceVersionMatch | None = None,
        propagation_policy: PropagationPolicy | None = None,
        grace_period_seconds: int | None = None,
        dry_run: bool = False,
        timeout: TimeoutLike | Unset = UNSET,
    ) -> JSONObject:
        """Delete every object a list with these selectors has, in one namespace or the cluster's scope.

        Returns the list of what was deleted, or a Status. No selector means all of them.
        """
        params = options.list_params(
            label_selector,
            field_selector,
            limit,
            None,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
        )
        body = options.delete_options(
            propagation_policy=propagation_policy,
            grace_period_seconds=grace_period_seconds,
            uid=None,
            resource_version=None,
            dry_run=dry_run,
        )
        request = requests.delete_collection(self.endpoint("deletecollection"), params, body)
        answer = self._binding.rest.request(request, timeout=timeout)
        self._binding.wrote(request, answer)
        return answer

    def _send(self, request: HTTPRequest, timeout: TimeoutLike | Unset) -> JSONObject:
        answer = self._binding.rest.request(request, timeout=timeout)
        self._binding.wrote(request, answer)
        return self._one(answer)
