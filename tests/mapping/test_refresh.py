"""What the mapper notices of APIs that come, go and change, and what it asks the server for it."""

from __future__ import annotations

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from discovery.fakes import FakeServer, aggregated, group, resource, version

from dynkube.discovery import CachedDiscovery, Discovered, DiscoveryClient
from dynkube.errors import ConnectFailedError, DiscoveryError, NoMatchError
from dynkube.mapping import RESTMapper
from dynkube.names import GroupKind, GroupVersionKind, GroupVersionResource
from mapping.fakes import FakeDiscovery, res, surface

EMPTY = surface(("v1", [res("pods", "Pod")]))
WIDGETS = surface(("v1", [res("pods", "Pod")]), ("example.com/v1", [res("widgets", "Widget")]))


@pytest.mark.parametrize(
    "lookup",
    [
        lambda mapper: mapper.resolve(None, "widgets"),
        lambda mapper: mapper.resolve("example.com/v1", "Widget"),
        lambda mapper: mapper.api_resource(GroupVersionResource("example.com", "v1", "widgets")),
        lambda mapper: mapper.mapping_for_gvk(GroupVersionKind("example.com", "v1", "Widget")),
        lambda mapper: mapper.mapping(GroupKind("example.com", "Widget")),
        lambda mapper: mapper.mappings(GroupKind("example.com", "Widget"), "v1"),
        lambda mapper: mapper.resource_for(GroupVersionResource("", "", "widgets")),
        lambda mapper: mapper.resources_for(GroupVersionResource("example.com", "", "widget")),
        lambda mapper: mapper.kind_for(GroupVersionResource("", "v1", "widgets")),
        lambda mapper: mapper.kinds_for(GroupVersionResource("", "", "widgets")),
    ],
)
def test_a_crd_created_after_start_is_found(lookup: object) -> None:
    """Every lookup that finds nothing has discovery refreshed once and looks again."""
    assert callable(lookup)
    fake = FakeDiscovery(EMPTY, after_invalidate=[WIDGETS])
    mapper = RESTMapper(fake)
    mapper.resolve(None, "pods")
    assert lookup(mapper)
    assert fake.asked == 2
    assert lookup(mapper)
    assert fake.asked == 2


def test_found_at_once_after_having_been_missed() -> None:
    """A thread that missed a name, then created it, finds it in its next call, however soon that is."""
    fake = FakeDiscovery(EMPTY)
    mapper = RESTMapper(fake)
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "widgets")
    fake.found = WIDGETS
    assert mapper.resolve(None, "widgets").kind == "Widget"


def test_a_deleted_crd_is_forgotten() -> None:
    """What is gone from discovery is gone after a refresh, however often it was looked up before."""
    fake = FakeDiscovery(WIDGETS)
    mapper = RESTMapper(fake)
    mapper.resolve(None, "widgets")
    fake.found = EMPTY
    assert mapper.resolve(None, "widgets").kind == "Widget"
    mapper.invalidate()
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "widgets")


def test_changed_scope_and_short_names_are_seen() -> None:
    """A CRD deleted and created anew with another scope and other short names is seen as it is after a refresh."""
    fake = FakeDiscovery(surface(("example.com/v1", [res("widgets", "Widget", short_names=("w",))])))
    mapper = RESTMapper(fake)
    assert mapper.resolve(None, "w").namespaced
    fake.found = surface(("example.com/v1", [res("widgets", "Widget", short_names=("wd",), namespaced=False)]))
    assert mapper.resolve(None, "wd").namespaced is False
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "w")
    assert mapper.resolve(None, "widgets").namespaced is False


def test_the_age_of_the_cache() -> None:
    """A mapper follows its cache: past the age the next lookup sees what is served then."""
    now = [0.0]
    fake = FakeDiscovery(WIDGETS)
    mapper = RESTMapper(CachedDiscovery(fake, max_age=60, clock=lambda: now[0]))
    mapper.resolve(None, "widgets")
    fake.found = surface(("example.com/v2", [res("widgets", "Widget")]))
    assert mapper.resolve(None, "widgets").version == "v1"
    now[0] = 61
    assert mapper.resolve(None, "widgets").version == "v2"


def test_a_miss_on_first_use_is_one_run() -> None:
    """A name missing from discovery that was made for this very lookup does not have it made again."""
    fake = FakeDiscovery(EMPTY)
    with pytest.raises(NoMatchError):
        RESTMapper(fake).resolve(None, "widgets")
    assert fake.asked == 1


