"""The clientset nobody generated: groups, versions and resources of a cluster as attributes, learned at run time.

One rule makes identifiers (`identifier`): every character that cannot stand in one becomes "_". A group version is its
group and version joined by "_", the core group called "core": `core_v1`, `apps_v1`, `stable_example_com_v1`. A group
under k8s.io, which Kubernetes itself hands out, is also reached by its first label, as client-go calls it:
`networking_v1` is networking.k8s.io/v1, `rbac_v1` is rbac.authorization.k8s.io/v1. The full form wins over a short one.
"""

from __future__ import annotations

import difflib
import keyword
import re
from typing import TYPE_CHECKING, TypeVar

from dynkube.dynamic.events import EventsResource, is_core_events
from dynkube.dynamic.resource import Resource
from dynkube.errors import AmbiguousError
from dynkube.names import GroupVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.discovery import APIResource, CachedDiscovery, Discovered
    from dynkube.dynamic.client import DynamicClient

    #: Identifier -> what it may stand for; more than one is ambiguous.
    Names = Mapping[str, "list[_T]"]

_T = TypeVar("_T")


def identifier(text: str) -> str:
    """Return `text` as a Python identifier: "networking.k8s.io" is "networking_k8s_io", "3scales" is "_3scales"."""
    name = re.sub(r"[^0-9A-Za-z_]", "_", text)
    if not name or name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if keyword.iskeyword(name) else name


class Clientset:
    """Group versions as attributes: `clientset.apps_v1()`, or `clientset["apps/v1"]` for the exact name.

    Discovery runs on the first attribute, not before; an unknown one has it refreshed once, then raises
    AttributeError with the nearest names. `dir()` lists what the server serves, so a REPL completes it.
    """

    def __init__(self, client: DynamicClient, cache: CachedDiscovery) -> None:
        self._client = client
        self._cache = cache

    def __getattr__(self, name: str) -> GroupVersionClient:
        """Return the group version called `name`."""
        if name.startswith("_") and not name[1:2].isdigit():
            raise AttributeError(name)  # what copy, pickle and REPLs probe for is no reason to ask a server
        found = _look_up(self._cache, name, _group_versions, "group version")
        return GroupVersionClient(self._client, self._cache, found)

    def __getitem__(self, group_version: str) -> GroupVersionClient:
        """Return the group version written as in apiVersion: "apps/v1". Not looked up before its first use."""
        return GroupVersionClient(self._client, self._cache, GroupVersion.parse(group_version))

    def __dir__(self) -> list[str]:
        return sorted(_group_versions(self._cache.discover()))

    def __repr__(self) -> str:
        return f"<Clientset of {self._client!r}>"


class GroupVersionClient:
    """Resources of one group version as attributes: `apps_v1().deployments("prod")`.

    Calling it returns itself, so that `clientset.apps_v1.deployments` and `clientset.apps_v1().deployments` are one.
    """

    def __init__(self, client: DynamicClient, cache: CachedDiscovery, group_version: GroupVersion) -> None:
        self._client = client
        self._cache = cache
        self._group_version = group_version

    def __call__(self) -> GroupVersionClient:
        """Return this."""
        return self

    def __getattr__(self, name: str) -> ResourceGetter:
        """Return what makes the resource called `name`, by its plural."""
        if name.startswith("_") and not name[1:2].isdigit():
            raise AttributeError(name)
        found = _look_up(self._cache, name, self._resources, f"resource of {self._group_version}", self._version_served)
        return ResourceGetter(self._client, found)

    def __dir__(self) -> list[str]:
        return sorted(self._resources(self._cache.discover()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._group_version}>"

    def _version_served(self, discovered: Discovered) -> str:
        """Return what is to be said if the group version itself is the problem."""
        failed = discovered.failed.get(self._group_version)
        if failed is not None:
            return f"{self._group_version} could not be discovered ({failed})"
        return "" if self._group_version in discovered.resources else f"the server does not serve {self._group_version}"

    def _resources(self, discovered: Discovered) -> Names[APIResource]:
        names: dict[str, list[APIResource]] = {}
        for resource in discovered.resources.get(self._group_version, ()):
            names.setdefault(identifier(resource.name), []).append(resource)
        return names


class ResourceGetter:
    """Makes the resource when called: without a namespace, `deployments()`, or in one, `deployments("prod")`."""

    def __init__(self, client: DynamicClient, api: APIResource) -> None:
        self._client = client
        self._api = api

    def __call__(self, namespace: str | None = None) -> Resource:
        """Return the resource, the same as `DynamicClient.resource` makes; core events can `search` as well."""
        make = EventsResource if is_core_events(self._api) else Resource
        gvr = self._api.gvr
        binding = self._client.bind(str(gvr), api=self._api, resolve=lambda: self._client.mapper.api_resource(gvr))
        resource = make(binding)
        return resource if namespace is None else resource.namespace(namespace)

    def __getattr__(self, name: str) -> Resource:
        """Raise AttributeError; for a verb, with the call that is missing."""
        text = f"{type(self).__name__!r} object has no attribute {name!r}"
        if hasattr(Resource, name) and not name.startswith("_"):
            plural = identifier(self._api.name)
            inside = f', or {plural}("a-namespace").{name}' if self._api.namespaced else ""
            text = f"{plural} is called first: {plural}().{name}{inside}"
        raise AttributeError(text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._api.gvr.resource} ({self._api.gvr.api_version})>"


def _group_versions(discovered: Discovered) -> Names[GroupVersion]:
    full: dict[str, list[GroupVersion]] = {}
    short: dict[str, list[GroupVersion]] = {}
    for group_version in discovered.resources:
        group, version = group_version.group or "core", group_version.version
        full.setdefault(identifier(f"{group}_{version}"), []).append(group_version)
        if group.endswith(".k8s.io"):
            label = group.partition(".")[0]
            short.setdefault(identifier(f"{label}_{version}"), []).append(group_version)
    return {**short, **full}


def _look_up(
    cache: CachedDiscovery,
    name: str,
    names_of: Callable[[Discovered], Names[_T]],
    what: str,
    problem: Callable[[Discovered], str] = lambda _: "",
) -> _T:
    since = cache.now()
    loaded = cache.load()
    names = names_of(loaded.discovered)
    if name not in names:
        newer = cache.refresh(loaded, since=since)
        if newer is not loaded:
            loaded, names = newer, names_of(newer.discovered)
    meant = names.get(name, [])
    if len(meant) > 1:
        candidates = [str(each) for each in meant]
        raise AmbiguousError(f"{name!r} is the name of {' and '.join(candidates)}", candidates=candidates)
    if not meant:
        nearest = difflib.get_close_matches(name, names, n=3)
        hint = f"; did you mean {' or '.join(nearest)}?" if nearest else ""
        raise AttributeError(problem(loaded.discovered) or f"the server serves no {what} {name!r}{hint}")
    return meant[0]
