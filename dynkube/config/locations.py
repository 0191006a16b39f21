"""Which kubeconfig files there are to read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

#: The environment variable that names the files, separated as PATH is.
KUBECONFIG = "KUBECONFIG"


def kubeconfig_paths() -> tuple[tuple[str, ...], bool]:
    """Return the files to read, in order of precedence, and whether the environment named them.

    ``KUBECONFIG``, if not empty, is the whole list: empty entries are skipped, duplicates dropped, ``~/.kube/config``
    is not consulted then. Else it is ``~/.kube/config`` alone (clientcmd ``ClientConfigLoadingRules``). The variable is
    read at each call. Entries starting with ``~/`` are expanded: not every shell does it behind a colon.
    """
    value = os.environ.get(KUBECONFIG, "")
    if value:
        entries = dict.fromkeys(expand(entry) for entry in value.split(os.pathsep) if entry)
        return tuple(entries), True
    default = default_path()
    return ((default,) if default else ()), False


def default_path() -> str | None:
    """Return ``~/.kube/config``, or None where there is no home directory in the environment."""
    home = _home()
    return os.path.join(home, ".kube", "config") if home else None  # noqa: PTH118 - kept as the user spells it


def expand(path: str | os.PathLike[str]) -> str:
    """Return the path as text with a leading ``~/`` replaced by the home directory."""
    text = os.fspath(path)
    home = _home()
    return os.path.join(home, text[2:]) if home and text.startswith(("~/", "~" + os.sep)) else text  # noqa: PTH118


def _home() -> str | None:
    # $HOME alone, as in client-go (util/homedir): no look into the user database.
    if sys.platform != "win32":
        return os.environ.get("HOME") or None
    drive = os.environ.get("HOMEDRIVE", "") + os.environ.get("HOMEPATH", "")
    profile = os.environ.get("USERPROFILE", "")
    home = os.environ.get("HOME", "")
    for candidate in (home, drive, profile):
        if candidate and (Path(candidate) / ".kube" / "config").exists():
            return candidate
    choices = [candidate for candidate in (home, profile, drive) if candidate]
    for candidate in choices:
        if Path(candidate).is_dir() and os.access(candidate, os.W_OK):
            return candidate
    return next((candidate for candidate in choices if Path(candidate).exists()), choices[0] if choices else None)
