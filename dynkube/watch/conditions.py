"""Conditions to wait for: functions of an object, None where there is none, that combine with and, or and not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from dynkube.errors import InvalidRequestError
from dynkube.watch.json_path import JSONPath, printed

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject

#: Tells whether an object (None: there is none) is as wished. Any callable will do.
Condition: TypeAlias = "Callable[[JSONObject | None], bool]"


class NamedCondition:
    """A condition that can say what it is; made by the functions of this module."""

    __slots__ = ("_holds", "_text")

    def __init__(self, text: str, holds: Condition) -> None:
        self._text = text
        self._holds = holds

    def __call__(self, obj: JSONObject | None) -> bool:
        """Tell whether it holds for this object, None standing for no object."""
        return self._holds(obj)

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<condition {self._text}>"

    def __and__(self, other: Condition) -> NamedCondition:
        return all_of(self, other)

    def __or__(self, other: Condition) -> NamedCondition:
        return any_of(self, other)

    def __invert__(self) -> NamedCondition:
        return not_(self)


def describe(wished: Condition) -> str:
    """Return what a condition says of itself: its text, or the name of a plain function."""
    if isinstance(wished, NamedCondition):
        return str(wished)
    return str(getattr(wished, "__name__", None) or repr(wished))


def created() -> NamedCondition:
    """Return the condition that the object exists."""
    return NamedCondition("created", lambda obj: obj is not None)


def deleted(uid: str | None = None) -> NamedCondition:
    """Return the condition that the object is gone.

    With a `uid` it also holds when another object of the same name is there. A wait without one notices
    that too, from the first object it sees on: it evaluates its conditions with None in between.
    """
    if uid is None:
        return NamedCondition("deleted", lambda obj: obj is None)
    return NamedCondition(f"deleted (uid {uid})", lambda obj: obj is None or obj["metadata"].get("uid") != uid)


def condition(kind: str, status: str = "True") -> NamedCondition:
    """Return the condition that `status.conditions` has one of this type with this status, letter case aside.

    A condition observed at an older generation than the object's is not up to date and does not count (kubectl
    `wait`: `observedGeneration` of the condition, else of the status).
    """

    def holds(obj: JSONObject | None) -> bool:
        found = _find_condition(obj, kind)
        return found is not None and str(found.get("status", "")).lower() == status.lower()

    return NamedCondition(f"condition {kind}={status}", holds)


def jsonpath(path: str, value: Any = None) -> NamedCondition:
    """Return the condition that the path leads to this value, or to any value if none is given.

    Values are compared as kubectl prints them, so 3 and "3" are the same. A path that leads to several values, to an
    array or to an object has no single value and is not equal to anything. Raises `InvalidRequestError` for a
    path that cannot be parsed.
    """
    parsed = JSONPath.parse(path)

    def holds(obj: JSONObject | None) -> bool:
        found = [] if obj is None else parsed.find(obj)
        if value is None:
            return any(one is not None and one not in ("", [], {}) for one in found)
        return len(found) == 1 and not isinstance(found[0], dict | list) and printed(found[0]) == printed(value)

    return NamedCondition(f"jsonpath {path}" + ("" if value is None else f"={printed(value)}"), holds)


def all_of(*conditions: Condition) -> NamedCondition:
    """Return the condition that all of these hold at the same moment."""
    text = " and ".join(_bracketed(one) for one in _some(conditions))
    return NamedCondition(text, lambda obj: all(one(obj) for one in conditions))


def any_of(*conditions: Condition) -> NamedCondition:
    """Return the condition that at least one of these holds."""
    text = " or ".join(_bracketed(one) for one in _some(conditions))
    return NamedCondition(text, lambda obj: any(one(obj) for one in conditions))


def not_(wished: Condition) -> NamedCondition:
    """Return the condition that this one does not hold."""
    return NamedCondition(f"not {_bracketed(wished)}", lambda obj: not wished(obj))


def parse_condition(text: str) -> NamedCondition:
    """Return the condition of kubectl's `--for`: `create`, `delete`, `condition=NAME[=VALUE]`, `jsonpath=PATH[=VALUE]`.

    Raises `InvalidRequestError` for anything else.
    """
    kind, _, rest = text.partition("=")
    if kind in {"create", "delete"} and not rest:
        return created() if kind == "create" else deleted()
    if kind == "condition" and rest:
        name, _, status = rest.partition("=")
        return condition(name, status or "True")
    if kind == "jsonpath" and rest:
        path, value = _split_jsonpath(rest)
        return jsonpath(path, value)
    raise InvalidRequestError(
        f"{text!r} is nothing to wait for: use create, delete, condition=NAME[=VALUE] or jsonpath=PATH[=VALUE]"
    )


def _split_jsonpath(text: str) -> tuple[str, str | None]:
    """Split path and value at the first `=` that is not inside braces, brackets or quotes."""
    depth = 0
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif depth and character in "'\"":
            quote = character
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        elif character == "=" and depth == 0:
            value = text[position + 1 :]
            if not value:
                raise InvalidRequestError(f"jsonpath={text}: there is no value after the last '='")
            return text[:position].strip("'\""), value.strip("'\"")
    return text.strip("'\""), None


def _find_condition(obj: JSONObject | None, kind: str) -> JSONObject | None:
    if obj is None:
        return None
    status = obj.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    if not isinstance(status, dict) or not isinstance(conditions, list):
        return None
    for one in conditions:
        if isinstance(one, dict) and str(one.get("type", "")).lower() == kind.lower():
            generation = obj["metadata"].get("generation")
            observed = one.get("observedGeneration", status.get("observedGeneration"))
            outdated = isinstance(generation, int) and isinstance(observed, int) and observed < generation
            return None if outdated else one
    return None


def _some(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if not conditions:
        raise InvalidRequestError("at least one condition is needed")
    return conditions


def _bracketed(one: Condition) -> str:
    text = describe(one)
    return f"({text})" if " and " in text or " or " in text else text
