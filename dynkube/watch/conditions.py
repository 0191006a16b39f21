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
    """A condition that can say what it is, and what an object has instead; made by the functions of this module."""

    __slots__ = ("_holds", "_instead", "_text")

    def __init__(self, text: str, holds: Condition, instead: Callable[[JSONObject], str] | None = None) -> None:
        self._text = text
        self._holds = holds
        self._instead = instead

    def __call__(self, obj: JSONObject | None) -> bool:
        """Tell whether it holds for this object, None standing for no object."""
        return self._holds(obj)

    def instead(self, obj: JSONObject) -> str:
        """Return what this object, for which it does not hold, has instead, for people; "" if that cannot be said."""
        return "" if self._instead is None else self._instead(obj)

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


def deleted(of: str | JSONObject | None = None) -> NamedCondition:
    """Return the condition that the object is gone.

    With `of`, a uid or what `delete` answered, it also holds when another object of the same name is there, as
    soon as a StatefulSet has made its pod again. A wait without it notices that too, from the first object it sees on:
    it evaluates its conditions with None in between. Raises `InvalidRequestError` for an answer that has no uid.
    """
    if of is None:
        return NamedCondition("deleted", lambda obj: obj is None, _deletion)
    uid = of if isinstance(of, str) else _uid_of(of)
    return NamedCondition(
        f"deleted (uid {uid})", lambda obj: obj is None or obj["metadata"].get("uid") != uid, _deletion
    )


def condition(kind: str, status: str = "True") -> NamedCondition:
    """Return the condition that `status.conditions` has one of this type with this status, letter case aside.

    A condition observed at an older generation than the object's is not up to date and does not count (kubectl
    `wait`: `observedGeneration` of the condition, else of the status).
    """

    def holds(obj: JSONObject | None) -> bool:
        found = None if obj is None else _find_condition(obj, kind)
        if obj is None or found is None or _outdated(obj, found) is not None:
            return False
        return str(found.get("status", "")).lower() == status.lower()

    def instead(obj: JSONObject) -> str:
        found = _find_condition(obj, kind)
        if found is None:
            others = ", ".join(str(one["type"]) for one in _conditions(obj) if one.get("type"))
            return f"it has no condition {kind}" + (f", only {others}" if others else "")
        why = ": ".join(str(found[key]) for key in ("reason", "message") if found.get(key))
        text = f"{found['type']} is {found.get('status')}" + (f" ({why})" if why else "")
        outdated = _outdated(obj, found)
        return text if outdated is None else f"{text}, but of generation {outdated[0]}, and this is {outdated[1]}"

    return NamedCondition(f"condition {kind}={status}", holds, instead)


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

    def instead(obj: JSONObject) -> str:
        found = parsed.find(obj)
        if all(one is None for one in found):
            return "there is nothing"
        if value is None:
            return "it is empty"
        if len(found) > 1:
            return f"it leads to {len(found)} values, and only one can be compared"
        if isinstance(found[0], dict | list):
            return f"it leads to an {'object' if isinstance(found[0], dict) else 'array'}, which equals no value"
        if obj.get("kind") == "Secret":
            return "it is something else"
        return f"it is {printed(found[0])[:200]}"

    return NamedCondition(f"jsonpath {path}" + ("" if value is None else f"={printed(value)}"), holds, instead)


def all_of(*conditions: Condition) -> NamedCondition:
    """Return the condition that all of these hold at the same moment."""
    text = " and ".join(_bracketed(one) for one in _some(conditions))
    return NamedCondition(text, lambda obj: all(one(obj) for one in conditions), _instead_of_any(conditions))


def any_of(*conditions: Condition) -> NamedCondition:
    """Return the condition that at least one of these holds."""
    text = " or ".join(_bracketed(one) for one in _some(conditions))
    return NamedCondition(text, lambda obj: any(one(obj) for one in conditions), _instead_of_any(conditions))


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
        path, value = split_jsonpath(rest)
        return jsonpath(path, value)
    raise InvalidRequestError(
        f"{text!r} is nothing to wait for: use create, delete, condition=NAME[=VALUE] or jsonpath=PATH[=VALUE]"
    )


def split_jsonpath(text: str) -> tuple[str, str | None]:
    """Split what follows `jsonpath=` into path and value, at the first `=` not inside braces, brackets or quotes."""
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


def _conditions(obj: JSONObject) -> list[JSONObject]:
    status = obj.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return [one for one in conditions if isinstance(one, dict)] if isinstance(conditions, list) else []


def _find_condition(obj: JSONObject, kind: str) -> JSONObject | None:
    return next((one for one in _conditions(obj) if str(one.get("type", "")).lower() == kind.lower()), None)


def _outdated(obj: JSONObject, found: JSONObject) -> tuple[int, int] | None:
    """Return the generation a condition was observed at and the object's, if that is a later one."""
    generation = obj["metadata"].get("generation")
    observed = found.get("observedGeneration", obj["status"].get("observedGeneration"))
    if isinstance(generation, int) and isinstance(observed, int) and observed < generation:
        return observed, generation
    return None


def _uid_of(answer: JSONObject) -> str:
    """Return the uid in the answer to a delete: the object, as long as it is on its way, or a Status about it."""
    holder = (answer.get("details") if answer.get("kind") == "Status" else answer.get("metadata")) or {}
    if not holder.get("uid"):
        raise InvalidRequestError("the answer says nothing of the uid of what was deleted")
    return str(holder["uid"])


def _deletion(obj: JSONObject) -> str:
    metadata = obj["metadata"]
    if not metadata.get("deletionTimestamp"):
        return "nobody has deleted it"
    held = ", ".join(metadata.get("finalizers") or ())
    return f"it is being deleted, and held by the finalizers {held}" if held else "it is being deleted"


def _instead_of_any(conditions: tuple[Condition, ...]) -> Callable[[JSONObject], str]:
    def instead(obj: JSONObject) -> str:
        missing = [one for one in conditions if isinstance(one, NamedCondition) and not one(obj)]
        return "; ".join(text for text in (one.instead(obj) for one in missing) if text)

    return instead


def _some(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    if not conditions:
        raise InvalidRequestError("at least one condition is needed")
    return conditions


def _bracketed(one: Condition) -> str:
    text = describe(one)
    return f"({text})" if " and " in text or " or " in text else text
