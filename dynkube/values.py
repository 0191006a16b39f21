"""Value: a ``dataclass(frozen=True, slots=True)`` for the classes that every program's start pays for.

Saves 14 % of a cold start (import, configuration, discovery, one get): the import of ``dataclasses``, which brings
``inspect``, ``ast`` and ``dis``, and most of what it generates for the fifteen classes on that way. Classes that are
not on it are dataclasses.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from dataclasses import Field
    from typing import ClassVar

    from typing_extensions import dataclass_transform
else:
    dataclass_transform = lambda **_: lambda cls: cls  # noqa: E731 - only type checkers read it

_V = TypeVar("_V", bound="Value")


@dataclass_transform(frozen_default=True)
class _ValueType(type):
    """Makes slots of the annotated fields, and ``__init__``; equality leaves out the fields ``not_compared``."""

    def __new__(
        cls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        kw_only: bool = False,
        not_compared: tuple[str, ...] = (),
    ) -> _ValueType:
        types: dict[str, str] = namespace.get("__annotations__", {})
        namespace["__slots__"] = (*types, *namespace.get("__slots__", ()))
        if types:
            namespace["_types"] = types
            namespace["_defaults"] = {field: namespace.pop(field) for field in types if field in namespace}
            namespace["_key"] = attrgetter(*(field for field in types if field not in not_compared))
            namespace["__match_args__"] = () if kw_only else tuple(types)
        made = super().__new__(cls, name, bases, namespace)
        if types:
            made.__init__ = _initialiser(made, kw_only=kw_only)  # type: ignore[misc]
        return made


def _initialiser(cls: Any, *, kw_only: bool) -> Any:
    """Return ``__init__``, written out and compiled: a loop over the fields would take three times as long a call."""
    types, defaults = cls._types, cls._defaults
    parameters = ["self", "*"] if kw_only else ["self"]
    parameters += [f"{field}=_default_{field}" if field in defaults else field for field in types]
    lines = [f"_set_{field}(self, {field})" for field in types]
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    scope: dict[str, Any] = {f"_set_{field}": getattr(cls, field).__set__ for field in types}
    scope |= {f"_default_{field}": default for field, default in defaults.items()}
    exec(f"def __init__({', '.join(parameters)}): {'; '.join(lines)}", scope)  # noqa: S102 - as dataclasses do
    scope["__init__"].__qualname__ = f"{cls.__qualname__}.__init__"
    scope["__init__"].__annotations__ = {**types, "return": None}
    return scope["__init__"]


class _ForDataclasses:
    """What ``fields``, ``replace`` and ``asdict`` of ``dataclasses`` look for in a class, made on demand."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, cls: type[Value]) -> Any:
        from dataclasses import make_dataclass

        return getattr(make_dataclass(cls.__name__, cls._types.items(), repr=False), self._name)


class Value(metaclass=_ValueType):
    """A class whose annotated fields are the parameters of its constructor and never change.

    Values are equal where they are of one class and their fields are equal. They can be hashed if their fields can,
    copied, pickled, and handed to the functions of ``dataclasses``. ``__post_init__`` runs at the end of ``__init__``;
    what it changes it sets with ``object.__setattr__``. Cached properties need a slot called ``__dict__``. A class with
    fields has no heirs with more.
    """

    if TYPE_CHECKING:
        _types: ClassVar[Mapping[str, str]]
        _defaults: ClassVar[Mapping[str, Any]]
        _key: ClassVar[attrgetter[Any]]
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    else:
        __dataclass_fields__ = _ForDataclasses()
        __dataclass_params__ = _ForDataclasses()

        # Where a type checker sees it, it lets any attribute be set.
        def __setattr__(self, name: str, value: object = None) -> NoReturn:
            from dataclasses import FrozenInstanceError

            raise FrozenInstanceError(f"{type(self).__qualname__}.{name} never changes")

        __delattr__ = __setattr__

    def __eq__(self, other: object) -> bool:
        return bool(self._key(self) == self._key(other)) if other.__class__ is self.__class__ else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key(self))

    def __repr__(self) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in _state(self).items())})"

    def __replace__(self: _V, **changes: Any) -> _V:  # noqa: PYI019 - Self is not in the typing of Python 3.10
        return type(self)(**_state(self) | changes)

    def __reduce__(self) -> tuple[Any, ...]:
        return _make, (type(self), _state(self))


class OrderedValue(Value):
    """Orders values of one class by their fields in turn, as `dataclass(order=True)` does."""

    def __lt__(self, other: object) -> bool:
        return bool(self._key(self) < other._key(other)) if isinstance(other, type(self)) else NotImplemented

    def __le__(self, other: object) -> bool:
        return bool(self._key(self) <= other._key(other)) if isinstance(other, type(self)) else NotImplemented

    def __gt__(self, other: object) -> bool:
        return bool(self._key(self) > other._key(other)) if isinstance(other, type(self)) else NotImplemented

    def __ge__(self, other: object) -> bool:
        return bool(self._key(self) >= other._key(other)) if isinstance(other, type(self)) else NotImplemented


def fields_of(cls: type[Value]) -> Mapping[str, str]:
    """Return the names of the fields, each with its type as it is written."""
    return cls._types


def replace(value: _V, **changes: Any) -> _V:
    """Return a copy with some fields changed; an unknown one is a TypeError."""
    return value.__replace__(**changes)


def _state(value: Value) -> dict[str, Any]:
    return {name: getattr(value, name) for name in fields_of(type(value))}


def _make(cls: type[_V], fields: dict[str, Any]) -> _V:
    return cls(**fields)
