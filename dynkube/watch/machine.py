"""The states of a watch and what leads from one to the next: no I/O, no clock, no sleeping.

`WatchMachine.action` says what is to be done now; whoever does it tells the machine what came of it (`listed`,
`opened`, `event`, `ended`, `failed`, `paused`) and asks again. The rules are those of client-go's reflector
(`tools/cache/reflector.go`) and retry watcher (`tools/watch/retrywatcher.go`); where they differ from it, a comment
says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.errors import (
    BadRequest,
    ClientClosedError,
    Invalid,
    RequestTimeoutError,
    ResponseError,
    StatusError,
    StorageReadError,
    TooManyRequests,
    TransportError,
)
from dynkube.watch.actions import Fail, ListPage, Meaning, OpenStream, Pause, ReadStream, Start
from dynkube.watch.failures import is_connection, is_expired, is_internal, is_passing, version_unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.watch.actions import Action, Policy

#: Objects in a page of a list, unless asked otherwise (client-go `tools/pager`).
PAGE_SIZE: Final = 500
#: A stream shorter than this that brought nothing is a failure, and two starts are at least this far apart (seconds).
SHORTEST_STREAM: Final = 1.0
#: A streaming list that the server ends after so long without its last bookmark is none (seconds).
LONGEST_INITIAL: Final = 60.0
#: Refused watches in a row after which the state is taken anew although each refusal was of the kind that passes.
MOST_REFUSALS: Final = 5
#: Silence after which a server that sends bookmarks may be waiting for a version it has yet to reach (seconds).
LONGEST_SILENCE: Final = 180.0
#: The annotation of the bookmark that ends the initial state of a streaming list.
INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class WatchMachine:
    """One watch: which request comes next, given everything that has happened to it."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        #: The resourceVersion the next watch resumes from; None before any is known.
        self.resource_version = policy.resource_version
        #: What is to be done now.
        self.action: Action = ReadStream()
        self._after_pause: Action = self.action
        self._streams = policy.start is Start.STREAM
        self._unavailable = False  # the server no longer has (or not yet has) our resourceVersion
        self._pages_any_version = False  # a list at "0" came in pages: the server has no watch cache
        self._wants_state = policy.send_initial_events  # of a watch that began without a list
        self._initial = False  # the open stream is a streaming list before its last bookmark
        self._unordered = False  # the open stream is in its synthetic ADDED events, whose versions have no order
        self._established = False
        self._opened_at: float | None = None
        self._gap = 0.0  # how soon after now the stream that has just ended may be replaced, in seconds
        self._empty = True  # the open stream has brought nothing yet
        self._fruitless = 0  # watches in a row that were refused, or brought nothing and ended at once or in an error
        self._bookmarks = False  # the server sends bookmarks
        self._silence = 0.0  # how long the streams in a row that brought nothing lasted, in seconds
        self._fruitful = False  # some stream brought something
        self._broken_off = 0  # streaming lists in a row that ended before their last bookmark
        self._listed_version: str | None = None
        if policy.start is Start.WATCH:
            self.action = self._resume()
        else:
            self._renew()

    @property
    def unordered(self) -> bool:
        """Whether the open stream still sends objects that existed before it, in no order."""
        return self._unordered

    # What happened

    def listed(self, metadata: Mapping[str, Any]) -> bool:
        """Take note of a page by its metadata; return whether it was the last one."""
        page = self._expected(ListPage)
        if page.first:
            self._listed_version = metadata.get("resourceVersion")
        token = metadata.get("continue")
        if token:
            if page.first and page.resource_version == "0":
                self._pages_any_version = True
            # The token carries the version; sending both is refused by the server.
            self.action = ListPage(None, page.limit or self._policy.page_size or PAGE_SIZE, token, first=False)
            return False
        self._unavailable = False
        self._established = True
        self._wants_state = False
        self.resource_version = self._listed_version
        self.action = self._resume()
        return True

    def opened(self, since: float) -> None:
        """Take note that the stream stands: the server answered 200 to the request sent at `since`.

        Not the time of the answer: some proxies hold it back until the first event, or the end.
        """
        stream = self._expected(OpenStream)
        self._established = True
        self._opened_at = since
        self._empty = True
        self._initial = self._policy.start is not Start.WATCH and stream.send_initial_events
        self._unordered = stream.resource_version in {None, "", "0"} or stream.send_initial_events
        self.action = ReadStream()

    def event(self, kind: str, version: str, annotations: Mapping[str, str] | None = None) -> Meaning:
        """Take note of an event: its type, its object's resourceVersion and, for a bookmark, annotations."""
        self._empty = False
        if kind == "BOOKMARK":
            last = (annotations or {}).get(INITIAL_EVENTS_END) == "true"
            if self._initial and not last:
                # One that knows streaming lists sends none before the one that ends the state.
                self._initial = self._streams = False
                self._list()
                return Meaning.VOID
            self._unordered = self._wants_state = False
            self._bookmarks = True
            self.resource_version = version
            if self._initial:
                self._initial = False
                self._unavailable = False
                self._broken_off = 0
                return Meaning.COMPLETE
            return Meaning.BOOKMARK
        if self._initial:
            return Meaning.INITIAL
        if self._unordered:
            if kind == "ADDED":
                return Meaning.CHANGE
            self._unordered = self._wants_state = False
        self.resource_version = version
        return Meaning.CHANGE

    def ended(self, now: float) -> None:
        """Take note that the server closed the stream, which is how every watch ends sooner or later."""
        self._stream_over(None, now)

    def failed(self, error: Exception, now: float) -> None:
        """Take note that what `action` asked for did not work out."""
        action = self.action
        if isinstance(error, ClientClosedError):
            self.action = Fail(error)  # however patient: it never passes
        elif isinstance(action, ListPage):
            self._list_failed(action, error)
        elif isinstance(action, OpenStream):
            self._open_failed(action, error)
        else:
            self._stream_over(error, now)

    def paused(self) -> None:
        """Take note that the pause is over."""
        self._expected(Pause)
        self.action = self._after_pause

    # What follows from it

    def _list_failed(self, page: ListPage, error: Exception) -> None:
        if is_expired(error) and page.continue_ is not None:
            # The token ran out between two pages. Everything at once cannot expire (client-go's full list fallback).
            self.action = ListPage(self._list_version(), None, None, first=True)
        elif version_unavailable(error) and page.resource_version is not None:
            self._unavailable = True
            self._list()
        elif self._forgivable(error):
            self._pause(error, None)
        else:
            self.action = Fail(error)

    def _open_failed(self, stream: OpenStream, error: Exception) -> None:
        if self._policy.start is not Start.WATCH and stream.send_initial_events:
            self._streaming_list_failed(stream, error)
        elif version_unavailable(error):
            self._expired(error)
        elif self._forgivable(error):
            # A refusal that will not pass by itself leaves lists as the only way to stay up to date. So do proxies that
            # let no watch through, and say 504, something in HTML, or nothing.
            if isinstance(error, StatusError | RequestTimeoutError | ResponseError):
                self._fruitless += 1
            lasting = isinstance(error, StatusError) and not is_passing(error)
            self._pause(error, None if lasting or self._hopeless(error) else self._resume())
        else:
            self.action = Fail(error)

    def _streaming_list_failed(self, stream: OpenStream, error: Exception) -> None:
        if version_unavailable(error):
            unavailable = stream.resource_version is not None
            self._unavailable = True
            if unavailable:
                self._renew()
            else:
                self._pause(error, None)
        elif isinstance(error, RequestTimeoutError) and self._forgivable(error):
            # A proxy may hold every stream back until it ends, which this one does not; lists it lets through.
            self._list()
            self._pause(error, self.action)
        elif isinstance(error, TooManyRequests) or (is_connection(error) and self._forgivable(error)):
            self._pause(error, None)
        else:
            # A server that does not know streaming lists says so with 422 (400 from some proxies): not asked again.
            # Any other refusal may concern this round only. The list that follows tells.
            self._streams = self._streams and not isinstance(error, Invalid | BadRequest)
            self._list()
            if getattr(error, "retry_after", None):
                self._pause(error, self.action)

    def _stream_over(self, error: Exception | None, now: float) -> None:
        self._expected(ReadStream)
        lived = now - (self._opened_at if self._opened_at is not None else now)
        empty = self._empty
        short = lived < SHORTEST_STREAM and empty
        self._fruitful |= not empty
        self._silence = self._silence + lived if empty else 0.0
        initial, self._initial = self._initial, False
        self._gap = max(0.0, SHORTEST_STREAM - lived)
        self._fruitless = self._fruitless + 1 if empty and (short or isinstance(error, StatusError)) else 0
        if isinstance(error, StatusError):
            self._error_event(error, initial=initial)
        elif initial and (short or self._never_complete(error, lived)):
            self._list()
        elif self._bookmarks and self._silence >= LONGEST_SILENCE and self._relists:
            # One that was restored from a backup sends neither events nor bookmarks up to our version, and no error.
            self._bookmarks, self._silence = False, 0.0
            self._pause(error, None)
        elif self._fruitless > 1 and isinstance(error, ResponseError) and not (self._relists or self._fruitful):
            # Whatever answers here has yet to send an event, and sends something else.
            self.action = Fail(error)
        elif short:
            # client-go takes the state anew at once; one short stream also comes from a server going down in order.
            self._pause(error, None if self._fruitless > 1 else self._resume())
        else:
            following = self._streaming_list() if initial else self._resume()
            self._after_pause = following
            self.action = Pause(self._gap, backoff=False) if self._gap else following
        self._gap = 0.0

    def _never_complete(self, error: Exception | None, lived: float) -> bool:
        """Tell whether a streaming list that broke off is not worth beginning again, in this round or ever."""
        self._broken_off += 1
        # A server that ignores sendInitialEvents never sends the last bookmark: it falls silent, or tells of changes
        # until the time it was given is over. So does one that cannot send the whole state in that time.
        if isinstance(error, RequestTimeoutError) or (error is None and lived >= LONGEST_INITIAL):
            self._streams = False
            return True
        return isinstance(error, ResponseError) or self._broken_off > 1

    def _error_event(self, error: StatusError, *, initial: bool) -> None:
        if initial:
            self._streaming_list_failed(self._streaming_list(), error)
        elif version_unavailable(error):
            self._expired(error)
        elif isinstance(error, StorageReadError):
            # An object that could no longer be read was deleted. Its event cannot be sent, not later either, and all
            # that came after it waits behind.
            self._lost(error)
        elif is_passing(error):
            self._pause(error, None if self._hopeless(error) else self._resume())
        elif self._policy.patient:
            self._pause(error, None)
        else:
            self.action = Fail(error)

    def _hopeless(self, error: Exception) -> bool:
        """Tell whether watches were refused so often that the state has to be taken anew to go on."""
        if isinstance(error, TooManyRequests) or (is_connection(error) and not isinstance(error, RequestTimeoutError)):
            return False
        # An internal error that comes again may be of one event that cannot be sent. Other trouble passes, and a list
        # is what a server in trouble can least use.
        return self._fruitless >= (2 if is_internal(error) else MOST_REFUSALS)

    def _expired(self, error: Exception) -> None:
        if is_expired(error):
            self._lost(error)
        else:
            self._unavailable = self._relists
            self._pause(error, None)

    def _lost(self, error: Exception) -> None:
        """Events since the last one are lost: only the state taken anew tells what they were."""
        if self._relists:
            # The pause also comes before the first relist: after a compaction every watcher is here at once.
            self._pause(error, None)
        else:
            self.action = Fail(error)

    def _pause(self, error: Exception | None, following: Action | None) -> None:
        """Back off, then do `following`; None: take the state anew, or resume where the owner has asked for none."""
        if following is None:
            self._renew()
            following = self.action
        self._after_pause = following
        self.action = Pause(max(getattr(error, "retry_after", None) or 0.0, self._gap), backoff=True)

    def _forgivable(self, error: Exception) -> bool:
        """Tell whether to try the request again: what meets the very first one is the caller's, as for any call."""
        if self._policy.patient or is_passing(error) or (self._relists and is_expired(error)):
            return True
        return isinstance(error, TransportError) and self._established

    @property
    def _relists(self) -> bool:
        return self._policy.relist or self._policy.start is not Start.WATCH

    def _renew(self) -> None:
        """Take the state anew: from a known version if the owner has a state, else from the start."""
        self._fruitless = 0
        if not self._relists:
            self.action = self._resume()
        elif self._streams:
            self.action = self._streaming_list()
        else:
            self._list()

    def _resume(self) -> OpenStream:
        return OpenStream(self.resource_version, send_initial_events=self._wants_state)

    def _streaming_list(self) -> OpenStream:
        return OpenStream(None if self._unavailable else self.resource_version, send_initial_events=True)

    def _list_version(self) -> str | None:
        if self._unavailable:
            return None
        if self.resource_version is not None:
            return self.resource_version
        # "0": whatever the server has in memory will do for a first state, the watch brings it up to date.
        return None if self._policy.most_recent else "0"

    def _list(self) -> None:
        self._broken_off = 0
        version = self._list_version()
        limit = self._policy.page_size
        if limit is None and (self._pages_any_version or version in {None, "0"}):
            limit = PAGE_SIZE
        # Else no limit: with one, a list at a version would be read from etcd instead of the server's watch cache.
        self.action = ListPage(version, limit, None, first=True)

    def _expected(self, kind: type[Any]) -> Any:
        if not isinstance(self.action, kind):
            message = f"the watch machine expects the outcome of {self.action!r}"
            raise RuntimeError(message)  # noqa: TRY004 - a wrong order of calls, not a wrong type
        return self.action
