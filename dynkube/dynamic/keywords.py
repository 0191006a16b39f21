"""A misspelt option is a TypeError that names the nearest one, in every version of Python (3.13 does so by itself)."""

from __future__ import annotations

import functools
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_C = TypeVar("_C", bound=type)


def names_nearest_option(cls: _C) -> _C:
    """Class decorator: an unknown keyword of a public method is refused with the nearest known one in the message.

    It adds one set comparison to a call.
    """
    for name, function in list(vars(cls).items()):
        if name.startswith("_") or not isinstance(function, FunctionType):
            continue
        if function.__code__.co_kwonlyargcount:
            setattr(cls, name, _guarded(function))
    return cls


def _guarded(function: FunctionType) -> Callable[..., Any]:
    # The code object knows its parameters: nothing else needs `inspect`, which is slow to import.
    code = function.__code__
    known = frozenset(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])

    @functools.wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        if not known.issuperset(options):
            unknown = next(each for each in options if each not in known)
            where = f"{type(args[0]).__name__}.{function.__name__}()" if args else f"{function.__name__}()"
            raise TypeError(f"{where} got an unexpected keyword argument {unknown!r}{_hint(unknown, known)}")
        return function(*args, **options)

    return call


def _hint(unknown: str, known: frozenset[str]) -> str:
    import difflib  # for an error only: not worth loading otherwise

    nearest = difflib.get_close_matches(unknown, known, n=1, cutoff=0.5)
    return f". Did you mean {nearest[0]!r}?" if nearest else f"; the options are {', '.join(sorted(known))}"
