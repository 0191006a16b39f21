"""Changing kubeconfig files: each stanza is written to the file it came from, all else in the file is kept.

``kubeconfig`` is a path, several in order of precedence, or None for the files of ``KUBECONFIG``
or the home directory. Every function locks, reads, changes and replaces the files, raises `ConfigError` and then leaves
them as they were, and returns the path of the file that was written. Fields unknown to dynkube and the order of
everything stay; comments do not, as with kubectl.
"""

from __future__ import annotations

import contextlib
import copy
import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union

from dynkube.config.atomic import locked, replace_file
from dynkube.config.kubeconfig import Kubeconfig, KubeconfigFile, config_error, parse_text, read_file
from dynkube.config.locations import expand, kubeconfig_paths
from dynkube.config.resolution import nearest
from dynkube.config.schema import PATH_FIELDS, SECTIONS
from dynkube.config.view import absolute
from dynkube.objects import dump_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dynkube.config.kubeconfig import KubeconfigSource

logger = logging.getLogger("dynkube.config")

#: What names the files to change.
Files = Union[str, "os.PathLike[str]", "Iterable[str | os.PathLike[str]]", None]


def use_context(name: str, *, kubeconfig: Files = None) -> str:
    """Make a context the current one; it must exist."""
    with _editing(kubeconfig) as edit:
        edit.require("contexts", name)
        file = edit.default_file()
        file.document["current-context"] = name
        return file.path


def clear_current_context(*, kubeconfig: Files = None) -> str:
    """Remove the current context, from the first file that sets one."""
    with _editing(kubeconfig) as edit:
        file = next((file for file in edit.files if file.document.get("current-context")), edit.default_file())
        file.document.pop("current-context", None)
        return file.path


def set_cluster(name: str, fields: Mapping[str, Any], *, kubeconfig: Files = None) -> str:
    """Change fields of a cluster, or add one. Fields have their kubeconfig names; None removes a field.

    A relative path starts at the working directory; it is stored relative to the file if it lies in its folder.
    """
    return _set("clusters", name, fields, kubeconfig)


def set_user(name: str, fields: Mapping[str, Any], *, kubeconfig: Files = None) -> str:
    """Change fields of a user, or add one, as `set_cluster` does."""
    return _set("users", name, fields, kubeconfig)


def set_context(name: str, fields: Mapping[str, Any], *, kubeconfig: Files = None) -> str:
    """Change fields of a context, or add one, as `set_cluster` does."""
    return _set("contexts", name, fields, kubeconfig)


def delete_cluster(name: str, *, kubeconfig: Files = None) -> str:
    """Remove a cluster from the file it came from; one of its name in a later file comes into force."""
    return _delete("clusters", name, kubeconfig)


def delete_user(name: str, *, kubeconfig: Files = None) -> str:
    """Remove a user, as `delete_cluster` does."""
    return _delete("users", name, kubeconfig)


def delete_context(name: str, *, kubeconfig: Files = None) -> str:
    """Remove a context, as `delete_cluster` does; the current context may be removed, a warning is logged then."""
    return _delete("contexts", name, kubeconfig)


def rename_context(old: str, new: str, *, kubeconfig: Files = None) -> str:
    """Give a context another name, in its place; ``current-context`` follows. The new name must be free."""
    with _editing(kubeconfig) as edit:
        file, entry = edit.require("contexts", old)
        if edit.find("contexts", new):
            raise config_error([f"context {new!r} exists already"])
        entry["name"] = new
        for other in edit.files:
            if other.document.get("current-context") == old:
                other.document["current-context"] = new
        return file.path


def merge_in(source: KubeconfigSource | Kubeconfig, *, overwrite: bool = False, kubeconfig: Files = None) -> str:
    """Add the clusters, users and contexts of another kubeconfig; paths in them are made absolute.

    An equal stanza is left alone. One of the same name that differs is an error, all of them listed, unless
    ``overwrite``. The current context is taken over only if none is set.
    """
    other = Kubeconfig.load(source)
    with _editing(kubeconfig) as edit:
        problems = []
        for section, (kind, _) in SECTIONS.items():
            for name, stanza in other.section(section).items():
                values = absolute(stanza)
                found = edit.find(section, name)
                if found is None:
                    edit.default_file().section(section).append({"name": name, kind: values})
                elif found[1].get(kind) != values and found[1].get(kind) != stanza.values:
                    if overwrite:
                        found[1][kind] = values
                    else:
                        problems.append(f"{kind} {name!r} exists already in {found[0].path} and differs")
        if problems:
            raise config_error(problems)
        if other.current_context and not any(file.document.get("current-context") for file in edit.files):
            edit.default_file().document["current-context"] = other.current_context
        return edit.default_file().path


