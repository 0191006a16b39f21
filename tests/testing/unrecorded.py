"""Answers no transcript holds, known from kube-apiserver's behaviour and documentation: to be replaced by recordings.

Each step names what is sent and what is certain about the answer. The wording is that of kube-apiserver 1.36 as far as
it is known from its validation packages; where a part is not certain (the diff in "spec is immutable", say) the test
looks at the certain part alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testing.calling import Answer, Caller

N = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
BATCH = "/apis/batch/v1/namespaces/default"
NETWORK = "/apis/networking.k8s.io/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
REVIEWS = "/apis/authorization.k8s.io/v1"
MERGE = {"Content_Type": "application/merge-patch+json"}
APPLY = {"Content_Type": "application/apply-patch+yaml"}
STRATEGIC = {"Content_Type": "application/strategic-merge-patch+json"}


@dataclass(frozen=True)
class Step:
    """One request and what is certain about its answer."""

    title: str
    method: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    code: int = 201
    reason: str = ""
    #: The causes as ``field: message``, in order; an empty tuple looks at none.
    causes: tuple[str, ...] = ()
    #: The message of the Status, or how it begins if it ends with ``...``.
    message: str = ""
    #: Values of the answer by path (``spec.hard.pods``).
    values: dict[str, Any] = field(default_factory=dict)

    def check(self, call: Caller) -> None:
        """Send the request and compare the answer."""
        answer = call(self.method, self.path, self.body, **self.headers)
        assert answer.status == self.code, (self.title, answer.status, answer.raw)
        if self.reason or self.causes or self.message:
            self._check_status(answer)
        for path, value in self.values.items():
            found = answer.json
            for part in path.split("."):
                found = found[int(part)] if isinstance(found, list) else found.get(part)
            assert found == value, (self.title, path, found)

    def _check_status(self, answer: Answer) -> None:
        status = answer.json
        assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", self.code)
        if self.reason:
            assert status["reason"] == self.reason, self.title
        if self.causes:
            found = [f"{cause.get('field', '')}: {cause['message']}" for cause in status["details"]["causes"]]
            assert found == list(self.causes), (self.title, json.dumps(found, indent=1))
        if self.message.endswith("..."):
            assert status["message"].startswith(self.message[:-3]), (self.title, status["message"])
        elif self.message:
            assert status["message"] == self.message, (self.title, status["message"])


def run(call: Caller, *steps: Step) -> None:
    """Check steps one after the other: later ones build on earlier ones."""
    for step in steps:
        step.check(call)


def invalid(title: str, method: str, path: str, body: Any, *causes: str, **headers: str) -> Step:
    """Return a step that is refused with these causes."""
    return Step(title, method, path, body, headers, code=422, reason="Invalid", causes=causes)


def named(name: str, **parts: Any) -> dict[str, Any]:
    """Return a manifest; apiVersion and kind follow from the path it is sent to."""
    return {"metadata": {"name": name}, **parts}


def template(labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a pod template with one container."""
    found = {"app": "a"} if labels is None else labels
    return {"metadata": {"labels": found}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
