"""The benchmarks measure what they say: each job runs, on a server that is as slow as it claims to be."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from benchmarks import canned, creating, growing, server
from benchmarks.clients import dynkube_client, floor
from benchmarks.jobs import JOBS
from benchmarks.measuring import Results
from dynkube.testing.access.certificates import generate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PODS, CONFIG_MAPS, FEW_CONFIG_MAPS = 60, 40, 10


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the canned server in this process with few objects; yield its URLs, and the CA file as "ca"."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canned, "PODS", PODS)
        patch.setattr(canned, "CONFIG_MAPS", CONFIG_MAPS)
        patch.setattr(canned, "FEW_CONFIG_MAPS", FEW_CONFIG_MAPS)
        answers = server.Canned.build()
    certificate = generate(["127.0.0.1"])
    path: Path = tmp_path_factory.mktemp("canned") / "ca.crt"
    path.write_bytes(certificate.ca)
    listeners = {name: socket.create_server(("127.0.0.1", 0)) for name in server.KINDS}
    for name, listener in listeners.items():
        server.listen(certificate.context(), answers, server.KINDS[name], listener)
    yield {name: f"https://127.0.0.1:{each.getsockname()[1]}" for name, each in listeners.items()} | {"ca": str(path)}
    for listener in listeners.values():
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("client", [dynkube_client, floor], ids=["dynkube", "floor"])
def test_each_job_does_what_its_row_says(client: Any, addresses: dict[str, str]) -> None:
    """Both read everything there is, in each of the ways that are compared."""
    one = client.Client(addresses["fast"], addresses["ca"])
    assert one.get()["metadata"]["name"] == "web-00-00000"
    assert len(one.list_pods()["items"]) == PODS
    assert one.iterate_pods() == PODS
    assert one.create(canned.to_create(canned.config_map(1)))["kind"] == "ConfigMap"
    counts = {
        "informer_pods": PODS,
        "informer_config_maps": CONFIG_MAPS,
        "informer_few_config_maps": FEW_CONFIG_MAPS,
    }
    for job, count in counts.items():
        known = getattr(one, job)()
        assert len(known["items"] if isinstance(known, dict) else known.indexer) == count
        if not isinstance(known, dict):
            known.stop()
    assert one.watch_events(PODS) == PODS  # last: the floor leaves the rest of the stream on its connection
    one.close()


@pytest.mark.parametrize("compress", [True, False])
def test_lists_come_over_the_slow_link_both_ways(compress: bool, addresses: dict[str, str]) -> None:
    """With gzip and without, the same objects."""
    one = dynkube_client.Client(addresses["slow"], addresses["ca"], compress=compress)
    assert len(one.list_pods()["items"]) == PODS
    one.close()


def test_the_slow_link_carries_no_more_than_it_says(addresses: dict[str, str]) -> None:
    """A list takes at least the time its bytes take at 100 Mbit/s; compressed, it is smaller."""
    context = ssl.create_default_context(cafile=addresses["ca"])
    sizes = {}
    for encoding in ("identity", "gzip"):
        link = http.client.HTTPSConnection(addresses["slow"].removeprefix("https://"), context=context)
        link.connect()
        began = time.perf_counter()
        link.request("GET", "/api/v1/pods", headers={"Accept-Encoding": encoding})
        body = link.getresponse().read()
        assert time.perf_counter() - began >= len(body) / server.SLOW_LINK
        sizes[encoding] = len(body)
        link.close()
    assert sizes["gzip"] < sizes["identity"] / 4


def test_a_create_takes_the_storing_server_its_time(addresses: dict[str, str]) -> None:
    """A thread that waits for it can do nothing else, eight wait together."""
    one = floor.Client(addresses["storing"], addresses["ca"])
    one.create({})
    began = time.perf_counter()
    for _ in range(5):
        one.create({})
    assert time.perf_counter() - began >= 5 * server.CREATE_SECONDS
    one.close()


def test_threads_keep_their_connections_over_all_turns(addresses: dict[str, str]) -> None:
    """What is measured is creating, not the handshakes of new threads."""
    one = floor.Client(addresses["fast"], addresses["ca"])
    made: list[int] = []

    def create(body: Any) -> None:
        made.append(id(one.connection()))
        one.create(body)

    figures = creating.threads_in_turn(create, count=32, step=16)
    assert set(figures) == {"wall_ms", "cpu_ms", "speed_up"}
    assert len(set(made)) == creating.THREADS
    one.close()


def test_a_failing_create_fails_the_job() -> None:
    """An exception in a thread is raised where the figures are taken."""

    def create(body: Any) -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        creating.threads_in_turn(create, count=8, step=8)


def test_chunks_hold_the_events_and_are_cut_as_by_go() -> None:
    """Small writes are collected to 2 KiB, a large one is a chunk of its own if nothing waits before it."""
    events = [bytes([number]) * size for number, size in enumerate((5000, 100, 100, 5000, 2048, 2049, 1))]
    rest, sizes, body = server.chunked(events), [], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        sizes.append(int(size, 16))
        body, rest = body + rest[: sizes[-1]], rest[sizes[-1] + 2 :]
    assert body == b"".join(events)
    assert sizes[:3] == [5000, 2048, 3152]


def test_every_row_has_a_server_and_a_title_of_its_own() -> None:
    """No row hides another in the table, and each names a kind of server there is."""
    assert len({job.title for job in JOBS}) == len({job.name for job in JOBS}) == len(JOBS)
    assert {job.server for job in JOBS} == set(server.KINDS)
    assert {job.of for job in JOBS} <= {"", *(job.name for job in JOBS)}


def test_ratios_are_of_runs_of_the_same_round() -> None:
    """What slows one round down falls on both, and the ratio stays what it is."""
    results = Results()
    for slowness in (1.0, 10.0, 3.0):
        results.add("get", "floor", {"cpu_ms": 2.0 * slowness})
        results.add("get", "dynkube", {"cpu_ms": 3.0 * slowness})
    assert results.ratio("get", "dynkube", "cpu_ms") == pytest.approx(1.5)
    assert json.dumps(results.values)


def test_growth_compares_one_object_with_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many objects are synced in small informers as in the large one, each of which is stopped after its time."""
    monkeypatch.setattr(growing, "CONFIG_MAPS", 40)
    monkeypatch.setattr(growing, "FEW_CONFIG_MAPS", 10)
    clock = iter(range(1_000))
    monkeypatch.setattr(growing, "perf_counter", lambda: float(next(clock)))

    class Client:
        synced: ClassVar[list[int]] = []
        stopped = 0

        def informer_few_config_maps(self) -> Client:
            self.synced.append(10)
            return self

        def informer_config_maps(self) -> Client:
            self.synced.append(40)
            return self

        def stop(self) -> None:
            Client.stopped += 1

    figures = growing.growth(Client())
    assert Client.synced == [10, 40, *[10, 10, 10, 10, 40] * growing.TURNS]
    assert Client.stopped == len(Client.synced)
    # By this clock each sync takes a second: four small ones take as long as four large ones would.
    assert figures == {"wall_ms": 1000 / 40, "growth": 0.25}
