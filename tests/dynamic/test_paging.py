"""Lists read page by page: lazy, complete, and unimpressed by expired tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic.fakes import FakeRest, expired, page, resource
from dynkube.errors import Gone, ResponseError, status_error


def names(objects: Any) -> str:
    """Return the names of objects, one letter each."""
    return "".join(each["metadata"]["name"] for each in objects)


def queries(rest: FakeRest) -> list[str]:
    """Return the query of each request."""
    return [target.partition("?")[2] for target in rest.targets]


def test_nothing_is_read_before_it_is_asked_for() -> None:
    """Iter and pages send their first request at the first next, and one more for each further page."""
    rest = FakeRest(page("ab", "t1"), page("c"))
    items = resource(rest).iter(limit=2)
    assert rest.requests == []
    assert next(items)["metadata"]["name"] == "a"
    assert len(rest.requests) == 1
    assert names(items) == "bc"
    assert queries(rest) == ["limit=2", "continue=t1&limit=2"]


def test_a_page_is_500_objects_unless_told_otherwise() -> None:
    """The default page size is client-go's."""
    rest = FakeRest(page(""))
    assert list(resource(rest).iter()) == []
    assert queries(rest) == ["limit=500"]


def test_the_version_goes_with_the_first_page_only() -> None:
    """Servers refuse a resourceVersion next to a continue token; the selection stays."""
    rest = FakeRest(page("a", "t1"), page("b"))
    pages = resource(rest).pages(
        limit=1, label_selector="app", resource_version="7", resource_version_match="NotOlderThan"
    )
    assert [names(each["items"]) for each in pages] == ["a", "b"]
    assert queries(rest) == [
        "labelSelector=app&limit=1&resourceVersion=7&resourceVersionMatch=NotOlderThan",
        "continue=t1&labelSelector=app&limit=1",
    ]


def test_an_empty_page_is_not_the_end() -> None:
    """A page may be empty and still have a continue token, as with selective field selectors."""
    rest = FakeRest(page("", "t1"), page("a"))
    assert names(resource(rest).iter()) == "a"


def test_an_expired_token_with_a_fresh_one_goes_on_from_there() -> None:
    """The 410 of a real server carries a token that continues after the same key: each object comes once."""
    rest = FakeRest(page("ab", "t1"), expired("t2"), page("cd", "t3"), page("e"))
    assert names(resource(rest).iter(limit=2)) == "abcde"
    assert queries(rest) == [
        "limit=2",
        "continue=t1&limit=2",
        "continue=t2&limit=2",
        "continue=t3&limit=2",
    ]


def test_an_expired_token_without_a_fresh_one_reads_the_list_once_more() -> None:
    """Without a token to go on with, the whole list is read in one request, and nothing is delivered twice or lost."""
    rest = FakeRest(page("ab", "t1"), page("cd", "t2"), expired(), page("xabcdef"))
    assert names(resource(rest).iter(limit=2, resource_version="5")) == "abcdxef"
    assert queries(rest) == ["limit=2&resourceVersion=5", "continue=t1&limit=2", "continue=t2&limit=2", ""]


def test_a_server_that_only_hands_out_tokens_is_not_asked_for_ever() -> None:
    """After three fresh tokens that expired at once the list is read whole."""
    rest = FakeRest(page("a", "t1"), expired("t2"), expired("t3"), expired("t4"), expired("t5"), page("ab"))
    assert names(resource(rest).iter(limit=1)) == "ab"
    assert queries(rest)[-1] == ""


def test_gone_on_the_first_page_is_raised() -> None:
    """An exact version that was compacted cannot be made up for."""
    rest = FakeRest(expired())
    with pytest.raises(Gone):
        list(resource(rest).iter(resource_version="5", resource_version_match="Exact"))


