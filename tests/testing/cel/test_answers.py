"""Custom objects with rules, created, changed, patched and applied: every answer as a kube-apiserver 1.36 gave it.

What is compared: the code, the reason, every cause with field, reason and message (in any order: the server goes over
maps at random), the message of other failures, and the warnings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from testing.calling import CRDS, Answer, Caller
from testing.cel.recorded import recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

CASES: list[dict[str, Any]] = recorded("answers")
NAMESPACE = "cel-helper"


def _warnings(answer: Answer) -> Iterator[str]:
    for text in re.findall(r'299 - "((?:\\.|[^"\\])*)"', answer.headers.get("warning", "")):
        yield text.replace('\\"', '"').replace("\\\\", "\\")


def _told(answer: Answer) -> dict[str, Any]:
    """Return an answer in the form they are recorded in."""
    found: dict[str, Any] = {"code": answer.status}
    if answer.status >= 400:
        status = answer.json
        causes = (status.get("details") or {}).get("causes") or []
        found["reason"] = status.get("reason")
        if causes:
            found["causes"] = sorted(f"{one.get('field')}: {one['reason']}: {one['message']}" for one in causes)
        else:
            found["message"] = status.get("message")
    warnings = sorted(_warnings(answer))
    return {**found, "warnings": warnings} if warnings else found


@pytest.mark.parametrize("case", CASES, ids=[case["title"] for case in CASES])
def test_objects_are_answered_as_recorded(call: Caller, case: dict[str, Any]) -> None:
    """Every step of a recording gets the recorded answer."""
    call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    assert _told(call("POST", CRDS, case["definition"])) == case["answer"]
    spec = case["definition"]["spec"]
    path = f"/apis/{spec['group']}/v1/namespaces/{NAMESPACE}/{spec['names']['plural']}"
    for step in case["steps"]:
        answer = call(step["method"], path + step["path"], step["body"], **{"Content-Type": step["type"]})
        assert _told(answer) == step["answer"], step
