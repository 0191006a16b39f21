"""The embedded server answers as the recorded kube-apiserver did, step by step."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from testing.calling import Caller

from conformance import transcripts
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from pathlib import Path

TOKENS = 'lab-token,admin,1001,"system:masters"\nweak-token,weakuser,1002,"weak"\n'
#: The address the recorded server told in ``GET /api``.
RECORDED_ADDRESS = "127.0.0.1:16543"
#: Steps that do not agree yet: scenario → step numbers. It may only shrink.
NOT_YET: dict[str, set[int]] = {}


def send(call: Caller, request: dict[str, Any]) -> dict[str, Any]:
    """Send a recorded request and return the answer in the form of a recorded one."""
    headers = dict(request["headers"])
    token = request.get("token", "lab-token")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    answer = call(request["method"], request["path"], request.get("body"), **headers)
    result: dict[str, Any] = {"status": answer.status, "headers": answer.headers}
    watching = "watch=" in request["path"] or "/watch/" in request["path"]
    if watching and answer.status == 200:
        return {**result, "stream": answer.events}
    if "json" in answer.headers.get("content-type", "") and answer.raw.strip():
        return {**result, "body": answer.json}
    return {**result, "text": answer.raw.decode()}


def replay(call: Caller, scenario: str) -> dict[int, tuple[Any, Any]]:
    """Replay a scenario; return wanted and got of every step that differs."""
    names: dict[str, str] = {}
    different = {}
    for step in transcripts.steps(scenario):
        if "request" not in step:
            continue
        request = transcripts.fill(step["request"], names)
        answer = send(call, request)
        for name, path in step.get("save", {}).items():
            names[name] = transcripts.look_up(answer.get("body", answer.get("stream")), path)
        wanted = transcripts.comparable(step["response"], request["path"])
        got = transcripts.comparable(answer, request["path"])
        if wanted != got:
            different[step["step"]] = (wanted, got)
    return different


@pytest.fixture
def call(tmp_path: Path) -> Any:
    """Return a caller of a fresh server with the recorded server's users and address."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text(TOKENS)
    with APIServer(token_auth_file=tokens, advertise_address=RECORDED_ADDRESS) as server:
        yield Caller(server.url)


@pytest.mark.parametrize("scenario", transcripts.SCENARIOS)
def test_every_step_agrees_with_the_recording(call: Caller, scenario: str) -> None:
    """Status, headers, objects, messages, managedFields, warnings and events are the real server's."""
    different = replay(call, scenario)
    known = NOT_YET.get(scenario, set())
    lost = {step: pair for step, pair in different.items() if step not in known}
    assert not lost, json.dumps(lost, indent=1)[:6000]
    assert different.keys() == known, f"these agree now, take them off the list: {known - different.keys()}"


def test_all_350_steps_are_replayed() -> None:
    """No transcript was lost."""
    total = sum(1 for scenario in transcripts.SCENARIOS for step in transcripts.steps(scenario) if "request" in step)
    assert total == 350


def test_the_server_needs_no_pauses(call: Caller) -> None:
    """The recorder waited for CRDs to be served; this server serves them when the POST returns."""
    started = time.monotonic()
    assert not replay(call, "crd-multiversion-cluster")
    assert time.monotonic() - started < 3
