"""Token requests and bindings, as a kube-apiserver 1.36 answers (the same requests were sent to one)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from testing.calling import Caller, pod
from testing.unrecorded import N

OTHER_UID = (
    "the UID in the bound object reference (zz) does not match the UID in record. "
    "The object might have been deleted and then recreated"
)
TOKEN = f"{N}/serviceaccounts/default/token"


def wanted(**spec: Any) -> dict[str, Any]:
    """Return a TokenRequest."""
    return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


@pytest.fixture(autouse=True)
def _account(call: Caller) -> None:
    call("POST", f"{N}/serviceaccounts", {"metadata": {"name": "default"}})


def test_a_token_request_comes_back_with_metadata(call: Caller) -> None:
    """The answer has the account's uid, and who asked for what, through the subresource token."""
    account = call.ok("GET", f"{N}/serviceaccounts/default")["metadata"]
    metadata = call.ok("POST", f"{TOKEN}?fieldManager=me", wanted(audiences=["x"]))["metadata"]
    assert metadata["uid"] == account["uid"]
    (entry,) = metadata["managedFields"]
    assert (entry["manager"], entry["operation"], entry["subresource"]) == ("me", "Update", "token")
    assert entry["apiVersion"] == "authentication.k8s.io/v1"
    assert entry["fieldsV1"] == {"f:spec": {"f:audiences": {}, "f:expirationSeconds": {}}}


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(5, "less than 10 minutes"), (0, "less than 10 minutes"), (1 << 33, "larger than 2^32 seconds")],
)
def test_a_life_out_of_range_is_refused_without_a_name(call: Caller, seconds: int, why: str) -> None:
    """The 422 is about TokenRequest "", and its details have no name."""
    answer = call("POST", TOKEN, wanted(expirationSeconds=seconds))
    message = f"Invalid value: {seconds}: may not specify a duration {why}"
    assert answer.status == 422
    where = "spec.expirationSeconds"
    assert answer.json["message"] == f'TokenRequest.authentication.k8s.io "" is invalid: {where}: {message}'
    assert "name" not in answer.json["details"]


@pytest.mark.parametrize(
    ("reference", "code", "message"),
    [
        ({"kind": "Pod", "apiVersion": "v1", "name": "nope"}, 404, 'pods "nope" not found'),
        ({"kind": "Secret", "apiVersion": "v1", "name": "nope"}, 404, 'secrets "nope" not found'),
        ({"kind": "Node", "apiVersion": "v1", "name": "nope"}, 404, 'nodes "nope" not found'),
        ({"kind": "Pod", "apiVersion": "v1"}, 400, "Name parameter required."),
        (
            {"kind": "ConfigMap", "apiVersion": "v1", "name": "c"},
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            {"kind": "Pod", "apiVersion": "apps/v1", "name": "p"},
            400,
            "cannot bind token to object of type apps/v1, Kind=Pod",
        ),
        (
            {"kind": "Pod", "apiVersion": "v1", "name": "other"},
            400,
            'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
        ),
        (
            {"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "zz"},
            409,
            f'Operation cannot be fulfilled on Pod "p": {OTHER_UID}',
        ),
    ],
)
def test_a_token_is_bound_only_to_what_is_there(
    call: Caller, reference: dict[str, str], code: int, message: str
) -> None:
    """Missing objects are 404, kinds that cannot hold tokens and pods of other accounts 400, another uid 409."""
    call.ok("POST", f"{N}/serviceaccounts", {"metadata": {"name": "other"}})
    call.ok("POST", f"{N}/pods", pod("p"))
    call.ok("POST", f"{N}/pods", pod("other", serviceAccountName="other"))
    answer = call("POST", TOKEN, wanted(boundObjectRef=reference))
    assert (answer.status, answer.json["message"]) == (code, message)


def test_a_bound_token_names_what_it_is_bound_to(call: Caller) -> None:
    """The pod is among the claims with its uid, and each token has an id of its own."""
    uid = call.ok("POST", f"{N}/pods", pod("p"))["metadata"]["uid"]
    asked = wanted(boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p"})
    token = call.ok("POST", TOKEN, asked)["status"]["token"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
    assert claims["kubernetes.io"]["pod"] == {"name": "p", "uid": uid}
    assert claims["jti"]


def test_a_token_request_that_names_another_account(call: Caller) -> None:
    """It is refused (422) before anybody looks whether the account of the path is there."""
    answer = call("POST", f"{N}/serviceaccounts/zz/token", {**wanted(), "metadata": {"name": "other"}})
    why = 'metadata.name: Invalid value: "other": must match the service account name if specified'
    assert answer.status == 422
    assert answer.json["message"] == f'TokenRequest.authentication.k8s.io "zz" is invalid: {why}'


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (
            {"kind": "Pod", "name": ""},
            '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", target.name: Required value]',
        ),
        ({"kind": "Pod", "name": "n"}, 'target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"'),
        ({"kind": "Node"}, "target.name: Required value"),
    ],
)
def test_bindings_to_no_node(call: Caller, target: dict[str, str], message: str) -> None:
    """They are 500 without a reason, whether or not the pod is there: the errors escape unclassified."""
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": target}
    answer = call("POST", f"{N}/pods/p/binding", body)
    assert (answer.status, answer.json["message"]) == (500, message)
    assert "reason" not in answer.json
    assert "details" not in answer.json
