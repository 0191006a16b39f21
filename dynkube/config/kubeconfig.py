"""Kubeconfig files, read and merged: the first file that names a stanza gives the whole of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Union

from dynkube.config.locations import KUBECONFIG, expand, kubeconfig_paths
from dynkube.config.schema import SECTIONS, Place, check_document, decode_data, unknown_fields
from dynkube.errors import ConfigError, ManifestError
from dynkube.objects import load_yaml
from dynkube.values import Value

logger = logging.getLogger("dynkube.config")

#: What names kubeconfig files: one path, several in order of precedence, or the content as a mapping.
KubeconfigSource = Union[str, "os.PathLike[str]", "Iterable[str | os.PathLike[str]]", "Mapping[str, Any]"]


class Stanza(Value):
    """One named cluster, user or context, and the file it came from (None: given as a mapping)."""

    kind: str
    name: str
    values: Mapping[str, Any]
    file: str | None

    def text(self, name: str) -> str:
        """Return a field of text, "" if absent."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def data(self, name: str) -> bytes | None:
        """Return the bytes of a base64 field, or None if absent or empty."""
        return decode_data(self.text(name)) or None

    def path(self, name: str) -> str:
        """Return a field that is a path, made absolute against the folder of the stanza's file; "" if absent."""
        return self.resolve(self.text(name))

    def resolve(self, path: str) -> str:
        """Return a path of this stanza, absolute; "" stays "". A ``~`` is not special here, as in client-go."""
        if not path or os.path.isabs(path):  # noqa: PTH117 - text in, text out
            return path
        base = os.path.dirname(os.path.abspath(self.file)) if self.file else os.getcwd()  # noqa: PTH100, PTH109, PTH120
        return os.path.normpath(os.path.join(base, path))  # noqa: PTH118

    def extension(self, name: str) -> Any:
        """Return the content of the extension of this name, or None."""
        for entry in self.values.get("extensions") or ():
            if entry.get("name") == name:
                return entry.get("extension")
        return None

    def __str__(self) -> str:
        return f"{self.file}: {self.kind} {self.name!r}" if self.file else f"{self.kind} {self.name!r}"

    def __repr__(self) -> str:
        # The values may be credentials.
        return f"<Stanza {self}>"


class KubeconfigFile(Value):
    """The content of one file, checked. ``path`` is None for content given as a mapping."""

    path: str | None
    document: Mapping[str, Any]

    @property
    def current_context(self) -> str:
        """The current-context of this file, "" if it sets none."""
        return self.document.get("current-context") or ""

    def stanzas(self, section: str) -> dict[str, Stanza]:
        """Return the stanzas of "clusters", "users" or "contexts" by name, in the order of the file."""
        kind, _ = SECTIONS[section]
        return {
            entry["name"]: Stanza(kind, entry["name"], entry.get(kind) or {}, self.path)
            for entry in self.document.get(section) or ()
        }

    def __repr__(self) -> str:
        # The document holds credentials.
        return f"<KubeconfigFile {self.path or 'mapping'}>"


class Kubeconfig(Value, not_compared=("missing",)):
    """One or more files as one configuration.

    A cluster, user or context is taken whole from the first file that has one of its name; ``current-context`` from the
    first file that sets it (clientcmd ``ClientConfigLoadingRules.Load``).
    """

    __slots__ = ("__dict__",)

    files: tuple[KubeconfigFile, ...] = ()
    #: Files that were asked for and are not there, in order.
    missing: tuple[str, ...] = ()

    @classmethod
    def load(cls, source: KubeconfigSource | Kubeconfig | None = None) -> Kubeconfig:
        """Return the configuration in ``source``; if that is None or "", in the files of ``KUBECONFIG`` or the home.

        A file named in ``source`` must exist; one named by the environment may be missing. Raises `ConfigError` with
        every problem of every file: unreadable, no YAML, fields of a wrong type, names used twice. An open file is a
        TypeError: give its path, or what `parse` makes of its text.
        """
        if isinstance(source, Kubeconfig):
            return source
        if isinstance(source, Mapping):
            return cls((_checked(dict(source), None, None),))
        if hasattr(source, "read"):
            raise TypeError("kubeconfig is an open file; give its path, or Kubeconfig.parse(file.read())")
        if source is None or source == "":
            source = None
            paths, from_environment = kubeconfig_paths()
        else:
            given = [source] if isinstance(source, str | os.PathLike) else list(source)
            if not given:
                raise config_error(["kubeconfig is an empty list: it names no file"])
            paths, from_environment = tuple(dict.fromkeys(expand(path) for path in given)), False
        files: list[KubeconfigFile] = []
        missing: list[str] = []
        errors: list[ConfigError] = []
        for path in paths:
            found = _attempt(path)
            if isinstance(found, KubeconfigFile):
                files.append(found)
            elif isinstance(found, ConfigError):
                errors.append(found)
            elif source is None:
                missing.append(path)
            else:
                errors.append(config_error([f"{path}: no such file"], path=path))
        if errors:
            problems = [problem for error in errors for problem in error.problems]
            raise config_error(problems, path=errors[0].path if len(errors) == 1 else None)
        if from_environment and not files:
            logger.warning("%s names no file that exists: %s", KUBECONFIG, ", ".join(missing))
        return cls(tuple(files), tuple(missing))

    @classmethod
    def parse(cls, text: str | bytes) -> Kubeconfig:
        """Return the configuration in a text; relative paths in it start at the working directory."""
        return cls((parse_text(text, None),))

    @cached_property
    def current_context(self) -> str:
        """The current context, "" if none is set."""
        return next((file.current_context for file in self.files if file.current_context), "")

    @cached_property
    def clusters(self) -> Mapping[str, Stanza]:
        """Clusters by name."""
        return self._merged("clusters")

    @cached_property
    def users(self) -> Mapping[str, Stanza]:
        """Users by name."""
        return self._merged("users")

    @cached_property
    def contexts(self) -> Mapping[str, Stanza]:
        """Contexts by name."""
        return self._merged("contexts")

    def section(self, section: str) -> Mapping[str, Stanza]:
        """Return "clusters", "users" or "contexts" by name."""
        return {"clusters": self.clusters, "users": self.users, "contexts": self.contexts}[section]

    def _merged(self, section: str) -> dict[str, Stanza]:
        merged: dict[str, Stanza] = {}
        for file in self.files:
            for name, stanza in file.stanzas(section).items():
                merged.setdefault(name, stanza)
        return merged

    def __repr__(self) -> str:
        files = [file.path or "<mapping>" for file in self.files]
        return f"Kubeconfig(files={files}, contexts={list(self.contexts)}, current_context={self.current_context!r})"


