"""The dynamic, discovery-driven Kubernetes client for Python.

`connect()` returns a `DynamicClient`; everything else is reached from there. Each public name is loaded from its
module when it is first used, so that `import dynkube` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynkube import errors as errors
    from dynkube.config import Config, Timeout, load_config
    from dynkube.discovery import APIGroup, APIResource, Discovered, DiscoveryClient
    from dynkube.dynamic import (
        CRD,
        Applied,
        Clientset,
        Column,
        CRDVersion,
        CustomResourceDefinitions,
        DynamicClient,
        EventsResource,
        MetadataResource,
        Resource,
        Row,
        Subresource,
        Table,
        TableView,
        TableWatch,
        connect,
    )
    from dynkube.errors import (
        AlreadyExists,
        AmbiguousError,
        AuthenticationError,
        BadRequest,
        BodyMismatchError,
        ClientClosedError,
        CommandFailedError,
        ConfigError,
        Conflict,
        ConnectFailedError,
        DiscoveryError,
        DynkubeError,
        Expired,
        Forbidden,
        Gone,
        InternalError,
        Invalid,
        InvalidNameError,
        InvalidRequestError,
        InvalidSelectorError,
        ManifestError,
        MappingError,
        MethodNotAllowed,
        NamespaceNotAllowedError,
        NamespaceRequiredError,
        NoConfigError,
        NoMatchError,
        NotAcceptable,
        NotFound,
        RequestEntityTooLarge,
        RequestTimeoutError,
        ResponseError,
        ServerTimeout,
        ServiceUnavailable,
        StatusError,
        StorageReadError,
        TLSError,
        TooManyRequests,
        TransportError,
        Unauthorized,
        UnsupportedMediaType,
        UnsupportedVerbError,
        WaitFailedError,
        WaitTimeoutError,
    )
    from dynkube.informer import InformerFactory, Lister, SharedInformer
    from dynkube.mapping import RESTMapper, RESTMapping
    from dynkube.names import GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource
    from dynkube.objects import (
        JSONObject,
        add_finalizer,
        dump_yaml,
        get_condition,
        load_manifests,
        load_yaml,
        nested_get,
        nested_set,
        owner_reference,
        remove_finalizer,
    )
    from dynkube.objects.ownership import owned_fields
    from dynkube.rest import RESTClient
    from dynkube.selectors import FieldSelector, LabelSelector
    from dynkube.stream import ExecResult, LogStream, PortForward, RemoteProcess
    from dynkube.watch import Watcher, all_of, any_of, condition, created, deleted, jsonpath, not_, rolled_out

#: The version of the package; the User-Agent bears it.
__version__ = "0.1.0"

#: Where each public name is defined. `Timeout` is the configuration's; the server's reason of that name is
#: `dynkube.errors.Timeout`.
_HOMES = {
    "dynkube.config": ("Config", "Timeout", "load_config"),
    "dynkube.discovery": ("APIGroup", "APIResource", "Discovered", "DiscoveryClient"),
    "dynkube.dynamic": (
        *("Applied", "CRD", "CRDVersion", "Clientset", "Column", "CustomResourceDefinitions", "DynamicClient"),
        *("EventsResource", "MetadataResource", "Resource", "Row", "Subresource"),
        *("Table", "TableView", "TableWatch", "connect"),
    ),
    "dynkube.informer": ("InformerFactory", "Lister", "SharedInformer"),
    "dynkube.errors": (
        *("AlreadyExists", "AmbiguousError", "AuthenticationError", "BadRequest", "BodyMismatchError", "ConfigError"),
        *(
            "ClientClosedError",
            "CommandFailedError",
            "Conflict",
            "ConnectFailedError",
            "DiscoveryError",
            "DynkubeError",
            "Expired",
        ),
        *("Forbidden", "Gone"),
        *("InternalError", "Invalid", "InvalidNameError", "InvalidRequestError", "InvalidSelectorError"),
        *("ManifestError", "MappingError", "MethodNotAllowed", "NamespaceNotAllowedError", "NamespaceRequiredError"),
        *("NoConfigError", "NoMatchError", "NotAcceptable", "NotFound", "RequestEntityTooLarge"),
        *("RequestTimeoutError", "ResponseError", "ServerTimeout", "ServiceUnavailable", "StatusError"),
        *("StorageReadError", "TLSError", "TooManyRequests", "TransportError", "Unauthorized"),
        *("UnsupportedMediaType", "UnsupportedVerbError", "WaitFailedError", "WaitTimeoutError"),
    ),
    "dynkube.mapping": ("RESTMapper", "RESTMapping"),
    "dynkube.names": ("GroupKind", "GroupResource", "GroupVersion", "GroupVersionKind", "GroupVersionResource"),
    "dynkube.objects": (
        *("JSONObject", "add_finalizer", "dump_yaml", "get_condition", "load_manifests", "load_yaml"),
        *("nested_get", "nested_set", "owner_reference", "remove_finalizer"),
    ),
    "dynkube.objects.ownership": ("owned_fields",),
    "dynkube.rest": ("RESTClient",),
    "dynkube.selectors": ("FieldSelector", "LabelSelector"),
    "dynkube.stream": ("ExecResult", "LogStream", "PortForward", "RemoteProcess"),
    "dynkube.watch": (
        *("Watcher", "all_of", "any_of", "condition", "created", "deleted", "jsonpath", "not_", "rolled_out"),
    ),
}

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Load a public name, or the module `errors`, on first use (PEP 562)."""
    if name in _HOME_OF:
        value = getattr(importlib.import_module(_HOME_OF[name]), name)
        globals()[name] = value
        return value
    if name == "errors":
        return importlib.import_module("dynkube.errors")
    raise AttributeError(f"module 'dynkube' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "errors", *(name for name in globals() if name.startswith("__"))})


__all__ = [
    "CRD",
    "APIGroup",
    "APIResource",
    "AlreadyExists",
    "AmbiguousError",
    "Applied",
    "AuthenticationError",
    "BadRequest",
    "BodyMismatchError",
    "CRDVersion",
    "ClientClosedError",
    "Clientset",
    "Column",
    "CommandFailedError",
    "Config",
    "ConfigError",
    "Conflict",
    "ConnectFailedError",
    "CustomResourceDefinitions",
    "Discovered",
    "DiscoveryClient",
    "DiscoveryError",
    "DynamicClient",
    "DynkubeError",
    "EventsResource",
    "ExecResult",
    "Expired",
    "FieldSelector",
    "Forbidden",
    "Gone",
    "GroupKind",
    "GroupResource",
    "GroupVersion",
    "GroupVersionKind",
    "GroupVersionResource",
    "InformerFactory",
    "InternalError",
    "Invalid",
    "InvalidNameError",
    "InvalidRequestError",
    "InvalidSelectorError",
    "JSONObject",
    "LabelSelector",
    "Lister",
    "LogStream",
    "ManifestError",
    "MappingError",
    "MetadataResource",
    "MethodNotAllowed",
    "NamespaceNotAllowedError",
    "NamespaceRequiredError",
    "NoConfigError",
    "NoMatchError",
    "NotAcceptable",
    "NotFound",
    "PortForward",
    "RESTClient",
    "RESTMapper",
    "RESTMapping",
    "RemoteProcess",
    "RequestEntityTooLarge",
    "RequestTimeoutError",
    "Resource",
    "ResponseError",
    "Row",
    "ServerTimeout",
    "ServiceUnavailable",
    "SharedInformer",
    "StatusError",
    "StorageReadError",
    "Subresource",
    "TLSError",
    "Table",
    "TableView",
    "TableWatch",
    "Timeout",
    "TooManyRequests",
    "TransportError",
    "Unauthorized",
    "UnsupportedMediaType",
    "UnsupportedVerbError",
    "WaitFailedError",
    "WaitTimeoutError",
    "Watcher",
    "add_finalizer",
    "all_of",
    "any_of",
    "condition",
    "connect",
    "created",
    "deleted",
    "dump_yaml",
    "get_condition",
    "jsonpath",
    "load_config",
    "load_manifests",
    "load_yaml",
    "nested_get",
    "nested_set",
    "not_",
    "owned_fields",
    "owner_reference",
    "remove_finalizer",
    "rolled_out",
]
