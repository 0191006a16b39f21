"""Imports go one way: a layer knows the layers before it and none after."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dynkube"

#: Each layer may import from itself and from those before it; the first five are one layer.
LAYERS = (
    ("errors", "values", "names", "selectors", "objects"),
    ("config",),
    ("transport",),
    ("rest",),
    ("discovery",),
    ("mapping",),
    ("watch",),
    ("informer",),
    ("stream",),
    ("dynamic",),
    ("controller",),
    ("testing",),
    ("cli",),
)

RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}

MODULES = sorted(PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    """Return the layer a module belongs to; "" for the package itself and its entry point."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return "" if parts[0] in ("__init__", "__main__") else parts[0]


def imported(path: Path) -> list[tuple[int, str]]:
    """Return line and absolute name of everything a module imports, in functions and for type checking too."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                found.append((node.lineno, "." * node.level + (node.module or "")))
            elif node.module == "dynkube":
                found += [(node.lineno, f"dynkube.{alias.name}") for alias in node.names]
            elif node.module:
                found.append((node.lineno, node.module))
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_nothing_from_a_later_layer(path: Path) -> None:
    """Every import of a module, wherever in it, is from its own layer or an earlier one."""
    layer = layer_of(path)
    if not layer:
        return
    assert layer in RANK, f"{layer} is not a layer: give it a place in LAYERS"
    wrong = []
    for line, name in imported(path):
        parts = name.split(".")
        if parts[0] != "dynkube" or len(parts) == 1:
            continue
        if parts[1] in RANK and RANK[parts[1]] > RANK[layer]:
            wrong.append(f"line {line}: {layer} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_are_absolute(path: Path) -> None:
    """No module imports relatively: where a name comes from is written out."""
    assert [name for _, name in imported(path) if name.startswith(".")] == []


def test_the_package_itself_imports_nothing_at_run_time() -> None:
    """`dynkube/__init__.py` has imports for type checkers, and none of dynkube's that run when it is imported."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    names = []
    for node in tree.body:
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    assert not [name for name in names if name.startswith("dynkube")]
