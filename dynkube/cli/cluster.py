"""The cluster a command speaks to: the common options made into a client, and resources found as they were written."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import dynkube
from dynkube.cli.common import CONNECTION, request_limit
from dynkube.cli.exits import UsageError
from dynkube.config import Impersonation, Timeout
from dynkube.objects import nested_get

if TYPE_CHECKING:
    import argparse

    from typing_extensions import Self

    from dynkube.discovery import APIResource
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject


class Cluster:
    """A client made from a command's options; use it in a `with` statement."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._namespace: str | None = options.namespace
        self.dyn: DynamicClient = dynkube.connect(
            options.context, kubeconfig=options.kubeconfig, cache=options.cache_dir, **config_overrides(options)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dyn.close()

    @property
    def namespace(self) -> str:
        """The namespace to work in: `--namespace`, else the context's."""
        return self._namespace or self.dyn.config.namespace

    def find(self, text: str) -> APIResource:
        """Return the resource `text` names, in any form kubectl takes; raises MappingError."""
        return self.dyn.mapper.resolve(None, text)

    def expand(self, text: str) -> list[APIResource]:
        """Return the resources `text` names: those of a category (`all`), or the one resource."""
        try:
            return [self.find(text)]
        except dynkube.NoMatchError:
            members = list(self.dyn.mapper.category(text))
            if not members:
                raise
            return members

    def scope(self, resource: APIResource, *, all_namespaces: bool = False) -> str | None:
        """Return the namespace requests for `resource` are sent to: None for cluster scope and for all namespaces."""
        return self.namespace if resource.namespaced and not all_namespaces else None

    def view(self, resource: APIResource, namespace: str | None) -> Resource:
        """Return the client's view of `resource` in `namespace`; None: in the cluster's scope or across namespaces."""
        view = self.dyn.resource(resource)
        if not resource.namespaced:
            return view
        return view.all_namespaces() if namespace is None else view.namespace(namespace)

    def require_namespace(self, namespace: str | None) -> None:
        """Raise NotFound if that is what is missing where an object was not found; who may not look is told nothing."""
        if namespace is not None:
            with contextlib.suppress(dynkube.Forbidden):
                self.dyn.resource("v1", "namespaces").get(namespace)

    def view_of(self, manifest: JSONObject) -> Resource:
        """Return the view `manifest` belongs to: in its own namespace, which `--namespace` must not contradict."""
        own = nested_get(manifest, "metadata", "namespace")
        if own and self._namespace and own != self._namespace:
            raise UsageError(f"the manifest says namespace {own!r}, the command line says {self._namespace!r}")
        view = self.dyn.for_object(manifest)
        group_version, kind = manifest["apiVersion"], manifest["kind"]
        if own or not self.dyn.mapper.resolve(group_version, kind).namespaced:
            return view
        return view.namespace(self.namespace)


def config_overrides(options: argparse.Namespace) -> dict[str, Any]:
    """Return what the common options change in the loaded configuration."""
    overrides: dict[str, Any] = {"warning_handler": _warn}
    if options.request_timeout is not None:
        limit = request_limit(options)
        overrides["timeout"] = Timeout(connect=limit, read=limit)
    if options.as_user or options.as_group or options.as_uid:
        overrides["impersonate"] = Impersonation(
            user=options.as_user or "", uid=options.as_uid or "", groups=tuple(options.as_group)
        )
    for option in CONNECTION:
        if option.field is not None:
            overrides[option.field] = getattr(options, option.names[-1].lstrip("-").replace("-", "_"))
    overrides["insecure"] = options.insecure_skip_tls_verify
    overrides["disable_compression"] = options.disable_compression
    return overrides


def _warn(text: str) -> None:
    """Show what the server warns of (a deprecated version, an unknown field) without mixing it into the output."""
    print(f"Warning: {text}", file=sys.stderr)
