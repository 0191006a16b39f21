"""What a kube-apiserver 1.36.2 refused, as recorded: one object of each kind, each time with one field changed.

``refusals.json.gz`` holds for every object its path and the changes; a change is where (``at``), what is put there
(``value``; nothing when the field was taken out), and the answer: its code and either the causes as ``field: message``
or the one message there was.
"""

from __future__ import annotations

import copy
import functools
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testing.calling import Answer, Caller


@functools.cache
def recorded() -> dict[str, Any]:
    """Return the recording: by kind and name of the object."""
    packed = Path(__file__).with_name("refusals.json.gz").read_bytes()
    found: dict[str, Any] = json.loads(gzip.decompress(packed))
    return found


def changed(obj: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of an object with one change made to it."""
    *parents, last = change["at"]
    result = copy.deepcopy(obj)
    place: Any = result
    for key in parents:
        place = place[key]
    if "value" in change:
        place[last] = change["value"]
    else:
        del place[last]
    return result


def told(answer: Answer) -> list[str]:
    """Return the causes of a failure, its message when there are none."""
    status = answer.json
    causes = (status.get("details") or {}).get("causes") or []
    return [f"{cause.get('field', '')}: {cause['message']}" for cause in causes] or [status.get("message", "")]


@pytest.mark.parametrize("name", sorted(recorded()))
def test_what_was_refused_is_refused_in_the_same_words(call: Caller, name: str) -> None:
    """Each change gets the recorded code and causes, in the recorded order; the unchanged object is accepted."""
    call.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "refusals"}})
    entry = recorded()[name]
    path = f"{entry['path']}?dryRun=All"
    wrong = []
    for change in entry["refused"]:
        answer = call("POST", path, changed(entry["object"], change))
        if (answer.status, told(answer)) != (change["code"], change["told"]):
            wrong.append(
                (change["at"], change.get("value"), change["code"], change["told"], answer.status, told(answer))
            )
    assert wrong == []
    assert call("POST", path, entry["object"]).status == 201