def test_ambiguity_and_categories_do_not_refresh() -> None:
    """Only a miss refreshes: neither an ambiguous name nor an unknown category does."""
    both = [res("cats", "Cat", short_names=("c",)), res("cows", "Cow", short_names=("c",))]
    fake = FakeDiscovery(surface(("example.com/v1", both)))
    mapper = RESTMapper(fake)
    mapper.resolve(None, "cats")
    with pytest.raises(LookupError):
        mapper.resolve(None, "c")
    assert mapper.category("all") == ()
    assert fake.asked == 1


@pytest.mark.parametrize("name", ["missing", "widgets"])
def test_32_threads_missing_at_once_cause_one_refresh(name: str) -> None:
    """Thirty-two threads that miss the same name together are answered by one refresh, found or not."""
    fake = FakeDiscovery(EMPTY, after_invalidate=[WIDGETS])
    # A microsecond a look at the clock: "at once" must not depend on how busy the machine is.
    ticks = itertools.count()
    mapper = RESTMapper(CachedDiscovery(fake, clock=lambda: next(ticks) * 1e-6))
    mapper.resolve(None, "pods")
    together = threading.Barrier(32)

    def miss() -> str:
        together.wait(timeout=30)
        try:
            return mapper.resolve(None, name).kind
        except NoMatchError:
            return "missed"

    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(miss) for _ in range(32)]
        answers = {future.result(timeout=60) for future in futures}
    assert answers == {"Widget" if name == "widgets" else "missed"}
    assert fake.asked == 2


def test_32_threads_on_a_cold_mapper() -> None:
    """Thirty-two threads that use a new mapper at once have discovery made once."""
    fake = FakeDiscovery(WIDGETS)
    mapper = RESTMapper(fake)
    together = threading.Barrier(32)

    def use(number: int) -> str:
        together.wait(timeout=30)
        return mapper.resolve(None, ("widgets", "Pod", "widget", "pods")[number % 4]).kind

    with ThreadPoolExecutor(32) as pool:
        futures = [pool.submit(use, number) for number in range(32)]
        assert {future.result(timeout=60) for future in futures} == {"Widget", "Pod"}
    assert fake.asked == 1


def test_a_refresh_that_fails() -> None:
    """A miss whose refresh fails raises that failure, not "no such resource"; what is known still resolves."""
    fake = FakeDiscovery(EMPTY)
    mapper = RESTMapper(fake)
    mapper.resolve(None, "pods")

    def fail() -> Discovered:
        raise ConnectFailedError("refused")

    fake.found = fail
    with pytest.raises(ConnectFailedError):
        mapper.resolve(None, "widgets")
    assert mapper.resolve(None, "pods").kind == "Pod"


def server(*names: str, freshness: str = "Current") -> FakeServer:
    """Return a server whose example.com/v1 has these resources."""
    entries = group("example.com", version("v1", *map(resource, names), freshness=freshness))
    core = aggregated(group("", version("v1", resource("pods"))), etag='"core"')
    return FakeServer({"/api": core, "/apis": aggregated(entries, etag=f'"{freshness}{names}"')})


def test_a_stale_group_is_retried_at_the_next_refresh() -> None:
    """A group whose server is down costs the others nothing, and is there again when it is back."""
    origin = server(freshness="Stale")
    mapper = RESTMapper(DiscoveryClient(origin.rest))
    assert mapper.resolve(None, "pods").kind == "Pod"
    assert origin.paths == ["/api", "/apis"]
    with pytest.raises(DiscoveryError, match="stale"):
        mapper.resolve("example.com/v1", "widgets")
    assert len(origin.paths) == 4
    origin.answers.update(server("widgets").answers)
    assert mapper.resolve("example.com/v1", "widgets").kind == "Widget"
    assert len(origin.paths) == 6


def test_a_refresh_of_an_unchanged_server_is_two_empty_answers() -> None:
    """A miss on a server that has not changed costs two requests with ETags, and nothing is decoded again."""
    origin = server("widgets")
    mapper = RESTMapper(DiscoveryClient(origin.rest))
    before = mapper.discovered()
    with pytest.raises(NoMatchError):
        mapper.resolve(None, "gadgets")
    assert [bool(dict(request.headers).get("If-None-Match")) for request in origin.requests] == [
        False,
        False,
        True,
        True,
    ]
    assert mapper.discovered() is before