def write_auth_provider(path: str, user: str, config: Mapping[str, str]) -> str:
    """Replace the configuration of a user's auth provider in the file it came from, to store refreshed tokens."""
    with _editing(path) as edit:
        file, entry = edit.require("users", user)
        provider = (entry.get("user") or {}).get("auth-provider")
        if not isinstance(provider, dict):
            raise config_error([f"{path}: user {user!r} has no auth-provider"], path=path)
        provider["config"] = dict(config)
        return file.path


class _EditedFile:
    """One file with its content, as it is and as it will be."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.as_json = False
        self.exists = True
        try:
            found = read_file(path)
        except FileNotFoundError:
            found = KubeconfigFile(path, {})
            self.exists = False
        else:
            self.as_json = Path(path).read_bytes().lstrip()[:1] == b"{"
        self.before = found.document
        self.document: dict[str, Any] = copy.deepcopy(dict(found.document))

    def section(self, section: str) -> list[dict[str, Any]]:
        if self.document.get(section) is None:
            self.document[section] = []
        entries: list[dict[str, Any]] = self.document[section]
        return entries

    def write(self) -> None:
        """Write the file if it changed, after a check that it is still a kubeconfig."""
        if self.document == self.before:
            return
        header = {"apiVersion": "v1", "kind": "Config"}
        document = {key: value for key, value in header.items() if key not in self.document} | self.document
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n" if self.as_json else dump_yaml(document)
        parse_text(text, self.path)
        replace_file(self.path, text.encode())


class _Edit:
    """The files of one change, in order of precedence."""

    def __init__(self, files: list[_EditedFile]) -> None:
        self.files = files

    def find(self, section: str, name: str) -> tuple[_EditedFile, dict[str, Any]] | None:
        """Return the entry in force under this name, and its file."""
        for file in self.files:
            for entry in file.document.get(section) or ():
                if entry["name"] == name:
                    return file, entry
        return None

    def require(self, section: str, name: str) -> tuple[_EditedFile, dict[str, Any]]:
        """Return the entry of this name; a `ConfigError` names the nearest if there is none."""
        found = self.find(section, name)
        if found is None:
            known = [entry["name"] for file in self.files for entry in file.document.get(section) or ()]
            raise config_error([f"{SECTIONS[section][0]} {name!r} is not defined{nearest(name, known)}"])
        return found

    def default_file(self) -> _EditedFile:
        """Return where new things go: the first file that exists, else the last one named (kubectl ``PathOptions``)."""
        return next((file for file in self.files if file.exists), self.files[-1])


@contextlib.contextmanager
def _editing(kubeconfig: Files) -> Iterator[_Edit]:
    if kubeconfig is None:
        paths = kubeconfig_paths()[0]
        if not paths:
            raise config_error(["there is no home directory to write .kube/config in; set KUBECONFIG"])
    else:
        given = [kubeconfig] if isinstance(kubeconfig, str | os.PathLike) else kubeconfig
        paths = tuple(dict.fromkeys(expand(path) for path in given))
    with locked(paths):
        edit = _Edit([_EditedFile(path) for path in paths])
        yield edit
        for file in edit.files:
            file.write()


def _set(section: str, name: str, fields: Mapping[str, Any], kubeconfig: Files) -> str:
    kind, known = SECTIONS[section]
    unknown = [field for field in fields if field not in known]
    if unknown:
        raise config_error([f"a {kind} has no field {field!r}{nearest(field, known)}" for field in unknown])
    if not name:
        raise config_error([f"a {kind} needs a name"])
    with _editing(kubeconfig) as edit:
        found = edit.find(section, name)
        if found is None:
            found = edit.default_file(), {"name": name, kind: {}}
            found[0].section(section).append(found[1])
        file, entry = found
        values = entry[kind] = entry.get(kind) or {}
        for field, value in fields.items():
            if value is None:
                values.pop(field, None)
            else:
                values[field] = _stored_path(value, file.path) if field in PATH_FIELDS else value
        return file.path


def _stored_path(path: str, file: str) -> str:
    given, folder = Path(path).absolute(), Path(file).absolute().parent
    return str(given.relative_to(folder)) if given.is_relative_to(folder) else str(given)


def _delete(section: str, name: str, kubeconfig: Files) -> str:
    with _editing(kubeconfig) as edit:
        file, entry = edit.require(section, name)
        file.section(section).remove(entry)
        current = next((found for found in (file.document.get("current-context") for file in edit.files) if found), "")
        if section == "contexts" and current == name and edit.find(section, name) is None:
            logger.warning("context %r was the current one; choose another", name)
        return file.path
