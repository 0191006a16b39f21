"""The public names of the package: sorted, complete, documented, and lazily loaded."""

from __future__ import annotations

import ast
import configparser
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dynkube

ROOT = Path(__file__).parent.parent

#: Modules all of whose public names belong to the package, and those that stay where they are with the reason why.
WHOLE = {
    "dynkube.errors": {
        "Timeout",  # the server's reason; the name is the configuration's here, and `dynkube.errors.Timeout` there
        "MAX_BODY_IN_MESSAGE",
        "REASONS",
        "mask_url",
        "parse_retry_after",
        "response_error",
        "status_error",
    },
    "dynkube.names": {"check_path_segment"},
    "dynkube.mapping": set(),
    "dynkube.dynamic": {"GroupVersionClient"},
}


def test_all_is_sorted_and_without_duplicates() -> None:
    """`__all__` is in ruff's order (constants, classes, functions), so that a new name has one place."""
    assert dynkube.__all__ == sorted(
        set(dynkube.__all__), key=lambda name: (not name.isupper(), not name[0].isupper(), name)
    )


@pytest.mark.parametrize("name", dynkube.__all__)
def test_each_name_resolves_and_is_documented(name: str) -> None:
    """Every public name can be had from the package and says what it is."""
    value = getattr(dynkube, name)
    if inspect.isclass(value) or inspect.isroutine(value):
        assert inspect.getdoc(value), f"{name} has no docstring"
        assert not (inspect.getdoc(value) or "").startswith(f"{name}("), f"{name} has only a generated docstring"


@pytest.mark.parametrize("module", WHOLE)
def test_nothing_public_is_missing(module: str) -> None:
    """What these modules make public is public in the package, but for what is listed here."""
    loaded = importlib.import_module(module)
    exported = getattr(loaded, "__all__", None)
    if exported is None:
        exported = [
            name
            for name, value in vars(loaded).items()
            if not name.startswith("_")
            and getattr(value, "__module__", module) == module
            and (inspect.isclass(value) or inspect.isfunction(value) or (name.isupper() and name != "TYPE_CHECKING"))
        ]
    assert set(exported) - WHOLE[module] - set(dynkube.__all__) == set()


@pytest.mark.parametrize("name", dynkube.__all__)
def test_public_classes_have_documented_methods(name: str) -> None:
    """Every public method and property of a public class has a docstring."""
    value = getattr(dynkube, name)
    if not inspect.isclass(value) or not value.__module__.startswith("dynkube"):
        return
    missing = [
        attribute
        for attribute, member in inspect.getmembers(value)
        if not attribute.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property))
        and not inspect.getdoc(member)
    ]
    assert missing == []


def test_dir_lists_the_public_names() -> None:
    """A REPL completes names that are not loaded yet."""
    assert set(dynkube.__all__) <= set(dir(dynkube))
    assert "errors" in dir(dynkube)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """What is not there fails as in any module."""
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        _ = dynkube.conect


def test_errors_are_reached_without_an_import_of_their_own() -> None:
    """`import dynkube` is enough for `dynkube.errors.Timeout`, which is not the configuration's Timeout."""
    code = "import dynkube; assert issubclass(dynkube.errors.Timeout, dynkube.StatusError)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_type_checkers_see_what_is_loaded_at_run_time() -> None:
    """The imports for type checkers and the table of the lazy loader name the same things in the same modules."""
    tree = ast.parse((ROOT / "dynkube" / "__init__.py").read_text(encoding="utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.name: node.module
        for node in guarded.body
        if isinstance(node, ast.ImportFrom) and node.module != "dynkube"
        for alias in node.names
    }
    assert seen == dynkube._HOME_OF
    assert set(seen) == set(dynkube.__all__)


def test_the_version_is_the_metadatas() -> None:
    """`dynkube.__version__`, a constant because reading metadata is slow, equals the one in setup.cfg."""
    metadata = configparser.ConfigParser()
    metadata.read(ROOT / "setup.cfg", encoding="utf-8")
    assert dynkube.__version__ == metadata["metadata"]["version"]
