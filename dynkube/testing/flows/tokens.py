"""Tokens for service accounts, asked for by a POST to the account."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from dynkube.objects import nested_get
from dynkube.testing.flows import parts
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.options import write_options
from dynkube.testing.objects.report import Report

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource, Subresource

#: Longest life of a service account token, in seconds, the shortest, and the one it gets when none is asked for.
_LONGEST_TOKEN, _SHORTEST_TOKEN, _DEFAULT_TOKEN = 1 << 32, 600, 3600
#: What a token may be bound to: it ends with it.
_BOUND: Final = {("v1", "Pod"): "pods", ("v1", "Secret"): "secrets", ("v1", "Node"): "nodes"}


def _checked(call: Call, asked: dict[str, Any]) -> int:
    """Return how long the token is to live, in seconds. Raises a 422 Failure."""
    report, name = Report(), call.route.name
    metadata = asked.get("metadata") or {}
    for key, wanted, what in (("name", name, "name"), ("namespace", call.key[0], "namespace")):
        if metadata.get(key) not in (None, "", wanted):
            why = f"must match the service account {what} if specified"
            report.invalid(f"metadata.{key}", metadata[key], why)
    if report.causes:
        raise failures.invalid("", "", name, report.causes)
    seconds: int = nested_get(asked, "spec", "expirationSeconds") or _DEFAULT_TOKEN
    if not _SHORTEST_TOKEN <= seconds <= _LONGEST_TOKEN:
        limit, word = ("10 minutes", "less") if seconds < _SHORTEST_TOKEN else ("2^32 seconds", "larger")
        report.invalid("spec.expirationSeconds", seconds, f"may not specify a duration {word} than {limit}")
        raise failures.invalid("", "", "", report.causes)
    return seconds


def _check_bound(call: Call, asked: dict[str, Any]) -> None:
    """Raise a 400, 404 or 409 Failure when what the token is to be bound to is not there."""
    bound = nested_get(asked, "spec", "boundObjectRef")
    if not bound:
        return
    version, kind, name = (str(bound.get(key) or "") for key in ("apiVersion", "kind", "name"))
    plural = _BOUND.get((version, kind))
    if plural is None:
        group, _, short = version.rpartition("/")
        raise failures.bad_request(f"cannot bind token to object of type {group}/{short}, Kind={kind}")
    key = ("" if plural == "nodes" else call.key[0], name)
    record = call.cluster.store.get(("", plural), key)
    if record is None:
        raise failures.not_found("", plural, name)
    uid = record.object["metadata"]["uid"]
    if bound.get("uid") and bound["uid"] != uid:
        why = f"the UID in the bound object reference ({bound['uid']}) does not match the UID in record. "
        why += "The object might have been deleted and then recreated"
        raise failures.conflict("", plural, name, why)


def issue(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    """Answer a POST of a TokenRequest."""
    options = write_options(call.route.query, "CreateOptions")
    asked = parts.body(call, sub, options.field_validation)
    record = call.cluster.get(resource, call.key)
    account = record.object["metadata"]
    seconds = _checked(call, asked)
    _check_bound(call, asked)
    authenticator = call.cluster.authenticator
    issued = int(time.time())
    audiences = nested_get(asked, "spec", "audiences") or [authenticator.issued.ISSUER]
    claims = {
        "aud": audiences,
        "exp": issued + seconds,
        "iat": issued,
        "iss": authenticator.issued.ISSUER,
        "kubernetes.io": {
            "namespace": call.key[0],
            "serviceaccount": {"name": call.route.name, "uid": account["uid"]},
        },
        "nbf": issued,
        "sub": f"system:serviceaccount:{call.key[0]}:{call.route.name}",
    }
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued + seconds))
    spec = {**(asked.get("spec") or {}), "audiences": audiences, "expirationSeconds": seconds}
    spec.setdefault("boundObjectRef", None)
    document = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {
            "name": call.route.name,
            "namespace": call.key[0],
            "creationTimestamp": call.cluster.now(),
        },
        "spec": spec,
        "status": {"token": authenticator.issued.issue(claims), "expirationTimestamp": expires},
    }
    return ObjectAnswer(document, status=201)
