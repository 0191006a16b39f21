"""The one promise no other client keeps whole: the events handed out lead from what one knows to what there is."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from dynkube.watch import Watcher
from watch.fakes import FakeClock, Stream, bookmark, broken, expired, failure, page, refused, silent, thing

TROUBLE = (None, broken, refused, silent, expired, lambda: failure(500), lambda: failure(429, retry_after=1))


class _Cluster:
    """Objects that change at random before each request, a history that is forgotten, and answers that break off."""

    def __init__(self, seed: int, clock: FakeClock) -> None:
        self.random = random.Random(seed)
        self.clock = clock
        self.version = 10
        self.compacted = 0
        self.objects: dict[str, dict[str, Any]] = {}
        self.history: list[tuple[int, dict[str, Any]]] = []
        self.requests = 0
        self.calm_after = 60
        self.at_peace = lambda: None

    def live(self) -> None:
        """Let a few things happen."""
        for _ in range(self.random.randrange(4)):
            self.version += 1
            name = self.random.choice("abcdef")
            old = self.objects.pop(name, None)
            if old is not None and self.random.random() < 0.4:
                old["metadata"]["resourceVersion"] = str(self.version)
                kind, obj = "DELETED", old
            else:
                uid = old["metadata"]["uid"] if old else f"uid-{self.version}"
                kind, obj = "MODIFIED" if old else "ADDED", thing(name, self.version, uid=uid)
                self.objects[name] = obj
            self.history.append((self.version, {"type": kind, "object": copy.deepcopy(obj)}))
        if self.random.random() < 0.15:
            self.compacted = self.version

    def list(self, **_: Any) -> dict[str, Any]:
        """Return what there is, or fail."""
        self._request()
        return page(*copy.deepcopy(list(self.objects.values())), version=self.version)

    def watch(self, *, resource_version: str | None = None, **_: Any) -> Stream:
        """Return some of what happened since, and an end of some sort; once it is calm, all of it and no end."""
        calm = self._request()
        since = int(resource_version or 0)
        if since < self.compacted:
            return Stream(error=expired())
        events: list[Any] = [copy.deepcopy(each) for version, each in self.history if version > since]
        if calm:
            stream = Stream(*events, self.at_peace)
        else:
            cut = self.random.randrange(len(events) + 1)
            whole = [bookmark(self.version)] if cut == len(events) and self.random.random() < 0.5 else []
            make = self.random.choice(TROUBLE)
            stream = Stream(*events[:cut], *whole, lasts=self.random.choice([0, 2, 300]), error=make and make())
        stream.clock = self.clock
        return stream

    def _request(self) -> bool:
        self.requests += 1
        if self.requests > self.calm_after:
            return True
        self.live()
        make = self.random.choice(TROUBLE)
        # The very first connection failures are the caller's: the first list and the first watch come about.
        if make is not None and self.requests > 2 and self.random.random() < 0.3:
            raise make()
        return False


@pytest.mark.parametrize("listed", [False, True], ids=["the watch lists", "the caller lists"])
@pytest.mark.parametrize("seed", range(20))
def test_events_lead_to_what_there_is(seed: int, *, listed: bool) -> None:
    """However streams and lists fail: nothing is added twice, nothing unknown changes or goes, the end is the truth."""
    clock = FakeClock()
    cluster = _Cluster(seed, clock)
    options: dict[str, Any] = {}
    known: list[dict[str, Any]] = []
    for _ in range(5):
        cluster.live()
    if listed:
        answer = cluster.list()
        known = answer["items"]
        options = {"resource_version": answer["metadata"]["resourceVersion"], "known": known}
    watcher = Watcher(cluster, relist=True, clock=clock, random=lambda: 0.0, **options)
    cluster.at_peace = watcher.close
    seen = {obj["metadata"]["name"]: obj for obj in known}
    for event in watcher:
        obj = event["object"]
        old = seen.pop(obj["metadata"]["name"], None)
        assert (old is None) == (event["type"] == "ADDED")
        assert old is None or old["metadata"]["uid"] == obj["metadata"]["uid"]
        if event["type"] != "DELETED":
            seen[obj["metadata"]["name"]] = obj
    assert cluster.requests > cluster.calm_after
    assert seen == cluster.objects
