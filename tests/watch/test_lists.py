"""Tests of the lists a watch begins with: what counts as one, how pages become one state, and what is kept of them."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from dynkube.errors import ResponseError
from dynkube.watch import Watcher
from dynkube.watch.actions import Policy, Start
from dynkube.watch.loop import State, WatchLoop
from watch.fakes import FakeClock, Source, Stream, bookmark, expired, failure, page, rate, thing


def _watcher(*script: Any, then: Any = None, **options: Any) -> tuple[Watcher, Source, FakeClock]:
    """Return a relisting watch over a script; it ends when the script does."""
    clock = FakeClock()
    source = Source(*script, clock=clock, then=then)
    watcher = Watcher(source, relist=True, clock=clock, random=lambda: 0.0, **options)
    source.on_end = watcher.close
    return watcher, source, clock


def _names(watcher: Watcher) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in watcher]


def _asked(source: Source) -> list[tuple[str | None, int | None, str | None]]:
    """Return version, limit and token of each list."""
    return [
        (request["resource_version"], request["limit"], request["continue_"])
        for request in source.requests
        if request["verb"] == "list"
    ]


LIST = page(thing("a", 1), version=5)


@pytest.mark.parametrize(
    "answer",
    [
        {**LIST, "kind": "Table", "items": [{}], "rows": []},
        {key: value for key, value in LIST.items() if key != "items"},
        thing("a", 1),
        {**LIST, "items": {"a": thing("a", 1)}},
        {**LIST, "items": [None]},
        {**LIST, "items": ["a"]},
        {**LIST, "items": [{"metadata": None}]},
        {**LIST, "items": [{"metadata": {"namespace": "ns"}}]},
        {**LIST, "metadata": {}},
        {**LIST, "metadata": {"resourceVersion": ""}},
        {**LIST, "metadata": {"resourceVersion": 5}},
        {**LIST, "metadata": {"resourceVersion": "5", "continue": 7}},
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"},
    ],
    ids=[
        "table",
        "no items",
        "an object",
        "items no array",
        "null item",
        "text item",
        "null metadata",
        "no name",
        "no version",
        "empty version",
        "version no text",
        "token no text",
        "status",
    ],
)
def test_what_is_no_list_is_no_empty_state(answer: dict[str, Any]) -> None:
    """An answer of another kind is raised at the start instead of passing for a state without objects."""
    watcher, source, _ = _watcher(answer)
    with pytest.raises(ResponseError, match="list"):
        next(watcher)
    assert len(source.requests) == 1


def test_null_items_are_none() -> None:
    """Go writes an empty slice that was never made as null."""
    watcher, _, _ = _watcher({**LIST, "items": None}, Stream(lasts=300))
    assert _names(watcher) == []


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ({"kind": "ThingList", "apiVersion": "test/v1"}, "Thing"),
        ({"kind": "List", "apiVersion": "v1"}, None),
        ({"kind": "ThingList"}, None),
        ({"kind": "Things", "apiVersion": "test/v1"}, None),
        ({"apiVersion": "test/v1"}, None),
        ({"kind": 5, "apiVersion": "test/v1"}, None),
    ],
    ids=["list", "of anything", "no version", "no list", "no kind", "number"],
)
def test_objects_get_the_kind_their_list_says(head: dict[str, Any], kind: str | None) -> None:
    """Where it says none they stay as they are; one that has its own keeps it."""
    bare = {"metadata": {"name": "a", "resourceVersion": "1"}}
    own = {"metadata": {"name": "b", "resourceVersion": "2"}, "kind": "Own", "apiVersion": "own/v1"}
    watcher, _, _ = _watcher({"metadata": {"resourceVersion": "5"}, "items": [bare, own], **head}, Stream(lasts=300))
    first, second = (item["object"] for item in watcher)
    assert first.get("kind") == kind
    assert (second["kind"], second["apiVersion"]) == ("Own", "own/v1")


def test_what_is_no_list_later_is_asked_for_again() -> None:
    """Once there was a state, a broken answer is waited out and deletes nothing."""
    watcher, source, clock = _watcher(
        LIST, Stream(lasts=300, error=expired()), {**LIST, "items": [None]}, {"metadata": {}}, LIST, Stream(lasts=300)
    )
    assert _names(watcher) == [("ADDED", "a")]
    assert _asked(source) == [("0", 500, None), *[("5", None, None)] * 3]
    assert [round(pause, 1) for pause in clock.pauses] == [0.8, 1.6, 3.2]


def test_pages_are_one_state() -> None:
    """Objects of all pages come, in their order, and the watch begins at the version of the first page."""
    watcher, source, _ = _watcher(
        page(thing("a", 1), thing("b", 2), version=5, continue_="t1"),
        page(version=6, continue_="t2"),
        page(thing("c", 3), version=7),
        Stream(lasts=300),
    )
    assert _names(watcher) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")]
    assert _asked(source) == [("0", 500, None), (None, 500, "t1"), (None, 500, "t2")]
    assert source.versions()[0] == "5"


def test_a_watch_cache_that_ignores_the_limit_is_not_asked_for_pages() -> None:
    """A first list may come whole whatever the limit; the list after 410 then has none."""
    everything = page(*(thing(f"o{index}", index) for index in range(1, 602)), version=700)
    watcher, source, _ = _watcher(everything, Stream(error=expired(), lasts=5), everything, Stream(lasts=300))
    assert len(_names(watcher)) == 601
    assert _asked(source) == [("0", 500, None), ("700", None, None)]


def test_pages_before_an_expired_token_do_not_count() -> None:
    """The full list replaces them: an object deleted between the two is no part of the state."""
    watcher, source, _ = _watcher(
        page(thing("a", 1), thing("b", 2), version=5, continue_="t1"),
        expired(),
        page(thing("b", 2), thing("c", 3), version=9),
        Stream(lasts=300),
    )
    assert _names(watcher) == [("ADDED", "b"), ("ADDED", "c")]
    assert _asked(source) == [("0", 500, None), (None, 500, "t1"), ("0", None, None)]


def test_a_failure_between_pages_begins_anew() -> None:
    """What was gathered before the pause does not mix with what comes after it."""
    watcher, source, _ = _watcher(
        page(thing("a", 1), version=5, continue_="t1"),
        failure(503),
        page(thing("b", 2), version=9, continue_="t2"),
        page(thing("c", 3), version=9),
        Stream(lasts=300),
    )
    assert _names(watcher) == [("ADDED", "b"), ("ADDED", "c")]
    assert _asked(source) == [("0", 500, None), (None, 500, "t1"), ("0", 500, None), (None, 500, "t2")]


def test_a_token_that_leads_to_itself_is_followed_once() -> None:
    """A server that hands out the same token for ever is not read for ever."""
    watcher, source, _ = _watcher(then=lambda: page(thing("a", 1), version=5, continue_="t"))
    with pytest.raises(ResponseError, match="token"):
        next(watcher)
    assert _asked(source) == [("0", 500, None), (None, 500, "t")]


def test_an_hour_of_tokens_that_expire_costs_few_requests() -> None:
    """Every token and every full list answered 410: the rounds keep the pace of the backoff."""
    clock = FakeClock()
    source = Source(clock=clock)
    source.then = lambda: expired() if source.requests[-1]["limit"] is None else _first_page_only(source)
    watcher = Watcher(source, relist=True, timeout=3600.0, clock=clock, random=lambda: 0.0)
    assert list(watcher) == []
    assert clock.monotonic() - clock.start >= 3600
    assert rate(source, clock, per=1.0) <= 3
    assert rate(source, clock, per=1.0) <= 5
    assert len(source.requests) < 400


def test_refusals_of_every_sort_in_a_row_are_no_burst() -> None:
    """Streaming list, the same anew, a list that breaks off and the full list follow at once, not all in one second."""
    clock = FakeClock()
    refused = [expired(), failure(500, "InternalError"), page(thing("a", 1), version=5, continue_="t"), expired()]
    first = [Stream(bookmark(4, end=True)), expired()]
    source = Source(*first, *[step for _ in range(20) for step in [*refused, LIST, expired()]], clock=clock)
    policy = Policy(start=Start.STREAM, relist=True, patient=True)
    loop = WatchLoop(source, policy, clock=clock, random=lambda: 0.0)
    source.on_end = loop.stop
    assert sum(isinstance(signal, State) for signal in loop.signals()) == 21
    assert rate(source, clock, per=1.0) <= 3


def _first_page_only(source: Source) -> Any:
    return expired() if source.requests[-1]["continue_"] else page(thing("a", 1), version=5, continue_="t")


def test_closing_between_pages_asks_for_no_more() -> None:
    """A watch closed while a page is on its way neither asks for the next one nor hands out what it has."""

    def answer() -> Any:
        watcher.close()
        return page(thing("a", 1), version=5, continue_="t")

    source = Source(then=answer)
    watcher = Watcher(source, relist=True)
    assert _names(watcher) == []
    assert len(source.requests) == 1


class _Page(dict[str, Any]):
    """An answer that tells when it is freed."""


def test_pages_are_not_kept() -> None:
    """When the state is handed out nothing but its objects is left of the answers."""
    pages = [_Page(page(thing("a", 1), version=5, continue_="t")), _Page(page(thing("b", 2), version=5))]
    kept = [weakref.ref(each) for each in pages]
    clock = FakeClock()
    loop = WatchLoop(Source(*pages, Stream(), clock=clock), Policy(start=Start.LIST, relist=True), clock=clock)
    del pages
    signals = loop.signals()
    state = next(signals)
    gc.collect()
    assert isinstance(state, State)
    assert sorted(state.by_key) == ["ns/a", "ns/b"]
    assert [ref() for ref in kept] == [None, None]
    loop.stop()
