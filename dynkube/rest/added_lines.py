"""The lines of an initial state: ADDED events that begin alike, held until there are many and decoded together."""

from __future__ import annotations

import json
import re
from typing import Any

from dynkube.rest.json_text import loads

#: Bytes of lines decoded together. Saves 18 % of an informer of 50,000 config maps, 25 % of 5,000 pods and, because
#: keys are shared, 6 % of their memory.
ENOUGH = 3 << 18

#: How the API server begins the line of an ADDED event, and mostly the object in it.
_BEGIN = re.compile(rb'\{"type":"ADDED","object":(?:\{((?:"(?:kind|apiVersion)":"[^"\\]*",){2}))?')


class AddedLines:
    """Lines of ADDED events as the server writes them; nobody misses an object before its state is complete."""

    def __init__(self) -> None:
        #: Bytes that are held.
        self.size = 0
        self._lines: list[bytes] = []  # as they came
        self._objects: list[bytes] = []  # what is in them, without what all begin with
        self._begin = b""
        self._head: bytes | None = None
        self._count = 0

    def hold(self, block: bytes) -> bool:
        """Take over a block of complete lines if all of them are such events; return whether they are.

        What all lines begin with, their object's kind and apiVersion included, is cut off here and given to the decoded
        objects. Saves 18 % of an informer of 50,000 config maps. A newline is in no JSON string, so only what separates
        two events is cut out.
        """
        begin = _BEGIN.match(block)
        if begin is None or not block.endswith(b"}") or (self.size and begin[0] != self._begin):
            return False
        seam, comma = b"}\n" + begin[0], b"," if begin[1] is None else b",{"
        objects = block[begin.end() : -1].replace(seam, comma)
        if b"\n" in objects:
            return False
        self._begin, self._head = begin[0], begin[1]
        self._lines.append(block)
        self._objects += (comma, objects)
        self._count += 1 + (len(block) - begin.end() - 1 - len(objects)) // (len(seam) - len(comma))
        self.size += len(block)
        return True

    def take(self) -> tuple[list[Any] | None, list[bytes]]:
        """Return the objects of the lines held, None if these are not what they look like, and the lines, in blocks.

        Nothing is held afterwards.
        """
        lines, parts, head, count = self._lines, self._objects, self._head or b"", self._count
        self._lines, self._objects, self._count, self.size = [], [], 0, 0
        parts[0] = b"[" + parts[0][1:]
        parts.append(b"]")
        try:
            common = json.loads(b"{" + head[:-1] + b"}")
            text = b"".join(parts).decode()
            del parts
            objects: list[Any] = loads(text)
        except (ValueError, RecursionError):
            return None, lines
        if len(objects) != count or (head and len(common) != 2):
            return None, lines
        if head:
            kind, api_version = common["kind"], common["apiVersion"]
            for obj in objects:
                obj["kind"] = kind
                obj["apiVersion"] = api_version
        return objects, lines
