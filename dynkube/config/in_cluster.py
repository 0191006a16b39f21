"""The configuration of a pod: its service account, as mounted by the kubelet."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from dynkube.config.model import Config
from dynkube.errors import NoConfigError

logger = logging.getLogger("dynkube.config")

#: Where the kubelet mounts the token, the certificate authority and the namespace.
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def in_cluster_possible() -> bool:
    """Tell whether this looks like a pod with a service account (clientcmd ``inClusterClientConfig.Possible``)."""
    token = SERVICE_ACCOUNT / "token"
    # os.path: False also where permission to look is missing.
    return bool(_address()) and os.path.exists(token) and not os.path.isdir(token)  # noqa: PTH110, PTH112


def in_cluster_config() -> Config:
    """Return the configuration of the pod this process runs in (client-go ``rest.InClusterConfig``).

    The token file is named, too, so that the token is read again when the kubelet renews it. A certificate authority
    that cannot be read is logged and left out: the system's roots are used then. The namespace is that of the pod.

    Raises `NoConfigError` if ``KUBERNETES_SERVICE_HOST`` or ``KUBERNETES_SERVICE_PORT`` is not set, or the token cannot
    be read.
    """
    address = _address()
    if not address:
        raise NoConfigError("not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set")
    token = SERVICE_ACCOUNT / "token"
    try:
        content = token.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NoConfigError(f"{token}: the service account token cannot be read: {_reason(error)}") from None
    if not content:
        raise NoConfigError(f"{token}: the service account token is empty")
    return Config(
        host=address,
        bearer_token=content,
        bearer_token_file=str(token),
        ca_file=_certificate_authority(),
        namespace=in_cluster_namespace() or "default",
    )


def in_cluster_namespace() -> str | None:
    """Return the namespace of this pod: ``POD_NAMESPACE``, else the service account's file; None if neither says."""
    namespace = os.environ.get("POD_NAMESPACE")
    if namespace:
        return namespace
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text().strip() or None
    except (OSError, UnicodeDecodeError) as error:
        logger.debug("the namespace of the service account cannot be read: %s", _reason(error))
        return None


def _address() -> str | None:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _certificate_authority() -> str | None:
    path = SERVICE_ACCOUNT / "ca.crt"
    try:
        if b"-----BEGIN CERTIFICATE-----" in path.read_bytes():
            return str(path)
        reason = "it holds no certificate"
    except OSError as error:
        reason = _reason(error)
    logger.error("%s: not used as certificate authority, the system's are: %s", path, reason)
    return None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
