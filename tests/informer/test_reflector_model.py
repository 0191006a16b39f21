"""A reflector against a server that does all that servers may do, in any order: in the end it knows what is there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from watch.fakes import (
    Source,
    Stream,
    bookmark,
    broken,
    event,
    expired,
    failure,
    page,
    rate,
    refused,
    silent,
    thing,
    too_large,
)

from informer.reflecting import Run

#: What a request may be refused with, or a stream be ended by.
FAILURES = [
    failure(403, "Forbidden"),
    failure(422, "Invalid"),
    failure(429, "TooManyRequests", retry_after=2),
    failure(500, "InternalError"),
    failure(500, "StorageReadError"),
    failure(503, "ServiceUnavailable", retry_after=5),
    failure(504, "Timeout"),
    expired(),
    too_large(),
    refused(),
    broken(),
    silent(),
]


@dataclass(frozen=True)
class _Turn:
    """What happens around one request: writes before it, and what becomes of it."""

    writes: list[tuple[str, bool]] = field(default_factory=list)
    compact: bool = False
    refusal: Exception | None = None
    cut_after: int = 1000
    lasts: float = 300.0
    end: Exception | None = None


TURNS = st.builds(
    _Turn,
    writes=st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=4),
    compact=st.booleans(),
    refusal=st.none() | st.sampled_from(FAILURES),
    cut_after=st.integers(0, 6),
    lasts=st.sampled_from([0.0, 0.4, 2.0, 90.0, 300.0]),
    end=st.none() | st.sampled_from(FAILURES),
)


class _Server:
    """Objects, their history as far as it was not compacted, and one turn for each request."""

    def __init__(self, turns: list[_Turn], *, knows_streaming: str, page_size: int) -> None:
        self.turns = list(turns)
        self.knows_streaming = knows_streaming
        self.page_size = page_size
        self.version = 1
        self.compacted = 0
        self.objects: dict[str, int] = {}
        self.history: list[tuple[int, str, str]] = []
        self.pages: dict[str, tuple[int, list[str]]] = {}

    def write(self, name: str, present: bool) -> None:
        """Create or change an object, or delete it."""
        if not present and name not in self.objects:
            return
        self.version += 1
        kind = "DELETED" if not present else "MODIFIED" if name in self.objects else "ADDED"
        if present:
            self.objects[name] = self.version
        else:
            del self.objects[name]
        self.history.append((self.version, kind, name))

    def answer(self, source: Source) -> Any:
        """Answer the last request of a source."""
        turn = self.turns.pop(0) if self.turns else _Turn()
        for name, present in turn.writes:
            self.write(name, present)
        if turn.compact:
            self.compacted, self.pages = self.version, {}
        if turn.refusal is not None:
            return turn.refusal
        request = source.requests[-1]
        return self._list(request) if request["verb"] == "list" else self._watch(request, turn)

    def _list(self, request: dict[str, Any]) -> Any:
        token, limit = request["continue_"], request["limit"]
        if token is not None:
            if token not in self.pages:
                return expired()
            version, names = self.pages[token]
        elif int(request["resource_version"] or 0) > self.version:
            return too_large()
        else:
            version, names = self.version, sorted(self.objects)
        size = min(limit, self.page_size) if limit else len(names)
        chosen, rest = names[:size], names[size:]
        following = None
        if rest:
            following = f"{version}-{rest[0]}"
            self.pages[following] = (version, rest)
        # Pages of an older version: what was changed since comes in the watch that begins there.
        objects = [thing(name, self._version_at(name, version)) for name in chosen]
        return page(*objects, version=version, continue_=following)

    def _version_at(self, name: str, version: int) -> int:
        return max(at for at, _, of in self.history if of == name and at <= version)

    def _watch(self, request: dict[str, Any], turn: _Turn) -> Any:
        initial = request["send_initial_events"]
        if initial and self.knows_streaming == "no":
            return failure(422, "Invalid")
        since = request["resource_version"]
        events: list[dict[str, Any]] = []
        if (initial and self.knows_streaming == "yes") or since is None:
            events = [event("ADDED", name, version) for name, version in sorted(self.objects.items())]
            events.append(bookmark(self.version, end=bool(initial) and self.knows_streaming == "yes"))
        elif int(since) < self.compacted:
            return Stream(error=expired())
        else:
            events = [event(kind, name, at) for at, kind, name in self.history if at > int(since)]
            events.append(bookmark(max(self.version, int(since))))
        return Stream(*events[: turn.cut_after], lasts=turn.lasts, error=turn.end)


@given(
    turns=st.lists(TURNS, max_size=25),
    knows_streaming=st.sampled_from(["yes", "no", "ignores it"]),
    stream=st.booleans(),
    page_size=st.integers(1, 4),
)
def test_the_store_becomes_what_the_server_has(
    turns: list[_Turn], knows_streaming: str, stream: bool, page_size: int
) -> None:
    """After any failures, writes and compactions, and an hour of peace, and without more than 5 requests a second."""
    server = _Server(turns, knows_streaming=knows_streaming, page_size=page_size)
    run = Run(answer=server.answer, stream=stream, seconds=25 * 600.0)
    assert server.turns == []
    assert run.store.objects == {name: str(version) for name, version in server.objects.items()}
    # Later pages come as fast as they can: what is bounded is how often something is begun.
    run.source.requests = [request for request in run.source.requests if not request.get("continue_")]
    assert rate(run.source, run.clock, per=1.0) <= 5
    assert len(run.source.requests) <= 25 + 200
