"""An election between processes of the operating system, of which some are killed, stopped and suspended."""

from __future__ import annotations

import itertools
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from controller.contender import LEASE, RETRY
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).with_name("contender.py")
#: What starting threads and sending requests may cost on a machine that is busy with other things, in seconds.
SLACK = 3.0
PATIENCE = 60.0


class _Process:
    """One contender; what it says is read as it comes."""

    def __init__(self, election: _Election, identity: str) -> None:
        self.identity = identity
        self._election = election
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), election.url, identity, str(election.path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, name=f"contender-{identity}")
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self._election.said.put((self.identity, line.strip()))

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def kill(self) -> float:
        """Kill it; return when it was certainly gone."""
        self._process.kill()
        self._process.wait(PATIENCE)
        gone = time.monotonic()
        self._reader.join(PATIENCE)
        return gone

    def wait(self) -> int:
        """Wait until it has ended by itself and return its exit code."""
        code = self._process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code


class _Election:
    """A server, the contenders and what they noted."""

    def __init__(self, server: APIServer, path: Path) -> None:
        self.server = server
        self.url = server.url
        self.path = path
        self.said: queue.Queue[tuple[str, str]] = queue.Queue()
        self.processes: dict[str, _Process] = {}

    def enter(self, *identities: str) -> None:
        """Start contenders and wait until each is ready to be told to end."""
        for identity in identities:
            self.processes[identity] = _Process(self, identity)
        missing = set(identities)
        while missing:
            who, word = self.said.get(timeout=PATIENCE)
            if word == "ready":
                missing.discard(who)
            elif word == "begin":
                self.said.put((who, word))

    def leader(self) -> str:
        """Wait for the next leadership and return whose it is."""
        while True:
            who, word = self.said.get(timeout=PATIENCE)
            if word == "begin":
                return who

    def noted(self, word: str, identity: str) -> list[float]:
        """Return the times a contender noted."""
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return [float(when) for what, who, when in lines if (what, who) == (word, identity)]

    def leaderships(self, killed: dict[str, float]) -> list[tuple[float, float, str]]:
        """Return every leadership in the order of its beginning; a killed process led no longer than it lived."""
        terms: list[tuple[float, float, str]] = []
        open_terms: dict[str, float] = {}
        for line in self.path.read_text().splitlines():
            what, who, when = line.split()
            if what == "begin":
                assert who not in open_terms, f"{who} led twice at once"
                open_terms[who] = float(when)
            else:
                terms.append((open_terms.pop(who), float(when), who))
        terms.extend((begin, killed[who], who) for who, begin in open_terms.items())
        return sorted(terms)

    def lease(self) -> dict[str, Any]:
        """Return the Lease as the server has it."""
        with self.server.client() as client:
            lease: dict[str, Any] = (
                client.resource("coordination.k8s.io/v1", "leases").namespace("default").get("contended")
            )
            return lease


@pytest.fixture
def election(tmp_path: Path) -> Iterator[_Election]:
    """Return an election on an embedded server; whoever is left at its end is killed."""
    with APIServer(controllers=False) as server:
        election = _Election(server, tmp_path / "leaderships")
        try:
            yield election
        finally:
            for process in election.processes.values():
                process.kill()


def _never_two(terms: list[tuple[float, float, str]]) -> None:
    for (_, end, who), (begin, _, other) in itertools.pairwise(terms):
        assert end <= begin, f"{other} began {end - begin:.3f} s before {who} ended"


@pytest.mark.timeout(240)
def test_processes_take_over_from_each_other(election: _Election) -> None:
    """A killed leader is followed within the lease and one retry, a stopped one at once, and no two ever lead."""
    election.enter("a", "b", "c")
    first = election.leader()

    killed = {first: election.processes.pop(first).kill()}
    second = election.leader()
    waited = election.noted("begin", second)[0] - killed[first]
    assert waited <= LEASE + 2.2 * RETRY + SLACK

    process = election.processes.pop(second)
    process.send(signal.SIGTERM)
    assert process.wait() == 0, "a stopped leader ends by itself"
    third = election.leader()
    ended, begun = election.noted("end", second)[-1], election.noted("begin", third)[0]
    assert begun - ended < LEASE, "the lease was freed, not waited for"

    process = election.processes.pop(third)
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    terms = election.leaderships(killed)
    _never_two(terms)
    assert {who for _, _, who in terms} == {"a", "b", "c"}
    lease = election.lease()["spec"]
    assert lease["holderIdentity"] == "", "the last one frees the lease, too"
    assert lease["leaseTransitions"] >= 2


@pytest.mark.timeout(240)
def test_processes_live_through_failures_of_the_server(election: _Election) -> None:
    """Outages and restarts of the server may end a leadership, and never let two lead."""
    election.enter("a", "b")
    election.leader()
    for _ in range(3):
        election.server.restart()
    victim = next(iter(election.processes))
    killed = {victim: election.processes.pop(victim).kill()}
    (survivor,) = election.processes
    election.enter("c")
    process = election.processes.pop(survivor)
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    while election.leader() != "c":
        continue
    last = election.processes.pop("c")
    last.send(signal.SIGTERM)
    assert last.wait() == 0
    _never_two(election.leaderships(killed))


@pytest.mark.timeout(240)
def test_processes_contend_while_requests_fail(election: _Election) -> None:
    """Refused, lost, late and unanswered requests may end a leadership, and never let two lead."""
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("error", {"probability": 0.1, "status": 500}),
        ("reset-before-headers", {"probability": 0.1}),
        ("reset-after-headers", {"probability": 0.1}),
        ("latency", {"probability": 0.1, "seconds": 0.5}),
        ("half-open", {"probability": 0.05}),
    ]
    faults = [election.server.inject(kind, path="*/leases*", **rule) for kind, rule in kinds]
    election.enter("a", "b")
    while not all(fault.hits >= 3 for fault in faults):
        threading.Event().wait(0.05)
    election.server.faults.clear()
    for identity in ("a", "b"):
        process = election.processes.pop(identity)
        process.send(signal.SIGTERM)
        assert process.wait() == 0
    terms = election.leaderships({})
    assert terms, "somebody led"
    _never_two(terms)
