"""Texts: the standard functions, cel-go's string extension (version 2) and Kubernetes' ``find``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.cel import patterns
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.library.text_format import formatted
from dynkube.testing.cel.values import EvaluationError, ListValue

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What Go's ``strings.TrimSpace`` removes.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_QUOTED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_QUOTED |= {"\\": "\\\\", '"': '\\"'}
_LOWER = {ord(upper): upper.lower() for upper in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
_UPPER = {ord(lower): lower.upper() for lower in "abcdefghijklmnopqrstuvwxyz"}


def overloads() -> Iterator[Overload]:
    """Yield the functions of texts."""
    yield member("contains", "string, string", "bool", lambda text, part: part in text)
    yield member("endsWith", "string, string", "bool", str.endswith)
    yield member("startsWith", "string, string", "bool", str.startswith)
    yield plain("matches", "string, string", "bool", _matches)
    yield member("matches", "string, string", "bool", _matches)
    yield member("find", "string, string", "string", _find)
    yield member("findAll", "string, string", "list(string)", _find_all)
    yield member("findAll", "string, string, int", "list(string)", _find_all)
    yield member("charAt", "string, int", "string", _char_at)
    yield member("indexOf", "string, string", "int", _index_of)
    yield member("indexOf", "string, string, int", "int", _index_of)
    yield member("lastIndexOf", "string, string", "int", _last_index_of)
    yield member("lastIndexOf", "string, string, int", "int", _last_index_of_before)
    yield member("lowerAscii", "string", "string", lambda text: text.translate(_LOWER))
    yield member("upperAscii", "string", "string", lambda text: text.translate(_UPPER))
    yield member("replace", "string, string, string", "string", str.replace)
    yield member("replace", "string, string, string, int", "string", str.replace)
    yield member("split", "string, string", "list(string)", _split)
    yield member("split", "string, string, int", "list(string)", _split)
    yield member("substring", "string, int", "string", _substring)
    yield member("substring", "string, int, int", "string", _substring)
    yield member("trim", "string", "string", lambda text: text.strip(_SPACE))
    yield member("format", "string, list(dyn)", "string", formatted)
    yield plain("strings.quote", "string", "string", _quote)
    yield member("join", "list(string)", "string", _join)
    yield member("join", "list(string), string", "string", _join)


def _matches(text: str, pattern: str) -> bool:
    return patterns.compiled(pattern).search(text) is not None


def _find(text: str, pattern: str) -> str:
    match = patterns.compiled(pattern).search(text)
    return match[0] if match is not None else ""


def _find_all(text: str, pattern: str, count: int = -1) -> ListValue:
    found = [match[0] for match in patterns.compiled(pattern).finditer(text)]
    return ListValue(found if count < 0 else found[:count])


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def _out_of_range(index: int) -> EvaluationError:
    return EvaluationError(f"index out of range: {index}")


def _index_of(text: str, part: str, offset: int = 0) -> int:
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return text.find(part, offset)


def _last_index_of(text: str, part: str) -> int:
    return text.rfind(part)


def _last_index_of_before(text: str, part: str, offset: int) -> int:
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return -1 if offset >= len(text) else text.rfind(part, 0, offset + len(part))


def _split(text: str, separator: str, count: int = -1) -> ListValue:
    if count == 0:
        return ListValue([])
    if separator:
        return ListValue(text.split(separator, count - 1 if count > 0 else -1))
    chars = list(text)
    if 0 < count < len(chars):
        chars = [*chars[: count - 1], "".join(chars[count - 1 :])]
    return ListValue(chars)


def _substring(text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if end is not None and start > stop:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {stop}")
    for index in (start, stop):
        if not 0 <= index <= len(text):
            raise _out_of_range(index)
    return text[start:stop]


def _quote(text: str) -> str:
    return f'"{"".join(_QUOTED.get(char, char) for char in text)}"'


def _join(parts: ListValue, separator: str = "") -> str:
    found: list[Any] = list(parts.elements())
    for part in found:
        if not isinstance(part, str):
            raise EvaluationError(f"join: invalid input: {part}")
    return separator.join(found)
