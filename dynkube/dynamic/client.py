"""The dynamic client: from a configuration to every resource of a cluster."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, overload

from dynkube.discovery import APIResource, DiscoveryClient
from dynkube.dynamic.binding import API_GROUPS, Binding
from dynkube.dynamic.resource import Resource
from dynkube.dynamic.surface import RememberedSurface
from dynkube.errors import BodyMismatchError, InvalidNameError, InvalidRequestError
from dynkube.mapping import RESTMapper
from dynkube.names import GroupVersion, GroupVersionKind, GroupVersionResource, check_path_segment
from dynkube.rest import RESTClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from dynkube.config import Config
    from dynkube.config.kubeconfig import KubeconfigSource
    from dynkube.dynamic.clientset import Clientset
    from dynkube.dynamic.crds import CustomResourceDefinitions
    from dynkube.dynamic.events import EventsResource
    from dynkube.dynamic.manifests import Applied
    from dynkube.dynamic.options import FieldValidation, LabelSelectorLike
    from dynkube.dynamic.surface_watch import SurfaceWatch
    from dynkube.informer import InformerFactory, Selection
    from dynkube.names import GroupKind
    from dynkube.objects import JSONObject
    from dynkube.watch import ListerWatcher


def connect(
    context: str | None = None,
    *,
    kubeconfig: KubeconfigSource | None = None,
    namespace: str | None = None,
    cache: str | PathLike[str] | None = None,
    **config_overrides: Any,
) -> DynamicClient:
    """Return a client of the cluster that the kubeconfig's `context`, or the pod's service account, stands for.

    `kubeconfig` is a path, several, or the parsed content; `namespace` takes the place of the context's. `cache` keeps
    discovery on disk: "disk" for the user's cache directory, or a path. Other keywords replace fields of `Config`.
    Nothing is sent. Raises ConfigError with the file and the reason.
    """
    if namespace is not None:
        config_overrides["namespace"] = namespace
    from dynkube.config import load_config  # brings the YAML parser along, needless where there is a Config

    config = load_config(context, kubeconfig=kubeconfig, **config_overrides)
    return DynamicClient(config, cache=cache)


class DynamicClient:
    """A client of one cluster that learns from the server what it serves.

    Making one sends nothing; discovery runs when a resource is first used by a name that needs it. Safe to share
    between threads; a context manager, or `close()`, gives the connections back. With `rest` given, that client sends
    and stays its owner's to close.
    """

    def __init__(
        self, config: Config, *, rest: RESTClient | None = None, cache: str | PathLike[str] | None = None
    ) -> None:
        if cache is not None:
            _check_place(cache)
        self._config = config
        self._cache = cache
        self._owns_rest = rest is None
        self._rest = rest
        self._discovery: DiscoveryClient | None = None
        self._cached: RememberedSurface | None = None
        self._mapper: RESTMapper | None = None
        self._closed = False
        self._following: list[SurfaceWatch] = []
        # Guards the making of the parts, once each; re-entrant, since the mapper is made from discovery from rest.
        self._making = threading.RLock()

    @property
    def config(self) -> Config:
        """The configuration in use."""
        return self._config

    @property
    def rest(self) -> RESTClient:
        """The REST client below, for requests by hand."""
        if self._rest is None:
            with self._making:
                if self._closed:
                    raise InvalidRequestError("this client was closed")
                if self._rest is None:
                    self._rest = RESTClient(self._config)
        return self._rest

    @property
    def discovery(self) -> DiscoveryClient:
        """What asks the server what it serves; each of its calls sends requests."""
        if self._discovery is None:
            with self._making:
                if self._discovery is None:
                    self._discovery = self._new_discovery()
        return self._discovery

    @property
    def mapper(self) -> RESTMapper:
        """What finds resources by the names people and manifests use; asks the server on first use."""
        if self._mapper is None:
            with self._making:
                if self._mapper is None:
                    self._mapper = RESTMapper(self._remembered())
        return self._mapper

    @overload
    def resource(self, group_version: str, name: str, /) -> Resource: ...

    @overload
    def resource(self, name: str | GroupVersionResource | GroupVersionKind | APIResource, /) -> Resource: ...

    def resource(
        self, first: str | GroupVersionResource | GroupVersionKind | APIResource, name: str | None = None, /
    ) -> Resource:
        """Return a resource; nothing is sent before its first use.

        * `resource("apps/v1", "deployments")`: plural, singular, kind or short name in that group version;
        * `resource("deploy")`: whatever kubectl takes: "deploy", "deployments.apps", "deployments.v1.apps";
        * `resource(GroupVersionKind("apps", "v1", "Deployment"))`;
        * `resource(GroupVersionResource("apps", "v1", "deployments"))`: exact. Discovery is never asked, so that verbs
          and scope are not checked and no default namespace is filled in; an `APIResource` is as exact, and checked.

        Its first use raises NoMatchError for a name the server does not know, with the nearest it does.
        """
        if isinstance(first, APIResource):
            gvr = first.gvr
            return Resource(self.bind(str(gvr), api=first, resolve=lambda: self.mapper.api_resource(gvr)))
        if isinstance(first, GroupVersionResource):
            surface = self._remembered() if first.group in API_GROUPS else None
            return Resource(Binding(self.rest, self._config.namespace, asked=str(first), gvr=first, surface=surface))
        if isinstance(first, GroupVersionKind):
            kind = first
            return Resource(self.bind(str(kind), resolve=lambda: self.mapper.mapping_for_gvk(kind)))
        for text in (first, "" if name is None else name):
            if not isinstance(text, str):
                raise InvalidRequestError(f"a resource is named by text, not by {text!r}")
        group_version, wanted = (None, first) if name is None else (first, name)
        if group_version is not None:
            GroupVersion.parse(group_version)
        _check_one_resource(first, wanted)
        asked = wanted if group_version is None else f"{wanted} ({group_version})"
        return Resource(self.bind(asked, resolve=lambda: self.mapper.resolve(group_version, wanted)))

    def for_object(self, manifest: JSONObject) -> Resource:
        """Return the resource of a manifest's apiVersion and kind, in the manifest's namespace if it has one.

        Raises BodyMismatchError if it has no apiVersion or kind.
        """
        if not isinstance(manifest, dict):
            raise InvalidRequestError(f"an object is a dict, not {type(manifest).__name__}")
        for field in ("apiVersion", "kind"):
            if not isinstance(manifest.get(field), str) or not manifest[field]:
                raise BodyMismatchError(f"the object has no {field}, which tells its resource")
        if manifest["apiVersion"] == "v1" and manifest["kind"] == "List":
            raise BodyMismatchError("a List is no resource but several objects: load_manifests() takes it apart")
        resource = self.resource(GroupVersionKind.of(manifest))
        metadata = manifest.get("metadata")
        namespace = metadata.get("namespace") if isinstance(metadata, dict) else None
        return resource.namespace(namespace) if namespace else resource

    def close(self) -> None:
        """Give the connections back; may be called again. Watches of this client end."""
        with self._making:
            self._closed = True
            rest, self._rest = self._rest, None
            following, self._following = self._following, []
        for each in following:
            each.close()
        if rest is not None and self._owns_rest:
            rest.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._config.host or 'localhost'}>"

    def clientset(self) -> Clientset:
        """Return the groups, versions and resources as attributes: `clientset().apps_v1().deployments("prod")`."""
        from dynkube.dynamic.clientset import Clientset

        return Clientset(self, self._remembered())

    def informers(self, *, namespace: str | None = None, **options: Any) -> InformerFactory:
        """Return a factory of informers that share what they watch; `options` are those of `SharedInformer`.

        Without a `namespace`, here or where an informer is asked for, it is about all namespaces.
        """
        from dynkube.informer import InformerFactory

        return InformerFactory(self._source, namespace=namespace, **options)

    def _source(self, selection: Selection) -> ListerWatcher:
        resource = self.resource(selection.resource)
        if selection.namespace is not None:
            resource = resource.namespace(selection.namespace)
        view = resource.metadata() if selection.metadata_only else resource
        return view.lister_watcher(label_selector=selection.label_selector, field_selector=selection.field_selector)

    def keep_fresh(self, *, on_error: Callable[[Exception], None] | None = None) -> SurfaceWatch:
        """Watch definitions and APIServices, and ask the server anew what it serves when one changes.

        For processes that live long: a kind that was deleted, or came back with another scope or other short names, is
        then seen so without a lookup that misses. Starts two watches of metadata in two threads, which end with
        `close()` of what is returned (a context manager) or of this client. Needs permission to list and watch both;
        `on_error` is told each failure, also logged, and the watches go on trying.
        """
        from dynkube.dynamic.surface_watch import SurfaceWatch

        watch = SurfaceWatch(self, on_error=on_error)
        with self._making:
            if self._closed:
                raise InvalidRequestError("this client was closed")
            self._following = [each for each in self._following if not each.closed]
            self._following.append(watch)
        watch.start()
        return watch

    def events(self, namespace: str | None = None) -> EventsResource:
        """Return the events of the core group, which `search` for those about an object."""
        from dynkube.dynamic.events import EVENTS, EventsResource

        resource = EventsResource(self.bind(str(EVENTS), resolve=lambda: self.mapper.api_resource(EVENTS)))
        return resource if namespace is None else resource.namespace(namespace)

    def crds(self) -> CustomResourceDefinitions:
        """Return the custom resource definitions: list them, install one, wait until its kind can be used."""
        from dynkube.dynamic.crds import CustomResourceDefinitions

        return CustomResourceDefinitions(self)

    def apply_manifests(
        self,
        source: Path | str | bytes | list[JSONObject],
        *,
        field_manager: str,
        force: bool = False,
        namespace: str | None = None,
        prune: LabelSelectorLike = None,
        prune_kinds: Iterable[GroupKind] = (),
        dry_run: bool = False,
        field_validation: FieldValidation | None = None,
        timeout: float | None = 60,
    ) -> list[Applied]:
        """Apply a folder, a file, a text or a list of manifests server-side; return what became of each, in order.

        They are applied in the order of their kinds, definitions first, and objects of a new kind once the server
        serves it (within `timeout` seconds). `namespace` is for those that name none. All are read and checked before
        the first is sent; what the server refuses is raised, and those before it stay applied.

        `prune` is a label selector, which all manifests must match: afterwards objects that match it, were applied by
        the same `field_manager`, and are not among the manifests are deleted. Looked through are the kinds of the
        manifests, the kinds kubectl prunes, and `prune_kinds`, in the namespaces the manifests are in, or are.
        Definitions, namespaces and volumes, which take other things along, are pruned only if `prune_kinds` names them.

        Raises ManifestError with file, document and line; InvalidRequestError for manifests that cannot be right; and
        what `Resource.apply` and `crds().wait_established` raise.
        """
        from dynkube.dynamic.manifests import apply_manifests

        return apply_manifests(
            self,
            source,
            field_manager=field_manager,
            force=force,
            namespace=namespace,
            prune=prune,
            prune_kinds=prune_kinds,
            dry_run=dry_run,
            field_validation=field_validation,
            timeout=timeout,
        )

    def bind(self, asked: str, *, resolve: Callable[[], APIResource], api: APIResource | None = None) -> Binding:
        """Return what the views of one resource share; `asked` is how messages call it until it is resolved."""
        return Binding(
            self.rest, self._config.namespace, asked=asked, resolve=resolve, surface=self._remembered(), api=api
        )

    def _remembered(self) -> RememberedSurface:
        """Return the one memory of the server that mapper, clientset and resources share."""
        if self._cached is None:
            with self._making:
                if self._cached is None:
                    self._cached = RememberedSurface(self.discovery)
        return self._cached

    def _new_discovery(self) -> DiscoveryClient:
        if self._cache is None:
            return DiscoveryClient(self.rest)
        from dynkube.discovery.disk_cache import DiskCache

        root = None if self._cache == "disk" else self._cache
        return DiscoveryClient(self.rest, store=DiskCache.for_config(self._config, root=root))


def _check_one_resource(first: str, wanted: str) -> None:
    """Refuse what cannot name a resource, saying what it looks like: kubectl takes more in this place than we do."""
    before, slash, after = wanted.partition("/")
    if slash and before and after:
        if wanted != first and "/" not in first:
            raise InvalidNameError(f"the group version comes first: resource({wanted!r}, {first!r})")
        raise InvalidNameError(
            f"{wanted!r} is no resource: an object is had by resource({before!r}).get({after!r}),"
            f" a subresource by resource({before!r}).subresource({after!r})"
        )
    if "," in wanted:
        raise InvalidNameError(f"{wanted!r} names several resources; ask for one at a time")
    check_path_segment(wanted, "resource")


def _check_place(cache: object) -> None:
    if not isinstance(cache, (str, os.PathLike)) or not os.fspath(cache):
        raise InvalidRequestError(f"cache is 'disk' for the user's cache directory, or a path, not {cache!r}")
