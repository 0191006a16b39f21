"""From a kubeconfig, a context and overrides to the one `Config` to use.

Two habits of client-go are not followed, because both make a client anonymous without a word:

- A context naming a user that is not defined gives anonymous requests there; here it is an error.
- Over plain http, or for a server without a scheme, credentials and TLS settings of the kubeconfig are dropped there in
  silence. They are dropped here, too (sending a token in the clear is worse), but a warning names each of them.
  Credentials passed as overrides are kept: whoever writes both in one call means it.
"""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dynkube.config.base_url import parse_base_url
from dynkube.config.credentials import AuthProviderConfig, ExecConfig, Impersonation
from dynkube.config.in_cluster import in_cluster_namespace, in_cluster_possible
from dynkube.config.kubeconfig import Kubeconfig, Stanza, config_error
from dynkube.config.model import Config
from dynkube.config.validation import check_cluster, check_user
from dynkube.errors import NoConfigError, mask_url
from dynkube.values import replace

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger("dynkube.config")

#: The cluster extension that is passed on to exec plug-ins.
EXEC_EXTENSION = "client.authentication.k8s.io/exec"

_TLS_FIELDS = (*("insecure-skip-tls-verify", "certificate-authority", "certificate-authority-data"), "tls-server-name")
_CREDENTIAL_FIELDS = (
    *("token", "tokenFile", "username", "password", "client-certificate", "client-certificate-data"),
    *("client-key", "client-key-data", "exec", "auth-provider"),
)

#: The kubeconfig field behind each field of `Config`.
_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "host": "server",
        "tls_server_name": "tls-server-name",
        "proxy_url": "proxy-url",
        "disable_compression": "disable-compression",
        "insecure": "insecure-skip-tls-verify",
        "ca_file": "certificate-authority",
        "ca_data": "certificate-authority-data",
        "cert_file": "client-certificate",
        "cert_data": "client-certificate-data",
        "key_file": "client-key",
        "key_data": "client-key-data",
        "bearer_token": "token",
        "bearer_token_file": "tokenFile",
        "exec_provider": "exec",
        "auth_provider": "auth-provider",
        "username": "username",
        "password": "password",
        "impersonate": "as",
    }
)
#: Fields that are one decision: overriding one puts what the kubeconfig says of the others out of force, too. Another
#: CA says nothing together with the old ``insecure``, another server is not expected to bear the old one's name.
_TOGETHER: tuple[tuple[str, ...], ...] = (
    ("insecure", "ca_file", "ca_data"),
    ("cert_file", "cert_data"),
    ("key_file", "key_data"),
    ("bearer_token", "bearer_token_file"),
    ("exec_provider", "auth_provider"),
)
_NAMESPACE_PREFIX = re.compile(r"(?:namespaces?|ns)/", re.IGNORECASE)


def resolve(kubeconfig: Kubeconfig, context: str | None, overrides: Mapping[str, Any]) -> Config:
    """Return the configuration of a context, or of the current one.

    ``overrides`` are fields of `Config`, which win over the kubeconfig, and ``cluster`` and ``user``, which choose
    another stanza than the context does; None and "" override nothing.

    Raises `ConfigError` with every problem of the stanzas in use, and `NoConfigError` if no cluster is configured.
    """
    given = {name: value for name, value in overrides.items() if value is not None and value != ""}
    chosen = _context(kubeconfig, context)
    cluster = _without(_chosen(kubeconfig.clusters, "cluster", given, chosen), given)
    user = _without(_chosen(kubeconfig.users, "user", given, chosen), given)
    server = str(given.get("host") or cluster.text("server"))
    if not server and not cluster.values:
        raise NoConfigError(_nothing(kubeconfig, chosen))
    problems = [
        *_undefined_user(kubeconfig, user),
        *(problem for problem in check_cluster(cluster) if not (given.get("host") and problem.endswith(": no server"))),
        *check_user(user),
    ]
    if problems:
        files = {stanza.file for stanza in (cluster, user) if stanza.values}
        raise config_error(problems, path=files.pop() if len(files) == 1 else None)
    values = {**_trust(cluster), **_credentials(user, cluster)}
    tls = any(given.get(name) for name in ("insecure", "ca_file", "ca_data", "cert_file", "cert_data"))
    if parse_base_url(server, tls=tls).scheme == "http" and values:
        _warn_of_plain_http(server, cluster, user)
        values = {}
    values.update(
        host=cluster.text("server"),
        proxy_url=cluster.text("proxy-url") or None,
        disable_compression=bool(cluster.values.get("disable-compression")),
        impersonate=_impersonation(user),
        context=chosen.name or None,
        namespace=_namespace(chosen, given),
    )
    return Config(**with_overrides(values, given))


