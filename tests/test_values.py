"""Value: what holds for every frozen class that the start of a program makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import pprint
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.values import OrderedValue, Value, fields_of, replace

if TYPE_CHECKING:
    from collections.abc import Mapping


class Point(Value):
    """Two fields, one with a default."""

    x: int
    y: int = 0

    @property
    def sum(self) -> int:
        """Both together."""
        return self.x + self.y


class Other(Value):
    """The same fields in another class."""

    x: int
    y: int = 0


class Named(Value, kw_only=True, not_compared=("note",)):
    """By keyword only; one field does not count for equality."""

    name: str
    secret: str = ""
    note: str = ""


class Checked(Value):
    """Changes and checks itself when it is made."""

    text: str
    size: int = -1
    extra: Mapping[str, Any] = MappingProxyType({})

    def __post_init__(self) -> None:
        if not self.text:
            raise ValueError("no text")
        if self.size < 0:
            object.__setattr__(self, "size", len(self.text))


class WithoutFields(Value):
    """A base of others."""


class Heir(WithoutFields):
    """Fields below a base without any."""

    x: int


class Ranked(OrderedValue):
    """Has an order."""

    rank: int
    name: str = ""


def test_ordered_values_are_ordered_by_their_fields_in_turn() -> None:
    """Values of one class can be sorted and compared as dataclasses with an order; those of two cannot."""
    ranked = [Ranked(2), Ranked(1, "b"), Ranked(1, "a")]
    assert sorted(ranked) == [Ranked(1, "a"), Ranked(1, "b"), Ranked(2)]
    assert Ranked(1) < Ranked(2) <= Ranked(2) >= Ranked(1)
    assert Ranked(2) > Ranked(1)
    with pytest.raises(TypeError, match="not supported"):
        _ = Ranked(1) < Point(2)
    with pytest.raises(TypeError, match="not supported"):
        _ = Point(1) < Point(2)  # type: ignore[operator]


class Remembering(Value):
    """Has a cached property."""

    __slots__ = ("__dict__",)

    x: int

    @cached_property
    def made(self) -> list[int]:
        """A new list, once."""
        return [self.x]


def test_a_slot_called_dict_makes_room_for_cached_properties() -> None:
    """What is cached is kept in the value, and is no part of it otherwise."""
    value = Remembering(1)
    assert value.made is value.made
    assert value == Remembering(1)
    assert repr(value) == "Remembering(x=1)"
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.x = 2  # type: ignore[misc]


def test_fields_are_parameters_in_their_order() -> None:
    """Fields are given by position or name, and default as they are written."""
    assert (Point(1, 2).x, Point(1, 2).y) == (1, 2)
    assert Point(y=2, x=1) == Point(1, 2)
    assert Point(1).y == 0
    assert Point(1, 2).sum == 3
    assert Heir(3).x == 3


def test_what_is_no_field_is_a_type_error() -> None:
    """A missing, an unknown and a positional argument where names are due are TypeErrors that name the class."""
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required positional argument: 'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        Point(1, z=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        Named("a")  # type: ignore[call-arg]


def test_values_are_equal_by_class_and_fields() -> None:
    """Equal are those of the same class and fields; what is not compared makes no difference."""
    assert Point(1, 2) == Point(1, 2)
    assert hash(Point(1, 2)) == hash(Point(1, 2))
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Other(1, 2)
    assert Point(1, 2) != (1, 2)
    assert Named(name="a", note="b") == Named(name="a", note="c")
    assert hash(Named(name="a", note="b")) == hash(Named(name="a", note="c"))
    assert Named(name="a", secret="b") != Named(name="a", secret="c")


def test_values_never_change() -> None:
    """Assigning, deleting and adding attributes raises what a frozen dataclass raises, an AttributeError."""
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Point\.x never changes"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"Point\.x never changes"):
        del point.x
    with pytest.raises(AttributeError):
        point.z = 2  # type: ignore[attr-defined]
    assert not hasattr(point, "__dict__")


def test_repr_is_the_call_that_makes_it() -> None:
    """A repr names the class and its fields, in their order."""
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert repr(Named(name="a", secret="b")) == "Named(name='a', secret='b', note='')"
    assert pprint.pformat(Point(1, 2)) == "Point(x=1, y=2)"


def test_post_init_checks_and_completes() -> None:
    """__post_init__ runs last, may complete fields and refuse the whole."""
    assert Checked("abc").size == 3
    assert Checked("abc", 7).size == 7
    with pytest.raises(ValueError, match="no text"):
        Checked("")


@pytest.mark.parametrize("value", [Point(1, 2), Named(name="a", secret="b"), Heir(1)])
def test_values_are_copied_and_pickled(value: Value) -> None:
    """Copies of every kind are equal to their original."""
    assert copy.copy(value) == copy.deepcopy(value) == pickle.loads(pickle.dumps(value)) == value


def test_replace_makes_a_changed_copy() -> None:
    """`replace` is that of dataclasses, and theirs works, too."""
    point = Point(1, 2)
    assert replace(point, y=5) == dataclasses.replace(point, y=5) == Point(1, 5)
    assert point == Point(1, 2)
    assert replace(Checked("abc"), text="abcd").size == 3
    with pytest.raises(TypeError, match="'z'"):
        replace(point, z=1)


def test_dataclasses_take_them_for_their_own() -> None:
    """What a program does to dataclasses it can do to values: fields, asdict, astuple, matching by position."""
    asked: object = Point(1)
    assert dataclasses.is_dataclass(asked)
    assert [(each.name, each.type) for each in dataclasses.fields(Point)] == [("x", "int"), ("y", "int")]
    assert dataclasses.asdict(Named(name="a")) == {"name": "a", "secret": "", "note": ""}
    assert dataclasses.astuple(Point(1, 2)) == (1, 2)
    assert dataclasses.replace(Checked("a"), size=4).size == 4
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_the_signature_can_be_read() -> None:
    """`help` and `inspect.signature` show fields, types and defaults."""
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 0) -> None"
    assert str(inspect.signature(Named)) == "(*, name: 'str', secret: 'str' = '', note: 'str' = '') -> None"
    assert dict(fields_of(Point)) == {"x": "int", "y": "int"}
