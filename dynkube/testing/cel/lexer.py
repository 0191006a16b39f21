"""The words of an expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from dynkube.testing.cel.source import Issue

#: Names the grammar keeps for itself.
KEYWORDS: Final = frozenset({"false", "in", "null", "true"})
#: Names nobody may use, so that they can become keywords.
RESERVED: Final = frozenset(
    {"as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop", "package"}
    | {"namespace", "return", "var", "void", "while"}
)
#: The word after the last one.
END: Final = "<EOF>"

_TOKEN = re.compile(
    r"""
    (?P<space>[\t\n\f\r ]+|//[^\n]*)
  | (?P<float>(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?))
  | (?P<uint>(?:0x[0-9a-fA-F]+|\d+)[uU])
  | (?P<int>0x[0-9a-fA-F]+|\d+)
  | (?P<text>(?:[bB][rR]?|[rR])?(?:\"\"\"|'''|"|'))
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<escaped>`[A-Za-z0-9_./\- ]+`)
  | (?P<operator>==|!=|<=|>=|&&|\|\||[<>\[\]{}().,\-!?:+*/%])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A word: its kind (``name``, ``int``, ``uint``, ``float``, ``string``, ``bytes``, or the word), text and place."""

    kind: str
    text: str
    offset: int


def tokens(text: str) -> tuple[list[Token], list[Issue]]:
    """Return the words of ``text``, the last being `END`, and what between them is no word."""
    found: list[Token] = []
    issues: list[Issue] = []
    offset = 0
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            # Half of an operator is noticed at the character after it.
            end = min(offset + (2 if text[offset] in "&|=" else 1), len(text))
            issues.append(_unknown(text, offset, end))
            offset = end
            continue
        kind, word = str(match.lastgroup), match[0]
        if kind == "text":
            end, complete = _text_end(text, offset, word)
            if complete:
                found.append(Token("bytes" if "b" in word.lower() else "string", text[offset:end], offset))
            else:
                issues.append(_unknown(text, offset, end))
            offset = end
            continue
        if kind == "operator" or (kind == "name" and word in KEYWORDS):
            kind = word
        if kind != "space":
            found.append(Token(kind, word, offset))
        offset = match.end()
    found.append(Token(END, END, len(text)))
    return found, issues


def _unknown(text: str, offset: int, end: int) -> Issue:
    return Issue(offset, f"Syntax error: token recognition error at: '{text[offset:end]}'")


def _text_end(text: str, offset: int, opening: str) -> tuple[int, bool]:
    """Return where a literal ends, or where it stops being one."""
    prefix = opening.rstrip("'\"").lower()
    quote = opening[len(prefix) :]
    at = offset + len(opening)
    while not text.startswith(quote, at):
        if at >= len(text) or (len(quote) == 1 and text[at] in "\r\n"):
            return min(at + 1, len(text)), False
        if text[at] != "\\" or "r" in prefix:
            at += 1
            continue
        escape = _ESCAPE.match(text, at)
        if escape is None or (escape[5] is not None and escape[5] not in _SIMPLE):
            return _broken_escape(text, at), False
        at = escape.end()
    return at + len(quote), True


def _broken_escape(text: str, at: int) -> int:
    """Return where an escape goes wrong: after the first character that cannot stand in it."""
    sizes = {"x": 2, "X": 2, "u": 4, "U": 8}
    letter = text[at + 1 : at + 2]
    end = at + 2
    if letter in sizes:
        digits = re.match(r"[0-9a-fA-F]*", text[end : end + sizes[letter]])
        end += len(digits[0]) + 1 if digits is not None else 1
    elif letter and letter in "0123":
        digits = re.match(r"[0-7]*", text[end : end + 2])
        end += len(digits[0]) + 1 if digits is not None else 1
    return min(end, len(text))


_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {c: c for c in "\\?\"'`"}
_ESCAPE = re.compile(r"\\(?:[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)


def unquoted(token: Token) -> str | bytes:
    """Return what a string or bytes literal stands for. Raises ValueError."""
    word = token.text
    prefix = word[: len(word) - len(word.lstrip("bBrR"))].lower()
    word = word[len(prefix) :]
    size = 3 if word[:3] in ('"""', "'''") else 1
    body = word[size:-size].replace("\r\n", "\n").replace("\r", "\n")
    raw = "r" in prefix
    if token.kind == "string":
        return body if raw else _ESCAPE.sub(lambda match: chr(_code(match)) if match[5] is None else _char(match), body)
    if raw:
        return body.encode()
    found, last = b"", 0
    for match in _ESCAPE.finditer(body):
        found += body[last : match.start()].encode()
        byte = match[1] is not None or match[4] is not None
        found += bytes([_code(match)]) if byte else _char(match).encode()
        last = match.end()
    return found + body[last:].encode()


def _code(match: re.Match[str]) -> int:
    if match[4] is not None:
        return int(match[4], 8)
    code = int(match[1] or match[2] or match[3], 16)
    if code > 0x10FFFF or 0xD800 <= code < 0xE000:
        raise ValueError("invalid unicode code point")
    return code


def _char(match: re.Match[str]) -> str:
    if match[5] is None:
        return chr(_code(match))
    if match[5] not in _SIMPLE:
        raise ValueError("unable to unescape string")
    return _SIMPLE[match[5]]
