"""Optionals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.values import NONE, Duration, ListValue, MapValue, Optional, Timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator


def overloads() -> Iterator[Overload]:
    """Yield the functions of optionals; the macros on them and ``orValue`` are the evaluator's."""
    yield plain("optional.of", "V", "optional(V)", Optional)
    yield plain(
        "optional.ofNonZeroValue", "V", "optional(V)", lambda value: NONE if _is_zero(value) else Optional(value)
    )
    yield plain("optional.none", "", "optional(V)", lambda: NONE)
    yield plain("optional.unwrap", "list(optional(V))", "list(V)", _unwrap)
    yield member("unwrapOpt", "list(optional(V))", "list(V)", _unwrap)
    yield member("value", "optional(V)", "V", lambda optional: optional.value)
    yield member("hasValue", "optional(V)", "bool", lambda optional: optional.present)
    # The checker knows these; the evaluator never calls them, as not all of their arguments are computed.
    yield member("or", "optional(V), optional(V)", "optional(V)", lambda one, other: one if one.present else other)
    yield member("orValue", "optional(V), V", "V", lambda one, other: one.value if one.present else other)
    yield member("first", "list(V)", "optional(V)", lambda found: Optional(found.get(0)) if len(found) else NONE)
    yield member("last", "list(V)", "optional(V)", _last)


def _is_zero(value: Any) -> bool:
    if isinstance(value, (ListValue, MapValue)):
        return len(value) == 0
    if isinstance(value, Optional):
        return not value.present
    if isinstance(value, Duration):
        return value.nanoseconds == 0
    return not isinstance(value, Timestamp) and not value


def _unwrap(found: ListValue) -> ListValue:
    return ListValue([one.value for one in found.elements() if one.present])


def _last(found: ListValue) -> Optional:
    return Optional(found.get(len(found) - 1)) if len(found) else NONE
