"""What passes between a watch machine and whoever drives it: what is wanted, what to do, and what an event means."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias


class Start(enum.Enum):
    """Where a watch gets its first state from."""

    #: From the watch itself: it begins at the given resourceVersion, or with an ADDED event for every object.
    WATCH = "watch"
    #: From a list, in pages.
    LIST = "list"
    #: From a streaming list (`sendInitialEvents`), and from a list where the server does not offer that.
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the owner of a watch wants of it.

    `relist`: after 410 take the state anew instead of failing. `patient`: wait where the server refuses (403, 404, …)
    instead of failing; for what runs unattended. `send_initial_events` asks for them on a watch that begins without
    a list. `most_recent`: the first list is of the newest state; what the server has in memory may be older than the
    owner's own last write. `page_size` None: `PAGE_SIZE` where the server may page, everything at once where it would
    otherwise leave its watch cache.
    """

    start: Start = Start.WATCH
    relist: bool = False
    patient: bool = False
    send_initial_events: bool = False
    resource_version: str | None = None
    most_recent: bool = False
    page_size: int | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """Ask for one page. `first`: what was gathered of earlier pages is void."""

    resource_version: str | None
    limit: int | None
    continue_: str | None
    first: bool


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Start a watch."""

    resource_version: str | None
    send_initial_events: bool


@dataclass(frozen=True, slots=True)
class ReadStream:
    """Take the next event."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Stay away: `at_least` seconds, and as long as the backoff policy says if `backoff`."""

    at_least: float
    backoff: bool


@dataclass(frozen=True, slots=True)
class Fail:
    """Hand the error to the owner; the watch is over."""

    error: Exception


Action: TypeAlias = ListPage | OpenStream | ReadStream | Pause | Fail


class Meaning(enum.Enum):
    """What an event is to the owner of the watch."""

    #: A change after the state that is known.
    CHANGE = "change"
    #: Part of the initial state: it counts once the state is complete.
    INITIAL = "initial"
    #: The initial state is complete.
    COMPLETE = "complete"
    #: News about the resourceVersion only.
    BOOKMARK = "bookmark"
    #: Proof that the server does not mark the end of the initial state: nothing of this stream counts.
    VOID = "void"