def with_overrides(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Config` with others laid over them, fields that are one decision replaced together."""
    given = {name: value for name, value in overrides.items() if value is not None and value != ""}
    gone = {other for name, value in given.items() for other in _replaced(name, value)}
    result = {name: value for name, value in values.items() if name not in gone}
    if "namespace" in given:
        given["namespace"] = _NAMESPACE_PREFIX.sub("", given["namespace"], count=1)
    result.update(given)
    return result


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" or "", to end a message."""
    import difflib  # only errors need it

    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _replaced(name: str, value: Any) -> tuple[str, ...]:
    """Return the fields an override puts out of force, itself included."""
    if name == "host":
        return (name, "tls_server_name")
    if name == "insecure" and value is False:
        return (name,)  # insisting on verification keeps the CA to verify by
    return next((group for group in _TOGETHER if name in group), (name,))


def _context(kubeconfig: Kubeconfig, asked: str | None) -> Stanza:
    name = asked or kubeconfig.current_context
    if not name:
        return Stanza("context", "", {}, None)
    found = kubeconfig.contexts.get(name)
    if found is None:
        what = "context" if asked else "current-context"
        where = f" in {', '.join(file.path for file in kubeconfig.files if file.path)}" if kubeconfig.files else ""
        raise config_error([f"{what} {name!r} is not defined{where}{nearest(name, kubeconfig.contexts)}"])
    return found


def _chosen(known: Mapping[str, Stanza], kind: str, given: dict[str, Any], context: Stanza) -> Stanza:
    asked = given.pop(kind, None)
    if asked is not None and asked not in known:
        raise config_error([f"{kind} {asked!r} is not defined{nearest(asked, known)}"])
    name = asked or context.text(kind)
    return known.get(name) or Stanza(kind, name, {}, context.file)


def _without(stanza: Stanza, given: Mapping[str, Any]) -> Stanza:
    gone = {_SOURCES.get(field) for name, value in given.items() for field in _replaced(name, value)}
    if "as" in gone:
        gone |= {"as-uid", "as-groups", "as-user-extra"}
    kept = {field: value for field, value in stanza.values.items() if field not in gone}
    return replace(stanza, values=kept)


def _undefined_user(kubeconfig: Kubeconfig, user: Stanza) -> list[str]:
    if not user.name or user.name in kubeconfig.users:
        return []
    return [f"{user}: a context uses it and no file defines it{nearest(user.name, kubeconfig.users)}"]


def _nothing(kubeconfig: Kubeconfig, context: Stanza) -> str:
    if context.name:
        cluster = context.text("cluster")
        what = f"uses cluster {cluster!r}, which is not defined or empty" if cluster else "names no cluster"
        return f"no cluster is configured: {context} {what}{nearest(cluster, kubeconfig.clusters)}"
    if kubeconfig.contexts:
        contexts = ", ".join(sorted(kubeconfig.contexts))
        return f"no context is chosen: current-context is not set; give one of {contexts}"
    files = [file.path or "the mapping" for file in kubeconfig.files]
    looked = [f"{path} is empty of contexts" for path in files] + [
        f"{path} does not exist" for path in kubeconfig.missing
    ]
    return f"nothing is configured: {', '.join(looked) or 'there is no home directory to look in'}, and this is no pod"


def _namespace(context: Stanza, given: Mapping[str, Any]) -> str:
    # A namespace the context states, "default" included, is meant; only where none is stated the pod's is taken.
    implicit = not given.get("namespace") and in_cluster_possible()
    return context.text("namespace") or (in_cluster_namespace() if implicit else None) or "default"


def _trust(cluster: Stanza) -> dict[str, Any]:
    values = {
        "tls_server_name": cluster.text("tls-server-name") or None,
        "insecure": bool(cluster.values.get("insecure-skip-tls-verify")),
        "ca_file": cluster.path("certificate-authority") or None,
        "ca_data": cluster.data("certificate-authority-data"),
    }
    return {name: value for name, value in values.items() if value}


def _credentials(user: Stanza, cluster: Stanza) -> dict[str, Any]:
    values = {
        "bearer_token": user.text("token") or None,
        "bearer_token_file": user.path("tokenFile") or None,
        "username": user.text("username") or None,
        "password": user.text("password") or None,
        "cert_file": user.path("client-certificate") or None,
        "cert_data": user.data("client-certificate-data"),
        "key_file": user.path("client-key") or None,
        "key_data": user.data("client-key-data"),
        "exec_provider": _exec(user, cluster),
        "auth_provider": _auth_provider(user),
    }
    return {name: value for name, value in values.items() if value}


def _harmless(hint: str) -> str:
    """Return the text without what moves a terminal's cursor or colours it; letters, marks, symbols, spaces stay."""
    return "".join(
        char if char in "\t\n" or unicodedata.category(char)[0] in "LMNPSZ" else "\ufffd"
        for char in hint.replace("\r\n", "\n")
    )


def _exec(user: Stanza, cluster: Stanza) -> ExecConfig | None:
    plugin = user.values.get("exec")
    if plugin is None:
        return None
    command = plugin["command"]
    if "/" in command or os.sep in command:  # a bare name is looked up in PATH
        command = user.resolve(command)
    return ExecConfig(
        command=command,
        api_version=plugin["apiVersion"],
        args=tuple(plugin.get("args") or ()),
        env=tuple((variable["name"], variable.get("value") or "") for variable in plugin.get("env") or ()),
        install_hint=_harmless(plugin.get("installHint") or ""),
        provide_cluster_info=bool(plugin.get("provideClusterInfo")),
        interactive_mode=plugin.get("interactiveMode") or "IfAvailable",
        cluster_extension=cluster.extension(EXEC_EXTENSION),
    )


def _auth_provider(user: Stanza) -> AuthProviderConfig | None:
    provider = user.values.get("auth-provider")
    if provider is None:
        return None
    return AuthProviderConfig(
        name=provider["name"], config=provider.get("config") or {}, path=user.file, user=user.name
    )


def _impersonation(user: Stanza) -> Impersonation | None:
    if not user.text("as"):
        return None
    extra = user.values.get("as-user-extra") or {}
    return Impersonation(
        user=user.text("as"),
        uid=user.text("as-uid"),
        groups=tuple(user.values.get("as-groups") or ()),
        extra={key: tuple(values) for key, values in extra.items()},
    )


def _warn_of_plain_http(server: str, cluster: Stanza, user: Stanza) -> None:
    for stanza, fields in ((cluster, _TLS_FIELDS), (user, _CREDENTIAL_FIELDS)):
        dropped = [field for field in fields if stanza.values.get(field)]
        if dropped:
            logger.warning(
                "%s: %s not used, because server %r means plain http; write https:// if it is not",
                stanza,
                ", ".join(dropped),
                mask_url(server),
            )
