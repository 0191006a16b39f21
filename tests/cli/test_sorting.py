"""`get --sort-by`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.objects import config_map
from dynkube.cli.exits import OK, USAGE, UsageError
from dynkube.cli.sorting import natural, sorted_by
from dynkube.watch import JSONPath

if TYPE_CHECKING:
    from cli.running import Run
    from dynkube.dynamic import DynamicClient


def order(values: list[object]) -> list[object]:
    """Return `values` as `--sort-by=.v` orders objects that hold them; None is an object without the field."""
    objects = [{} if value is None else {"v": value} for value in values]
    return [obj.get("v") for obj in sorted_by(JSONPath.parse(".v"), objects, lambda obj: obj)]


@pytest.mark.parametrize(
    "ordered",
    [
        [1, 2, 10],
        ["web-1", "web-2", "web-10"],
        ["100m", "1", "1k", "1Ki", "1Mi", "1e9", "2G"],
        ["2026-01-02T00:00:00Z", "2026-01-10T00:00:00Z"],
        [None, "a", "b"],
        [False, True],
        [None, True, 1, 1.5, "text"],
        ["", "0", "a"],
    ],
)
def test_order(ordered: list[object]) -> None:
    """Numbers and quantities go by their amount, text as people count, what is missing comes first."""
    assert order(list(reversed(ordered))) == ordered


def test_equal_values_keep_their_order() -> None:
    """Rows that are equal by the path stay as the server sent them."""
    rows = [{"v": 1, "n": "b"}, {"v": 1, "n": "a"}, {"v": 0, "n": "c"}]
    assert [row["n"] for row in sorted_by(JSONPath.parse("{.v}"), rows, lambda row: row)] == ["c", "b", "a"]


@given(st.lists(st.text()))
def test_any_text_can_be_ordered(texts: list[str]) -> None:
    """Whatever the texts, ordering them loses none and is the same from any start."""
    by_key = sorted(texts, key=natural)
    assert sorted(by_key) == sorted(texts)
    backwards = list(reversed(by_key))
    assert [natural(text) for text in sorted(backwards, key=natural)] == [natural(text) for text in by_key]


@pytest.mark.parametrize("value", [{"a": 1}, ["a"]])
def test_only_single_values(value: object) -> None:
    """An object or a list has no place in an order; saying so beats any order."""
    with pytest.raises(UsageError, match="not a single value"):
        order([value])


def test_nothing_to_sort() -> None:
    """An empty list is in order."""
    assert order([]) == []


class TestGet:
    @pytest.fixture(autouse=True)
    def objects(self, dyn: DynamicClient, namespace: str) -> None:
        """Make config maps whose names and contents are in opposite orders."""
        config_maps = dyn.resource("v1", "configmaps").namespace(namespace)
        for name, number in (("a", "10"), ("b", "9"), ("c", "8")):
            config_maps.create(config_map(name, {"n": number}))

    @pytest.mark.parametrize("path", [".data.n", "{.data.n}", "data.n"])
    def test_table(self, run: Run, path: str) -> None:
        """The server's table is printed in that order, also where it comes in pages."""
        shown = run("get", "cm", f"--sort-by={path}", "--chunk-size=1")
        assert shown.code == OK
        assert [line.split()[0] for line in shown.lines] == ["NAME", "c", "b", "a"]

    def test_objects(self, run: Run) -> None:
        """The other forms keep to it, too."""
        assert run("get", "cm", "--sort-by=.data.n", "-o", "name").lines == [
            "configmap/c",
            "configmap/b",
            "configmap/a",
        ]

    def test_by_age(self, run: Run) -> None:
        """A time orders as text does."""
        assert run("get", "cm", "--sort-by=.metadata.creationTimestamp").code == OK

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            (["--sort-by=.data.missing"], "none of the objects has a field '.data.missing'"),
            (["--sort-by=.data"], "'.data' is not a single value but an object"),
            (["--sort-by={.data"], "the braces do not match"),
            (["--sort-by=.data.n", "-w"], "leave it out where changes are watched"),
        ],
    )
    def test_mistakes(self, run: Run, words: list[str], problem: str) -> None:
        """An order that cannot be had exits with 2 and one line."""
        shown = run("get", "cm", *words)
        assert (shown.code, shown.out) == (USAGE, "")
        assert problem in shown.err
        assert shown.err.count("\n") == 1
