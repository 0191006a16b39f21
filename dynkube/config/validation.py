"""What must hold before a kubeconfig can be used, every violation listed with file and stanza.

The rules are those of clientcmd's ``validation.go`` and of client-go's transport, which would complain later, and a few
that client-go lets pass in silence: they are marked.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dynkube.config.base_url import parse_base_url
from dynkube.config.credentials import EXEC_API_VERSIONS, INTERACTIVE_MODES
from dynkube.config.model import fits_header
from dynkube.errors import ConfigError, mask_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.config.kubeconfig import Kubeconfig, Stanza

#: Schemes a proxy can have.
PROXY_SCHEMES = ("http", "https", "socks5")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def check_cluster(cluster: Stanza) -> Iterator[str]:
    """Yield what is wrong with a cluster, as ``cluster 'x': ...`` with the file in front."""
    server = cluster.text("server")
    if not server:
        yield f"{cluster}: no server"
    else:
        try:
            parse_base_url(server, tls=True)
        except ConfigError as error:
            yield f"{cluster}: {error}"
    yield from (f"{cluster}: {problem}" for problem in check_proxy_url(cluster.text("proxy-url")))
    yield from _either(cluster, "certificate-authority")
    has_ca = bool(cluster.text("certificate-authority") or cluster.text("certificate-authority-data"))
    if has_ca and cluster.values.get("insecure-skip-tls-verify"):
        yield f"{cluster}: insecure-skip-tls-verify together with a certificate authority: choose one"
    yield from _readable(cluster, "certificate-authority")


def check_user(user: Stanza) -> Iterator[str]:
    """Yield what is wrong with a user."""
    yield from _either(user, "client-certificate")
    yield from _either(user, "client-key")
    has_certificate = bool(user.text("client-certificate") or user.text("client-certificate-data"))
    has_key = bool(user.text("client-key") or user.text("client-key-data"))
    if has_certificate and not has_key:
        yield f"{user}: a client certificate without its key: set client-key or client-key-data"
    if has_key and not has_certificate:  # client-go ignores such a key
        yield f"{user}: a client key without its certificate: set client-certificate or client-certificate-data"
    for field in ("client-certificate", "client-key"):
        yield from _readable(user, field)
    methods = []
    if user.text("token") or user.text("tokenFile"):
        methods.append("token" if user.text("token") else "tokenFile")
    if user.text("username") or user.text("password"):
        methods.append("username and password")
    if len(methods) > 1:
        yield f"{user}: more than one authentication method: {', '.join(methods)}; keep one"
    if user.text("tokenFile") and not user.text("token"):
        yield from _readable(user, "tokenFile")
    impersonated = [field for field in ("as-uid", "as-groups", "as-user-extra") if user.values.get(field)]
    if impersonated and not user.text("as"):
        yield f"{user}: {', '.join(impersonated)} without as: whom to impersonate?"
    yield from _check_header_values(user)
    yield from _check_exec(user)
    yield from _check_auth_provider(user)


def check_context(context: Stanza, config: Kubeconfig) -> Iterator[str]:
    """Yield what is wrong with a context: missing or unknown cluster and user, a namespace no namespace can have."""
    for field, known in (("cluster", config.clusters), ("user", config.users)):
        name = context.text(field)
        if not name:
            yield f"{context}: no {field}"
        elif name not in known:
            yield f"{context}: {field} {name!r} is not defined"
    namespace = context.text("namespace")
    if namespace and not _DNS_LABEL.fullmatch(namespace):
        yield f"{context}: namespace {namespace!r} is no DNS label"


def check_all(config: Kubeconfig) -> list[str]:
    """Return everything wrong anywhere in the configuration, used or not; empty if all of it could be used."""
    problems = []
    if config.current_context and config.current_context not in config.contexts:
        problems.append(f"current-context {config.current_context!r} is not defined")
    for context in config.contexts.values():
        problems.extend(check_context(context, config))
    for user in config.users.values():
        problems.extend(check_user(user))
    for cluster in config.clusters.values():
        problems.extend(check_cluster(cluster))
    return problems


def check_proxy_url(url: str) -> list[str]:
    """Return what is wrong with a proxy URL; nothing for "", which means none."""
    if not url:
        return []
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        return [f"proxy-url {mask_url(url)!r}: {error}"]
    if parts.scheme.lower() not in PROXY_SCHEMES:
        return [f"proxy-url {mask_url(url)!r}: the scheme must be one of {', '.join(PROXY_SCHEMES)}"]
    return [] if parts.hostname else [f"proxy-url {mask_url(url)!r} names no host"]


def _either(stanza: Stanza, field: str) -> Iterator[str]:
    if stanza.text(field) and stanza.text(f"{field}-data"):
        yield f"{stanza}: both {field} and {field}-data are set; keep one"


def _readable(stanza: Stanza, field: str) -> Iterator[str]:
    path = stanza.path(field)
    if not path:
        return
    try:
        with Path(path).open("rb"):
            pass
    except (OSError, ValueError) as error:
        yield f"{stanza}: {field} {path} cannot be read: {getattr(error, 'strerror', None) or error}"


def _check_header_values(user: Stanza) -> Iterator[str]:
    extra = user.values.get("as-user-extra") or {}
    values = [(field, user.text(field)) for field in ("token", "username", "password", "as", "as-uid")]
    values += [("as-groups", group) for group in user.values.get("as-groups") or ()]
    values += [("as-user-extra", value) for entry in extra.values() for value in entry]
    yield from (
        f"{user}: {field} contains a line break or another control character"
        for field, value in values
        if not fits_header(value)
    )
    if ":" in user.text("username"):
        yield f"{user}: username contains ':', which basic authentication cannot carry"


def _check_exec(user: Stanza) -> Iterator[str]:
    plugin: dict[str, Any] | None = user.values.get("exec")
    if plugin is None:
        return
    if user.values.get("auth-provider") is not None:
        yield f"{user}: both exec and auth-provider are set; keep one"
    if not plugin.get("command"):
        yield f"{user}: exec.command is empty"
    version = plugin.get("apiVersion")
    if not version:
        yield f"{user}: exec.apiVersion is empty; it is one of {', '.join(EXEC_API_VERSIONS)}"
    elif version not in EXEC_API_VERSIONS:
        yield f"{user}: exec.apiVersion {version!r} is not one of {', '.join(EXEC_API_VERSIONS)}"
    for index, variable in enumerate(plugin.get("env") or ()):
        if not variable.get("name"):
            yield f"{user}: exec.env[{index}] has no name"
    mode = plugin.get("interactiveMode")
    if not mode:
        if version == EXEC_API_VERSIONS[0]:
            yield f"{user}: exec.interactiveMode is missing; {version} requires one of {', '.join(INTERACTIVE_MODES)}"
    elif mode not in INTERACTIVE_MODES:
        yield f"{user}: exec.interactiveMode {mode!r} is not one of {', '.join(INTERACTIVE_MODES)}"


def _check_auth_provider(user: Stanza) -> Iterator[str]:
    provider: dict[str, Any] | None = user.values.get("auth-provider")
    if provider is None:
        return
    name = provider.get("name") or ""
    gone = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}
    if name in gone:
        yield f"{user}: auth-provider {name!r} no longer exists in Kubernetes; use exec with {gone[name]}"
    elif name != "oidc":
        yield f"{user}: auth-provider {name!r} is unknown; only oidc exists"
