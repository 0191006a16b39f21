"""Manifests a command is given with `-f`: files, folders and standard input, in a stable order."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from dynkube.cli.exits import UsageError
from dynkube.objects import load_manifests

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dynkube.objects import JSONObject


def read_manifests(sources: Sequence[str], *, recursive: bool = False) -> list[JSONObject]:
    """Return every object of `sources`: files, folders (with `recursive` also the folders inside) and `-`.

    All of them are read before anything is returned, so a mistake in the last file is known before the first object is
    sent. Raises ManifestError, and UsageError where there is nothing at all.
    """
    manifests: list[JSONObject] = []
    for source in sources:
        if source == "-":
            manifests += load_manifests(sys.stdin)
        else:
            for path in _places(Path(source), recursive=recursive):
                manifests += load_manifests(path)
    if not manifests:
        hint = "" if recursive else "; -R looks into folders inside folders"
        raise UsageError(f"no objects in {', '.join(sources)}{hint}")
    return manifests


def _places(path: Path, *, recursive: bool) -> Iterator[Path]:
    yield path
    if recursive and path.is_dir():
        yield from sorted(each for each in path.rglob("*") if each.is_dir())
