"""Go's regular expressions (RE2), rewritten for Python's ``re`` and judged in Go's words."""

from __future__ import annotations

import functools
import re
import sys
import unicodedata

#: POSIX classes, spelt out for Python.
_CLASSES = {
    "[:alpha:]": "a-zA-Z",
    "[:digit:]": "0-9",
    "[:alnum:]": "a-zA-Z0-9",
    "[:upper:]": "A-Z",
    "[:lower:]": "a-z",
    "[:punct:]": r"!-/:-@\[-`{-~",
    "[:space:]": r"\s",
    "[:word:]": r"\w",
    "[:xdigit:]": "0-9A-Fa-f",
}
#: Classes of Unicode, by category: ``\pL``, ``\p{Lu}``, ``\P{L}``, ``\p{^L}``.
_CATEGORY = re.compile(r"\\([pP])(?:([A-Z])|\{(\^?)([A-Z][a-z]?)\})")
#: Escapes that cannot be said in Python: scripts (``\p{Greek}``), and single bytes.
_GO_ONLY = re.compile(r"\\(?:[pP]\{\^?[A-Z]\w\w+\}|C)")
_FLAGS = re.compile(r"\(\?([a-z]*)(?:-([a-z]+))?\)")
_CLASS = re.compile(r"\[\^?\]?(?:\[:\^?\w+:\]|\\.|[^\]\\])*\]", re.DOTALL)
_QUOTED = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
#: Groups that Go does not have, and escapes it does not know.
_FOREIGN_GROUP = re.compile(r"\(\?(?:<?[=!]|>|\()")
_FOREIGN_ESCAPE = re.compile(r"\\[1-9GKRXZehky]")
#: How Python says what is wrong, how Go does, and which part of the pattern Go shows: the rest, one sign, or all.
_WORDS = (
    ("unterminated character set", "missing closing ]", "rest"),
    ("missing ), unterminated subpattern", "missing closing )", "all"),
    ("unbalanced parenthesis", "unexpected )", "all"),
    ("nothing to repeat", "missing argument to repetition operator", "sign"),
    ("multiple repeat", "invalid nested repetition operator", "two"),
    ("bad escape (end of pattern)", "trailing backslash at end of expression", ""),
    ("bad escape", "invalid escape sequence", "two after"),
    ("bad character range", "invalid character class range", "range"),
)


def _go_error(what: str, part: str) -> re.error:
    return re.error(f"error parsing regexp: {what}: `{part}`")


@functools.cache
def _category(name: str, *, negated: bool) -> str:
    """Return the inside of a character class with the signs of a category of Unicode, or all others."""
    ranges: list[list[int]] = []
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith(name) is negated:
            continue
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


def _categories(text: str, *, inside: bool) -> str:
    """Return a part of a pattern with its classes of Unicode spelt out."""

    def spelt_out(match: re.Match[str]) -> str:
        negated = (match[1] == "P") is not bool(match[3])
        signs = _category(match[2] or match[4], negated=negated)
        return signs if inside else f"[{signs}]"

    return _CATEGORY.sub(spelt_out, text)


def python_pattern(pattern: str) -> str:
    """Return a pattern in Python's dialect. Raises re.error for what Go does not have.

    ``$`` stands for the very end, and flags in the middle hold up to the end of the group they stand in.
    """
    found = ""
    #: For every open group, the scoped flags opened in it.
    open_flags: list[list[str]] = [[]]
    multiline = False
    at = 0
    while at < len(pattern):
        flags, held, quoted = _FLAGS.match(pattern, at), _CLASS.match(pattern, at), _QUOTED.match(pattern, at)
        category = _CATEGORY.match(pattern, at)
        if quoted is not None:
            found, at = found + re.escape(quoted[1]), quoted.end()
        elif category is not None:
            found, at = found + _categories(category[0], inside=False), category.end()
        elif pattern[at] == "\\":
            if _FOREIGN_ESCAPE.match(pattern, at):
                raise _go_error("invalid escape sequence", pattern[at : at + 2])
            found, at = found + (r"\Z" if pattern.startswith(r"\z", at) else pattern[at : at + 2]), at + 2
        elif held is not None:
            found, at = found + _spelt_out(held[0]), held.end()
        elif flags is not None:
            multiline = multiline or "m" in flags[1]
            opened = f"(?{flags[1]}{'-' + flags[2] if flags[2] else ''}:"
            open_flags[-1].append(opened)
            found, at = found + opened, flags.end()
        else:
            found, at = _sign(pattern, at, found, open_flags, multiline=multiline)
    return found + ")" * len(open_flags[0])


def _spelt_out(held: str) -> str:
    for name, members in _CLASSES.items():
        held = held.replace(name, members)
    return _categories(held, inside=True)


def _sign(pattern: str, at: int, found: str, open_flags: list[list[str]], *, multiline: bool) -> tuple[str, int]:
    """Add one sign to what is found; return both with the place after it."""
    sign = pattern[at]
    foreign = _FOREIGN_GROUP.match(pattern, at)
    if foreign is not None:
        raise _go_error("invalid or unsupported Perl syntax", foreign[0])
    if sign == "(":
        open_flags.append([])
        if pattern.startswith("(?<", at):
            return f"{found}(?P<", at + 3
    elif sign == ")":
        closing = ")" * len(open_flags.pop()) if len(open_flags) > 1 else ""
        return f"{found}{closing})", at + 1
    elif sign == "|" and open_flags[-1]:
        # The flags hold in the next branch, too.
        return f"{found}{')' * len(open_flags[-1])}|{''.join(open_flags[-1])}", at + 1
    elif sign == "$" and not multiline:
        return rf"{found}\Z", at + 1
    return found + sign, at + 1


@functools.lru_cache(maxsize=512)
def compiled(pattern: str) -> re.Pattern[str]:
    """Return a pattern ready to search. Raises re.error, worded as Go does."""
    try:
        return re.compile(python_pattern(pattern), re.ASCII)
    except re.error as error:
        if error.msg.startswith("error parsing"):
            raise
        raise re.error(_worded(error, pattern)) from None
    except (RecursionError, OverflowError):
        raise _go_error("expression nests too deeply", pattern) from None


def _worded(error: re.error, pattern: str) -> str:
    at = error.pos or 0
    parts = {"rest": pattern[at:], "all": pattern, "sign": pattern[at : at + 1], "two": pattern[at - 1 : at + 1]}
    parts |= {"range": error.msg.removeprefix("bad character range "), "": "", "two after": pattern[at : at + 2]}
    for python, go, part in _WORDS:
        if error.msg.startswith(python):
            return f"error parsing regexp: {go}: `{parts[part]}`"
    return f"error parsing regexp: {error.msg}: `{pattern}`"


def problem(pattern: str) -> str:
    """Return why a pattern is no regular expression; "" when it is one, or is Go's own and cannot be judged here."""
    if _GO_ONLY.search(pattern):
        return ""
    try:
        compiled(pattern)
    except re.error as error:
        return str(error)
    return ""


def matches(pattern: str, text: str) -> bool:
    """Whether a Go regular expression is found in ``text``; one Python cannot read matches everything."""
    try:
        return compiled(pattern).search(text) is not None
    except re.error:
        return True
