"""A kubeconfig shown or handed on: merged into one document, reduced to one context, made self-contained, redacted."""

from __future__ import annotations

import base64
import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.config.kubeconfig import Kubeconfig, KubeconfigFile, Stanza, config_error
from dynkube.config.resolution import nearest
from dynkube.config.schema import DATA_FIELDS, PATH_FIELDS, SECRET_FIELDS, SECTIONS
from dynkube.errors import mask_url

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What stands for a secret, and for data too long to show: kubectl's own words.
REDACTED = "REDACTED"
OMITTED = "DATA+OMITTED"

_SECRET_NAME = re.compile(r"token|secret|password|passwd|credential|private|api_?key|access_?key", re.IGNORECASE)


def merged(config: Kubeconfig) -> dict[str, Any]:
    """Return the configuration as one document, as ``kubectl config view --raw`` does: paths absolute, nothing hidden.

    Unknown fields are kept; of equal names the first file's stanza is there.
    """
    document: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
    for file in config.files:
        for key, value in file.document.items():
            if key not in SECTIONS:
                document.setdefault(key, copy.deepcopy(value))
    for section, (kind, _) in SECTIONS.items():
        document[section] = [
            {"name": stanza.name, kind: absolute(stanza)} for stanza in config.section(section).values()
        ]
    document["current-context"] = config.current_context
    return document


def minified(config: Kubeconfig, context: str | None = None) -> Kubeconfig:
    """Return the configuration reduced to one context (the current one), its cluster and its user.

    Raises `ConfigError` if there is no such context, or it names a cluster or user that is not defined.
    """
    name = context or config.current_context
    chosen = config.contexts.get(name)
    if chosen is None:
        what = (
            f"context {name!r} is not defined{nearest(name, config.contexts)}" if name else "no current-context is set"
        )
        raise config_error([what])
    kept = {"contexts": {name}, "clusters": {chosen.text("cluster")} - {""}, "users": {chosen.text("user")} - {""}}
    problems = [
        f"{chosen}: {SECTIONS[section][0]} {wanted!r} is not defined"
        for section in ("clusters", "users")
        for wanted in kept[section] - config.section(section).keys()
    ]
    if problems:
        raise config_error(problems)
    document = merged(config)
    for section in SECTIONS:
        document[section] = [entry for entry in document[section] if entry["name"] in kept[section]]
    document["current-context"] = name
    return Kubeconfig((KubeconfigFile(None, document),))


def flattened(config: Kubeconfig) -> Kubeconfig:
    """Return the configuration with certificates and keys as data instead of files, so that it can be moved.

    ``tokenFile`` stays a path: a token in a file is one that changes. Raises `ConfigError` listing every file that
    cannot be read, and every stanza with both data and file.
    """
    document = merged(config)
    problems = []
    for section, (kind, _) in SECTIONS.items():
        for entry in document[section]:
            for field in PATH_FIELDS:
                path = entry[kind].get(field)
                if field == "tokenFile" or not path:
                    continue
                if entry[kind].get(f"{field}-data"):
                    problems.append(f"{kind} {entry['name']!r}: both {field} and {field}-data are set; keep one")
                    continue
                try:
                    content = Path(path).read_bytes()
                except OSError as error:
                    problems.append(f"{kind} {entry['name']!r}: {field} {path} cannot be read: {error.strerror}")
                    continue
                del entry[kind][field]
                entry[kind][f"{field}-data"] = base64.b64encode(content).decode()
    if problems:
        raise config_error(problems)
    return Kubeconfig((KubeconfigFile(None, document),))


def redacted(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with tokens, passwords, keys and certificates replaced by `REDACTED` or `OMITTED`.

    Beyond what kubectl hides: tokens and secrets of an auth provider, environment variables and options of a plug-in
    whose name says that they are secret, and passwords in URLs.
    """
    shown: dict[str, Any] = copy.deepcopy(dict(document))
    for section, (kind, _) in SECTIONS.items():
        for entry in shown.get(section) or ():
            stanza = entry.get(kind) or {}
            for field in DATA_FIELDS:
                if stanza.get(field):
                    stanza[field] = OMITTED
            for field in SECRET_FIELDS:
                if stanza.get(field):
                    stanza[field] = REDACTED
            for field in ("server", "proxy-url"):
                if stanza.get(field):
                    stanza[field] = mask_url(stanza[field])
            provider = (stanza.get("auth-provider") or {}).get("config") or {}
            provider.update({key: REDACTED for key in provider if _SECRET_NAME.search(key)})
            plugin = stanza.get("exec") or {}
            if plugin.get("args"):
                plugin["args"] = _without_secrets(plugin["args"])
            for variable in plugin.get("env") or ():
                if _SECRET_NAME.search(variable.get("name") or ""):
                    variable["value"] = REDACTED
    return shown


def _without_secrets(arguments: list[str]) -> list[str]:
    """Return the arguments of a command without the values of options such as ``--token=x`` and ``--password x``."""
    shown: list[str] = []
    hide_next = False
    for argument in arguments:
        option, equals, _ = argument.partition("=")
        telling = option.startswith("-") and bool(_SECRET_NAME.search(option))
        if hide_next and not argument.startswith("-"):
            shown.append(REDACTED)
        else:
            shown.append(f"{option}={REDACTED}" if telling and equals else argument)
        hide_next = telling and not equals
    return shown


def absolute(stanza: Stanza) -> dict[str, Any]:
    """Return a copy of a stanza's fields whose paths no longer depend on the file it came from."""
    values = copy.deepcopy(dict(stanza.values))
    for field in PATH_FIELDS:
        if values.get(field):
            values[field] = stanza.path(field)
    plugin = values.get("exec")
    if plugin and "/" in (plugin.get("command") or ""):
        plugin["command"] = stanza.resolve(plugin["command"])
    return values
