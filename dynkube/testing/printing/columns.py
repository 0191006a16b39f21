"""The columns of tables, per kind, as a real server defines them (``data/columns.json``)."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any


@functools.cache
def _recorded() -> dict[str, list[dict[str, Any]]]:
    text = resources.files("dynkube.testing").joinpath("data").joinpath("columns.json").read_bytes()
    found: dict[str, list[dict[str, Any]]] = json.loads(text)
    return found


def _key(group: str, kind: str) -> str:
    return f"{group}/{kind}" if group else kind


def name_description() -> str:
    """Return what the Name column says of itself."""
    return str(_recorded()["Pod"][0]["description"])


def age_description() -> str:
    """Return what Age and Created At columns say of themselves."""
    return next(str(c["description"]) for c in _recorded()["Pod"] if c["name"] == "Age")


def generic() -> list[dict[str, Any]]:
    """Return the columns of kinds nobody wrote a printer for (roles, CRDs, limit ranges)."""
    return _recorded()["*"]


def columns(group: str, kind: str) -> list[dict[str, Any]] | None:
    """Return the column definitions of a built-in kind; None when it only has the generic ones."""
    return _recorded().get(_key(group, kind))