def _attempt(path: str) -> KubeconfigFile | ConfigError | None:
    """Return the file, what is wrong with it, or None if there is none: one bad file does not hide another."""
    try:
        return read_file(path)
    except FileNotFoundError:
        return None
    except ConfigError as error:
        return error


def read_file(path: str) -> KubeconfigFile:
    """Return the content of one file. Raises FileNotFoundError, and `ConfigError` for every other fault of it."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise config_error([f"{path}: cannot be read: {reason}"], path=path) from None
    return parse_text(content, path)


def parse_text(text: str | bytes, path: str | None) -> KubeconfigFile:
    """Return the content of a kubeconfig, checked; raises `ConfigError` with every problem and its line."""
    try:
        document = load_yaml(text)
    except ManifestError as error:
        what = str(error) if error.document in (None, 1) else f"{error} (kubectl reads one document only)"
        what = what.replace("document 1, ", "", 1)
        raise config_error([f"{path}: {what}" if path else what], path=path) from None
    return _checked(document, path, text)


def config_error(problems: Iterable[str], *, path: str | None = None) -> ConfigError:
    """Return the error for these problems; more than one are listed line by line."""
    problems = list(problems)
    listed = problems[0] if len(problems) == 1 else "".join(f"\n  {problem}" for problem in problems)
    return ConfigError(f"invalid configuration: {listed}", path=path, problems=problems)


def _checked(document: Any, path: str | None, text: str | bytes | None) -> KubeconfigFile:
    found = check_document(document)
    if found:
        lines = _lines(text, [place for place, _ in found])
        problems = [
            ", ".join(filter(None, (path, f"line {line}" if line else "")))
            + (": " if path or line else "")
            + f"{name} {what}"
            for (place, what), line, name in zip(
                found, lines, (_name(document, place) for place, _ in found), strict=True
            )
        ]
        raise config_error(problems, path=path)
    document = document or {}
    for place, known in unknown_fields(document):
        logger.warning(
            "%s: %s is unknown and has no effect; did you mean %s?", path or "kubeconfig", _name(document, place), known
        )
    return KubeconfigFile(path, document)


def _name(document: Any, place: Place) -> str:
    """Return a place in words: ``user 'me': exec.env[0].value``."""
    if not place:
        return "the kubeconfig"
    steps: list[str | int] = list(place)
    lead = ""
    if len(steps) >= 2 and steps[0] in SECTIONS:
        section, index = str(steps[0]), steps[1]
        entry = document[section][index]
        name = entry.get("name") if isinstance(entry, dict) else None
        lead = f"{SECTIONS[section][0]} {name!r}" if isinstance(name, str) and name else f"{section}[{index}]"
        steps = steps[3:] if len(steps) > 2 and steps[2] == SECTIONS[section][0] else steps[2:]
    path = ""
    for step in steps:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return f"{lead}: {path}" if lead and path else lead or path


def _lines(text: str | bytes | None, places: list[Place]) -> list[int | None]:
    """Return the line (from 1) of each place in the text, None where it cannot be told."""
    import yaml

    root: Any = None
    if text is not None:
        try:
            root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except yaml.YAMLError:  # JSON with tabs, for one: valid, but not YAML
            root = None
    return [None if root is None else _line(root, place) for place in places]


def _line(node: Any, place: Place) -> int | None:
    line: int = node.start_mark.line + 1
    for step in place:
        if isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
            continue
        entry = next(((key, value) for key, value in node.value if key.value == step), None)
        if entry is None:  # reached through a merge key
            return line
        line, node = entry[0].start_mark.line + 1, entry[1]
    return line
