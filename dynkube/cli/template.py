"""kubectl's JSONPath templates (`-o jsonpath=`): text with paths in braces, quoted text, and `{range}` … `{end}`.

The paths themselves are `dynkube.watch.JSONPath`. As in kubectl, text outside of braces is printed as it stands, a
path that leads nowhere prints nothing, and the values of one path are separated by blanks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dynkube.errors import InvalidRequestError
from dynkube.watch import JSONPath
from dynkube.watch.json_path import printed

if TYPE_CHECKING:
    from collections.abc import Sequence

#: One part of a template: what it prints of an object.
Part: TypeAlias = Callable[[Any], str]

#: What a part prints of an object, as values.
Find: TypeAlias = Callable[[Any], list[Any]]

#: What stands between braces; a brace inside quotes closes nothing.
_ACTION = re.compile(r"""\{((?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"'{}])*)\}""", re.DOTALL)
_QUOTED = re.compile(r"""(["'])((?:\\.|(?!\1)[^\\])*)\1""", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}


class Template:
    """A parsed template; `render` prints an object through it."""

    def __init__(self, text: str, parts: Sequence[Part]) -> None:
        self.text = text
        self._parts = parts

    @classmethod
    def parse(cls, text: str, *, as_json: bool = False) -> Template:
        """Return the template `text` means; raises InvalidRequestError saying what in it cannot be understood.

        `as_json`: each of its parts prints an array of JSON, with a line for each value.
        """
        show = _arrayed if as_json else _spaced
        levels: list[tuple[JSONPath | None, list[Part]]] = [(None, [])]
        for piece, is_action in _tokens(text):
            parts = levels[-1][1]
            if not is_action:
                parts.append(_values(_constant(piece), show))
            elif piece == "end":
                path, inner = levels.pop()
                if path is None:
                    raise InvalidRequestError(f"JSONPath template {text!r}: {{end}} without a {{range}} before it")
                levels[-1][1].append(_range(path, inner))
            elif piece == "range" or piece.startswith("range "):
                levels.append((JSONPath.parse(piece.removeprefix("range")), []))
            elif (quoted := _QUOTED.fullmatch(piece)) is not None:
                parts.append(_values(_constant(_unescaped(quoted[2], text)), show))
            elif piece in {"", "$", "@"}:
                parts.append(_values(_itself, show))
            else:
                parts.append(_values(JSONPath.parse(piece).find, show))
        if len(levels) > 1:
            raise InvalidRequestError(f"JSONPath template {text!r}: {{range}} without an {{end}}")
        return cls(text, levels[0][1])

    def render(self, obj: Any) -> str:
        """Return what the template prints of `obj`."""
        return "".join(part(obj) for part in self._parts)


def _tokens(text: str) -> list[tuple[str, bool]]:
    """Return the pieces of `text`, each with whether it stood in braces."""
    tokens: list[tuple[str, bool]] = []
    position = 0
    while position < len(text):
        opening = text.find("{", position)
        if opening < 0:
            tokens.append((text[position:], False))
            break
        if opening > position:
            tokens.append((text[position:opening], False))
        action = _ACTION.match(text, opening)
        if action is None:
            raise InvalidRequestError(f"JSONPath template {text!r}: the brace at {text[opening:]!r} is not closed")
        tokens.append((action[1].strip(), True))
        position = action.end()
    return tokens


def _unescaped(quoted: str, text: str) -> str:
    def one(match: re.Match[str]) -> str:
        if match[1] not in _ESCAPED:
            raise InvalidRequestError(f"JSONPath template {text!r}: {match[0]!r} stands for no character")
        return _ESCAPED[match[1]]

    return _ESCAPE.sub(one, quoted)


def _constant(text: str) -> Find:
    return lambda _: [text]


def _itself(obj: Any) -> list[Any]:
    return [obj]


def _values(find: Find, show: Callable[[list[Any]], str]) -> Part:
    return lambda obj: show(find(obj))


def _spaced(values: list[Any]) -> str:
    return " ".join(map(printed, values))


def _arrayed(values: list[Any]) -> str:
    return json.dumps(values, indent=4, sort_keys=True, ensure_ascii=False) + "\n"


def _range(path: JSONPath, parts: Sequence[Part]) -> Part:
    return lambda obj: "".join(part(value) for value in path.find(obj) for part in parts)
