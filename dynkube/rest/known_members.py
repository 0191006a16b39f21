"""What an event repeats of its object byte for byte, recognised instead of decoded again.

Most updates of a pod change its status, a label or an annotation, and bring the rest as it was. Whoever keeps the last
state of every object has that rest already, decoded; of its text a digest is enough to know it again.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.objects import JSONObject

#: Characters from which on decoding a member costs more than its digest does. Hashes of 32 bits are no digests.
LARGE = 1024 if sys.hash_info.width >= 64 else sys.maxsize

#: How the API server begins an event, up to the first brace of the object's metadata.
_BEGIN = re.compile(r'\{"type":"([A-Z]+)","object":\{((?:"(?:kind|apiVersion)":"[^"\\]*",){0,2})"metadata":(?=\{)')
_NAME = re.compile(r',"([^"\\]*)":')
_END = "}}"
_HEAD = frozenset({"kind", "apiVersion", "metadata"})
#: Names that JSON has no other way to write in use.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9]*")

_raw_decode = json.JSONDecoder().raw_decode


#: What is remembered of a member: its name, how long the text of its value is, and the digest of that text. Who meets
#: the text again knows what it means and where it ends.
_Member: TypeAlias = tuple[str, int, int]


class KnownMembers:
    """Decodes events by taking large members over from the last state of their object where the text is the same.

    `stored` returns the last state of the object it is given, or None; only the metadata of what it gets are complete.
    It is asked once for an event, whose object shares members with what it returned. Nothing is taken over from a
    state that has another resourceVersion than the one whose text was seen. For one thread.

    The rate of events from the bytes to a handler doubles for 5,000 pods whose labels change, and goes up by half where
    their status does; what is remembered takes a hundredth of the memory of the pods.
    """

    def __init__(self, stored: Callable[[JSONObject], JSONObject | None]) -> None:
        self._stored = stored
        # Who may write objects must not be able to make two of one hash, not even where PYTHONHASHSEED is known.
        # hashlib would let other threads run meanwhile, at the cost of a third of the rate of events.
        self._salt = os.urandom(16).hex()
        self._head: tuple[str, JSONObject] = ("", {})
        #: By uid: the version and the large members of the text that was last seen.
        self._seen: dict[str, tuple[str, list[_Member]]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def forget(self) -> None:
        """Forget everything: the state is taken anew."""
        self._seen.clear()

    def decode(self, line: bytes) -> dict[str, Any] | None:
        """Return the event on a line; None if it is not written as the API server writes, or has nothing large."""
        if len(line) < LARGE:
            return None
        try:
            text = line.decode()
            begin = _BEGIN.match(text)
            if begin is None:
                return None
            obj = self._begun(begin[2])
            metadata, position = _raw_decode(text, begin.end())
            obj["metadata"] = metadata
            position, members = self._take(text, position, obj, *self._last(obj))
        except (ValueError, KeyError, RecursionError):
            return None
        if text[position:] != _END:
            return None
        kind = begin[1]
        self._see(obj, [] if kind == "DELETED" else members)
        return {"type": kind, "object": obj}

    def see(self, blocks: list[bytes], objects: list[Any]) -> None:
        """Remember the large members of ADDED events that were decoded otherwise: blocks of lines, an object to each.

        Where most are small it is left at that: looking for the others would take longer than they do.
        """
        if sum(map(len, blocks)) < LARGE * len(objects):
            return
        lines = (line for block in blocks for line in block.split(b"\n"))
        for line, obj in zip(lines, objects, strict=True):
            # What else such a line may hold, others judge.
            if len(line) >= LARGE and isinstance(obj, dict) and isinstance(obj.get("metadata"), dict):
                self._see(obj, self._found(line.decode(), obj))

    def _begun(self, head: str) -> JSONObject:
        """Return a new object with the members before its metadata, which all objects of a watch have in common."""
        if self._head[0] != head:
            self._head = (head, json.loads("{" + head[:-1] + "}"))
        return dict(self._head[1])

    def _last(self, obj: JSONObject) -> tuple[JSONObject, list[_Member]]:
        """Return the last state of the object and what is known of its text, if that is the text of this very state."""
        uid = obj["metadata"].get("uid")
        version, members = self._seen.get(uid, ("", [])) if isinstance(uid, str) else ("", [])
        if members:
            stored = self._stored(obj)
            if stored is not None and stored["metadata"].get("resourceVersion") == version:
                return stored, members
        return {}, []

    def _take(
        self, text: str, position: int, obj: JSONObject, stored: JSONObject, members: list[_Member]
    ) -> tuple[int, list[_Member]]:
        """Add the members at `position` to the object; return where they end and those that are large.

        Raises ValueError for what is no JSON and for a name that comes twice.
        """
        large: list[_Member] = []
        while (name := _NAME.match(text, position)) is not None:
            key, start = name[1], name.end()
            if key in obj:
                raise ValueError(key)
            for known, length, digest in members:
                if known == key and self._digest(text[start : start + length]) == digest:
                    obj[key] = stored[key]
                    position = start + length
                    large.append((key, length, digest))
                    break
            else:
                obj[key], position = _raw_decode(text, start)
                if position - start >= LARGE:
                    large.append((key, position - start, self._digest(text[start:position])))
        return position, large

    def _see(self, obj: JSONObject, members: list[_Member]) -> None:
        metadata = obj["metadata"]
        uid, version = metadata.get("uid"), metadata.get("resourceVersion")
        if members and isinstance(uid, str) and isinstance(version, str):
            self._seen[uid] = (version, members)
        elif isinstance(uid, str):
            self._seen.pop(uid, None)

    def _found(self, text: str, obj: JSONObject) -> list[_Member]:
        """Return the large members of an object that was decoded from the event `text`, as far as they are found in it.

        A quote inside a string is escaped, so a name in quotes, a colon and a brace are what they look like. Where they
        come once only they are those of the member, for nothing nested has them, and it ends where the next one begins.
        """
        # Most have no space at all, which shows in a fraction of the time: half of this function.
        if _BEGIN.match(text) is None or (" " in text and ('": ' in text or '" :' in text)):
            return []  # spaced otherwise than the API server does: the same name could be there in another form
        found: list[_Member] = []
        end = len(text) - len(_END)
        for name, value in reversed(obj.items()):
            if name in _HEAD:
                continue  # before all others in the text, wherever they are in the object
            begin = f'"{name}":{{'
            at = text.find(begin) if isinstance(value, dict) and _PLAIN.fullmatch(name) else -1
            if at < 0 or text.find(begin, at + 1) >= 0:
                end = -1
                continue
            start = at + len(begin) - 1
            if end - start >= LARGE:
                found.append((name, end - start, self._digest(text[start:end])))
            end = at - 1
        return found

    def _digest(self, text: str) -> int:
        return hash(self._salt + text)