def test_gone_without_the_reason_expired_counts_too() -> None:
    """A proxy's bare 410 in mid-list is the same event as reason Expired."""
    bare = status_error({}, method="GET", url="http://test/", code=410)
    rest = FakeRest(page("a", "t1"), bare, page("ab"))
    assert names(resource(rest).iter(limit=1)) == "ab"


def test_a_token_of_the_callers_own_is_continued() -> None:
    """pages(continue_=...) goes on from a stored token, and from the fresh one if that expired."""
    rest = FakeRest(expired("t9"), page("c", "t10"), page("d"))
    assert [names(each["items"]) for each in resource(rest).pages(limit=1, continue_="t1")] == ["c", "d"]
    assert queries(rest)[:2] == ["continue=t1&limit=1", "continue=t9&limit=1"]


def test_a_token_of_the_callers_own_that_cannot_be_renewed_is_raised() -> None:
    """What the caller had before is not known here, so a list read anew could repeat it."""
    rest = FakeRest(page("c", "t2"), expired())
    with pytest.raises(Gone):
        list(resource(rest).pages(limit=1, continue_="t1"))


def test_a_token_that_does_not_advance_is_an_error() -> None:
    """A server that sends the same token again would be read for ever."""
    rest = FakeRest(page("a", "t1"), page("a", "t1"))
    with pytest.raises(ResponseError, match="does not advance"):
        list(resource(rest).iter(limit=1))


def test_the_same_name_in_two_namespaces_is_two_objects() -> None:
    """What was delivered is known by namespace and name, so that a namesake elsewhere is not left out."""
    first = page("a", "t1")
    again = page("ab")
    again["items"].append({"metadata": {"name": "a", "namespace": "dev"}})
    rest = FakeRest(first, expired(), again)
    found = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in resource(rest).iter(limit=1)]
    assert found == [("prod", "a"), ("prod", "b"), ("dev", "a")]


def test_pages_keep_their_metadata() -> None:
    """A page is the list object as sent: a watch can start at the first page's resourceVersion."""
    rest = FakeRest(page("a", "t1", version="11"), page("b", version="11"))
    assert [each["metadata"]["resourceVersion"] for each in resource(rest).pages(limit=1)] == ["11", "11"]


class PagedServer(FakeRest):
    """Serves lists of a fixed set of names by key order, and expires tokens when the script says so."""

    def __init__(self, everything: list[str], expiries: list[bool], *, fresh: bool) -> None:
        super().__init__()
        self.everything = sorted(everything)
        self.expiries = list(expiries)
        self.fresh = fresh
        self.generation = 0

    def request(self, request: Any, *, timeout: Any = None) -> Any:
        """Answer one list request from the names there are."""
        query = dict(part.split("=") for part in request.target.partition("?")[2].split("&") if part)
        start = 0
        if "continue" in query:
            generation, start = (int(part) for part in query["continue"].split("-"))
            if generation == self.generation and self.expiries and self.expiries.pop(0):
                self.generation += 1
                raise expired(f"{self.generation}-{start}" if self.fresh else None)
        limit = int(query.get("limit", len(self.everything) + 1))
        chosen = self.everything[start : start + limit]
        more = start + limit < len(self.everything)
        answer = page("", f"{self.generation}-{start + limit}" if more else None)
        answer["items"] = [{"metadata": {"name": name}} for name in chosen]
        return answer


@given(
    everything=st.lists(st.text("abcdef", min_size=1, max_size=4), unique=True, max_size=30),
    limit=st.integers(1, 7),
    expiries=st.lists(st.booleans(), max_size=40),
    fresh=st.booleans(),
)
def test_each_object_comes_exactly_once(everything: list[str], limit: int, expiries: list[bool], fresh: bool) -> None:
    """Whatever tokens expire, with or without fresh ones, every object of a steady list is delivered once."""
    server = PagedServer(everything, expiries, fresh=fresh)
    found = [each["metadata"]["name"] for each in resource(server).iter(limit=limit)]
    assert sorted(found) == sorted(everything)
