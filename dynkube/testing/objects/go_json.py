"""Reading JSON as Go's decoder does: its words for broken text, its eye for duplicate keys.

The text is read by the standard library (fast); only text it refuses is scanned again to say what Go would have said.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

#: What decoders try to read first, printed when a body is no object.
TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'


class DuplicateKeys(dict[str, Any]):
    """An object in which keys came more than once; the last value counts."""

    __slots__ = ("duplicates",)

    duplicates: list[str]


class JSONSyntaxError(ValueError):
    """The text is no JSON; the message is what Go's decoder says."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    doubled = DuplicateKeys(found)
    doubled.duplicates = []
    for key, _ in pairs:
        if key in seen and key not in doubled.duplicates:
            doubled.duplicates.append(key)
        seen.add(key)
    return doubled


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(text)


def loads(text: str) -> Any:
    """Return the value written in ``text``; objects with repeated keys come as `DuplicateKeys`.

    Raises `JSONSyntaxError` worded as Go's; NaN and Infinity are no JSON.
    """
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant)
        return _whole(value) if _SURROGATE.search(text) else value
    except RecursionError:
        raise JSONSyntaxError("exceeded max depth") from None
    except ValueError:
        raise JSONSyntaxError(_Scanner(text).complaint()) from None


#: The escape of one half of a character.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def _whole(value: Any) -> Any:
    """Return a value with halves of characters replaced, as Go's decoder does."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(element) for element in value]
    if isinstance(value, dict):
        changed = type(value)((_whole(key), _whole(inner)) for key, inner in value.items())
        if isinstance(value, DuplicateKeys) and isinstance(changed, DuplicateKeys):
            changed.duplicates = value.duplicates
        return changed
    return value


_SPACE = " \t\r\n"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")


def quote_char(char: str) -> str:
    """Quote one character as Go's error does; what cannot be printed comes as an escape."""
    if char == "'":
        return r"'\''"
    if char == '"':
        return "'\"'"
    if char in "\n\t\r\\":
        return repr(char)
    return f"'{char}'" if char.isprintable() else f"'\\x{ord(char):02x}'"


class _Scanner:
    """Walks the text until something is wrong and remembers how Go names that place."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def complaint(self) -> str:
        try:
            self._value()
            self._space()
            if self.at < len(self.text):
                self._unexpected("after top-level value")
        except JSONSyntaxError as error:
            return str(error)
        except RecursionError:
            return "exceeded max depth"
        return "unexpected end of JSON input"

    def _space(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in _SPACE:
            self.at += 1

    def _unexpected(self, where: str) -> NoReturn:
        if self.at >= len(self.text):
            raise JSONSyntaxError("unexpected end of JSON input")
        raise JSONSyntaxError(f"invalid character {quote_char(self.text[self.at])} {where}")

    def _peek(self) -> str:
        self._space()
        return self.text[self.at] if self.at < len(self.text) else ""

    def _value(self) -> None:
        char = self._peek()
        if char == "{":
            self._members()
        elif char == "[":
            self._elements()
        elif char == '"':
            self._string()
        elif char and (char == "-" or char.isdigit()):
            self._number()
        elif char in {"t", "f", "n"}:
            self._literal({"t": "true", "f": "false", "n": "null"}[char])
        else:
            self._unexpected("looking for beginning of value")

    def _members(self) -> None:
        self.at += 1
        if self._peek() == "}":
            self.at += 1
            return
        while True:
            if self._peek() != '"':
                self._unexpected("looking for beginning of object key string")
            self._string()
            if self._peek() != ":":
                self._unexpected("after object key")
            self.at += 1
            self._value()
            following = self._peek()
            if following == "}":
                self.at += 1
                return
            if following != ",":
                self._unexpected("after object key:value pair")
            self.at += 1

    def _elements(self) -> None:
        self.at += 1
        if self._peek() == "]":
            self.at += 1
            return
        while True:
            self._value()
            following = self._peek()
            if following == "]":
                self.at += 1
                return
            if following != ",":
                self._unexpected("after array element")
            self.at += 1

    def _string(self) -> None:
        self.at += 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return
            if ord(char) < 0x20:
                self._unexpected("in string literal")
            self.at += 1
            if char == "\\":
                self._escape()
        self._unexpected("in string literal")

    def _escape(self) -> None:
        if self.at >= len(self.text) or self.text[self.at] not in 'bfnrt\\/"u':
            self._unexpected("in string escape code")
        unicode = self.text[self.at] == "u"
        self.at += 1
        for _ in range(4 if unicode else 0):
            if self.at >= len(self.text) or self.text[self.at] not in "0123456789abcdefABCDEF":
                self._unexpected("in \\u hexadecimal character escape")
            self.at += 1

    def _number(self) -> None:
        found = _NUMBER.match(self.text, self.at)
        end = found.end() if found else self.at + 1
        self.at = end
        tail = self.text[end : end + 1]
        if found is None:
            self._unexpected("in numeric literal")
        if tail == ".":
            self.at += 1
            self._unexpected("after decimal point in numeric literal")
        if tail in {"e", "E"}:
            self.at += 1
            if self.text[self.at : self.at + 1] in {"+", "-"}:
                self.at += 1
            self._unexpected("in exponent of numeric literal")

    def _literal(self, word: str) -> None:
        self.at += 1
        for expected in word[1:]:
            if self.text[self.at : self.at + 1] != expected:
                self._unexpected(f"in literal {word} (expecting {quote_char(expected)})")
            self.at += 1


def duplicates(value: Any, path: str = "") -> list[str]:
    """Return ``duplicate field "..."`` for every key that came more than once in a value read by `loads`."""
    found: list[str] = []
    if isinstance(value, dict):
        prefix = f"{path}." if path else ""
        if isinstance(value, DuplicateKeys):
            found += [f'duplicate field "{prefix}{key}"' for key in value.duplicates]
        for key, inner in value.items():
            found += duplicates(inner, prefix + key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += duplicates(inner, f"{path}[{index}]")
    return found


def describe(value: Any) -> str:
    """Name a JSON value's type as Go's decoder does."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "number" if isinstance(value, (int, float)) else "string"


def dumps(value: Any) -> str:
    """Print compact JSON as Go does: ``<``, ``>`` and ``&`` escaped, integral floats without a fraction."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
