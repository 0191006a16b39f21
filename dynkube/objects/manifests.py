"""Reading the objects out of manifests: files, folders, streams and text with many documents."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import IO, TYPE_CHECKING, Any

from dynkube.errors import ManifestError
from dynkube.objects.yaml_rules import load_documents
from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dynkube.objects.fields import JSONObject

#: Files of a folder that are read, as kubectl does.
_SUFFIXES = (".yaml", ".yml", ".json")


def load_manifests(source: str | bytes | Path | IO[str] | IO[bytes]) -> list[JSONObject]:
    """Return the objects in ``source``, in order.

    A `Path` is a file, or a folder whose ``*.yaml``, ``*.yml`` and ``*.json`` files are read in the order of their
    names (not their subfolders); ``str`` and ``bytes`` are the text itself. YAML documents, JSON documents one after
    another, and Lists, which are flattened: their items get the List's kind and apiVersion where they have none.
    Empty documents are skipped.

    Raises `ManifestError`, naming file, document and line, for bad syntax and for a document that is no object with
    apiVersion and kind.
    """
    return list(_objects(source))


def _objects(source: str | bytes | Path | IO[str] | IO[bytes]) -> Iterator[JSONObject]:
    if isinstance(source, Path):
        if source.is_dir():
            for path in sorted(entry for entry in source.iterdir() if entry.suffix in _SUFFIXES and entry.is_file()):
                yield from _objects(path)
            return
        try:
            text: str | bytes = source.read_bytes()
        except OSError as error:
            raise ManifestError(f"cannot be read: {error.strerror or error}", file=str(source)) from None
        yield from _read(text, str(source))
    elif isinstance(source, str | bytes):
        yield from _read(source, None)
    else:
        name = getattr(source, "name", None)
        yield from _read(source.read(), name if isinstance(name, str) else None)


def _read(text: str | bytes, file: str | None) -> Iterator[JSONObject]:
    for number, (value, line) in enumerate(load_documents(text, file=file), start=1):
        if value is not None:
            yield from _Document(file, number, line).objects(value)


class _Document(Value):
    """Where a document stands, for the messages about it."""

    file: str | None
    number: int
    line: int

    def objects(
        self, value: Any, place: str = "", inherited: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[JSONObject]:
        """Yield the object itself, or, of a List, its items."""
        if not isinstance(value, dict):
            hint = "; a file is given as Path(...)" if self.file is None and isinstance(value, str) else ""
            raise self.error(f"{place}expected an object with apiVersion and kind, found {_name(value)}{hint}")
        obj = {**inherited, **value} if inherited and "kind" not in value else value
        for field in ("apiVersion", "kind"):
            if not isinstance(obj.get(field), str) or not obj[field]:
                raise self.error(f"{place}{field} is missing or no string")
        if not obj["kind"].endswith("List") or not isinstance(obj.get("items", ...), (list, type(None))):
            yield obj
            return
        kind = obj["kind"].removesuffix("List")
        below = {"apiVersion": obj["apiVersion"], "kind": kind} if kind else {}
        for index, item in enumerate(obj["items"] or ()):
            yield from self.objects(item, f"{place}items[{index}]: ", below)

    def error(self, message: str) -> ManifestError:
        return ManifestError(message, file=self.file, document=self.number, line=self.line)


def _name(value: Any) -> str:
    return {str: "a string", bool: "a boolean", list: "a list"}.get(type(value), "a number")
