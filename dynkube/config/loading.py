"""Finding the configuration: kubeconfig files first, the pod's service account otherwise."""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dynkube.config.in_cluster import in_cluster_config, in_cluster_possible
from dynkube.config.kubeconfig import Kubeconfig
from dynkube.config.model import Config
from dynkube.config.resolution import nearest, resolve, with_overrides
from dynkube.errors import NoConfigError
from dynkube.values import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.config.kubeconfig import KubeconfigSource

logger = logging.getLogger("dynkube.config")

#: Overrides under the name the kubeconfig has for them.
_ALIASES: Mapping[str, str] = MappingProxyType({"server": "host", "token": "bearer_token"})
_FIELDS = frozenset(fields_of(Config)) - {"context"}


def load_config(
    context: str | None = None, *, kubeconfig: KubeconfigSource | Kubeconfig | None = None, **overrides: Any
) -> Config:
    """Return the configuration of a context, or of the current context.

    Where it comes from: ``kubeconfig`` (a path, several paths, or a mapping) if given, else the files named by the
    environment variable ``KUBECONFIG``, else ``~/.kube/config``. Only if that configures no cluster at all, and the
    process runs in a pod with a service account, the pod's configuration is used: a usable kubeconfig beats the pod,
    and a broken one is an error, never a reason to fall back (client-go ``DeferredLoadingClientConfig``).

    ``overrides`` are fields of `Config` (``host`` may be written ``server``, ``bearer_token`` ``token``), and
    ``cluster`` and ``user``, the names of stanzas to use instead of the context's. None overrides nothing. Overriding
    a CA or ``insecure`` replaces all the kubeconfig says of trust; overriding ``host`` drops its ``tls-server-name``;
    overriding a token drops its ``tokenFile`` (client-go would go on using the file).

    The namespace is the override, else the context's, else, in a pod, ``POD_NAMESPACE`` or the service account's, else
    "default".

    Raises TypeError for an unknown override, `NoConfigError` if nothing is configured, and `ConfigError`, listing every
    problem with file and stanza, if what is configured cannot be used.
    """
    fields = _named(overrides)
    source = Kubeconfig.load(kubeconfig)
    try:
        return resolve(source, context, fields)
    except NoConfigError as error:
        # A context, cluster or user asked for by name exists in kubeconfigs only.
        if context or fields.get("cluster") or fields.get("user") or not in_cluster_possible():
            raise
        if source.files:
            logger.warning("%s; using the service account of this pod", error)
    config = in_cluster_config()
    values = {name: getattr(config, name) for name in fields_of(Config)}
    changed = with_overrides({name: value for name, value in values.items() if value is not None}, fields)
    return Config(**changed)


def _named(overrides: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in overrides.items():
        field = _ALIASES.get(name, name)
        if field not in _FIELDS and field not in ("cluster", "user"):
            known = [*_FIELDS, *_ALIASES, "cluster", "user", "context", "kubeconfig"]
            raise TypeError(f"load_config() has no option {name!r}{nearest(name, known)}")
        if field in fields:
            raise TypeError(f"load_config() got both {name!r} and another name of it")
        fields[field] = value
    return fields
