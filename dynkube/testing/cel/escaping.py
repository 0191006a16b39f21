"""Property names as identifiers: ``x-prop`` is ``x__dash__prop`` in a rule (apiserver ``cel/escaping.go``)."""

from __future__ import annotations

import re

from dynkube.testing.cel.lexer import KEYWORDS, RESERVED

_WORDS = {"__": "underscores", ".": "dot", "-": "dash", "/": "slash"}
_SIGNS = {word: sign for sign, word in _WORDS.items()}
_SPECIAL = re.compile(r"__|[-./]")
_ESCAPED = re.compile(r"__([^_]+)__")


def escape(name: str) -> str | None:
    """Return the identifier of a property; None when no identifier can stand for it."""
    if not name or "0" <= name[0] <= "9" or re.search(r"[^a-zA-Z0-9_./-]", name):
        return None
    if name in KEYWORDS or name in RESERVED:
        return f"__{name}__"
    return _SPECIAL.sub(lambda match: f"__{_WORDS[match[0]]}__", name)


def unescape(identifier: str) -> str | None:
    """Return the property an identifier stands for; None when it stands for none."""
    wrong = False

    def restore(match: re.Match[str]) -> str:
        nonlocal wrong
        word = match[1]
        if word in _SIGNS:
            return _SIGNS[word]
        wrong = wrong or word not in KEYWORDS | RESERVED or match[0] != identifier
        return word

    found = _ESCAPED.sub(restore, identifier)
    return None if wrong else found
