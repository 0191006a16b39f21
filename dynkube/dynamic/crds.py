"""Custom resource definitions: what is installed, installing one, and waiting until its kind can be used."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.dynamic import bodies
from dynkube.errors import BodyMismatchError, WaitFailedError, WaitTimeoutError
from dynkube.names import GroupVersion, GroupVersionResource
from dynkube.objects import get_condition
from dynkube.watch import condition

if TYPE_CHECKING:
    from dynkube.dynamic.client import DynamicClient
    from dynkube.dynamic.resource import Resource
    from dynkube.objects import JSONObject

#: The resource of definitions themselves; exact, since every server that has any serves them here.
CRDS = GroupVersionResource("apiextensions.k8s.io", "v1", "customresourcedefinitions")

#: Longest pause between two looks at discovery, in seconds; the first is a fiftieth of it.
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class CRDVersion:
    """One version of a custom resource."""

    name: str
    #: Whether the server serves it.
    served: bool
    #: Whether objects are stored in it: true of exactly one version.
    storage: bool
    deprecated: bool = False


@dataclass(frozen=True, slots=True)
class CRD:
    """What a definition defines, and how far the server is with it."""

    name: str
    group: str
    kind: str
    plural: str
    namespaced: bool
    versions: tuple[CRDVersion, ...]
    #: Versions in which objects may still be stored (status.storedVersions): none of them may be removed.
    stored_versions: tuple[str, ...] = ()
    #: Whether its names were accepted and it is served (condition Established).
    established: bool = False

    @classmethod
    def of(cls, obj: JSONObject) -> CRD:
        """Read a CustomResourceDefinition of apiextensions.k8s.io/v1; raises BodyMismatchError if it is none."""
        if not isinstance(obj, dict):
            raise BodyMismatchError(f"a definition is a dict, not {type(obj).__name__}; load_manifests reads files")
        if obj.get("kind") != "CustomResourceDefinition":
            raise BodyMismatchError(f"a CustomResourceDefinition is wanted here, not {obj.get('kind')!r}")
        spec: dict[str, Any] = obj.get("spec") or {}
        names: dict[str, Any] = spec.get("names") or {}
        return cls(
            name=bodies.name_of(obj, why="a definition is named <plural>.<group>"),
            group=spec.get("group", ""),
            kind=names.get("kind", ""),
            plural=names.get("plural", ""),
            namespaced=spec.get("scope") == "Namespaced",
            versions=tuple(_version(each) for each in spec.get("versions") or ()),
            stored_versions=tuple((obj.get("status") or {}).get("storedVersions") or ()),
            established=(get_condition(obj, "Established") or {}).get("status") == "True",
        )

    @property
    def storage_version(self) -> str:
        """The version objects are stored in; "" if the definition names none, which the server refuses."""
        return next((version.name for version in self.versions if version.storage), "")

    @property
    def served_versions(self) -> tuple[str, ...]:
        """The versions the server serves, in the order of the definition."""
        return tuple(version.name for version in self.versions if version.served)

    def resource(self, version: str | None = None) -> GroupVersionResource:
        """Return the resource in a version; without one, in the storage version, or the first served if that is not."""
        if version is None:
            served = self.served_versions
            version = self.storage_version if self.storage_version in served or not served else served[0]
        return GroupVersionResource(self.group, version, self.plural)


class CustomResourceDefinitions:
    """The definitions of one cluster: `client.crds()`."""

    def __init__(self, client: DynamicClient) -> None:
        self._client = client
        self._resource = client.resource(CRDS)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._client!r}>"

    def list(self) -> tuple[CRD, ...]:
        """Return every definition with its versions, by name."""
        return tuple(CRD.of({"kind": "CustomResourceDefinition", **obj}) for obj in self._resource.iter())

    def get(self, name: str) -> CRD:
        """Return the definition called `name` ("shirts.stable.example.com"); raises NotFound."""
        return CRD.of(self._resource.get(name))

    def install(
        self, manifest: JSONObject, *, field_manager: str, force: bool = False, timeout: float | None = 60
    ) -> Resource:
        """Apply a definition, new or newer, and return its resource once objects of it can be written.

        The resource is in the storage version. Applying is server-side: see `Resource.apply` for `force`, and for the
        Conflict raised if another manager owns a field. Otherwise raises as `wait_established`.
        """
        name = CRD.of(manifest).name
        self._resource.apply(manifest, field_manager=field_manager, force=force)
        return self._wait(name, timeout)

    def wait_established(self, crd: str | JSONObject, *, timeout: float | None = 60) -> Resource:
        """Wait until a definition, given by name or as a manifest, is established and discovery lists its versions.

        Returns the resource it defines; this client's mapper knows it from then on. `timeout` is in seconds, None for
        no limit. Raises WaitTimeoutError, and WaitFailedError if its names clash with another's, both with the
        definition as last seen.
        """
        name = crd if isinstance(crd, str) else CRD.of(crd).name
        return self._wait(name, timeout)

    def _wait(self, name: str, timeout: float | None) -> Resource:
        deadline = None if timeout is None else time.monotonic() + timeout
        # A conflict of names is known at once and does not heal by waiting (apiextensions naming_controller).
        refused = condition("NamesAccepted", "False")
        try:
            obj = self._resource.wait(name, condition("Established"), timeout=timeout, raise_for=refused)
        except WaitFailedError as error:
            clash = get_condition(error.last_object or {}, "NamesAccepted") or {}
            said = clash.get("message") or "the condition NamesAccepted is False"
            raise WaitFailedError(
                f"{name} will not be established, its names are refused: {said}",
                last_object=error.last_object,
                condition=error.condition,
            ) from None
        except WaitTimeoutError as error:
            seen = "it was not established" if error.last_object else "there was no such definition"
            raise WaitTimeoutError(
                f"after {timeout:g} s of waiting for {name}: {seen}", last_object=error.last_object
            ) from None
        if obj is None:
            raise WaitFailedError(f"{name} was deleted while it was waited for", last_object=None, condition="deleted")
        crd = CRD.of(obj)
        self._wait_served(crd, obj, deadline)
        return self._client.resource(self._client.mapper.api_resource(crd.resource()))

    def _wait_served(self, crd: CRD, obj: JSONObject, deadline: float | None) -> None:
        """Look at discovery until it lists every served version: it follows the condition, at some distance."""
        pause = _LONGEST_PAUSE / 50
        while True:
            self._client.mapper.invalidate()
            resources = self._client.mapper.discovered().resources
            missing = [
                version
                for version in crd.served_versions
                if all(each.name != crd.plural for each in resources.get(GroupVersion(crd.group, version), ()))
            ]
            if not missing:
                return
            if deadline is not None and time.monotonic() + pause > deadline:
                raise WaitTimeoutError(
                    f"{crd.name} is established, but discovery does not list {', '.join(missing)} yet", last_object=obj
                )
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _version(version: JSONObject) -> CRDVersion:
    return CRDVersion(
        name=version.get("name", ""),
        served=bool(version.get("served")),
        storage=bool(version.get("storage")),
        deprecated=bool(version.get("deprecated")),
    )
