"""Tokens for service accounts, asked for by a POST to the account."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from dynkube.names import GroupVersionKind
from dynkube.objects import nested_get
from dynkube.testing.flows import parts
from dynkube.testing.flows.stamping import ordered
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.options import manager_name, write_options
from dynkube.testing.objects.report import Report
from dynkube.testing.patches import managed_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.http.options import WriteOptions
    from dynkube.testing.resources.registry import Resource, Subresource

_TOKEN_REQUEST: Final = GroupVersionKind("authentication.k8s.io", "v1", "TokenRequest")
#: Longest life of a service account token, in seconds, the shortest, and the one it gets when none is asked for.
_LONGEST, _SHORTEST, _DEFAULT = 1 << 32, 600, 3600
#: The kinds a token may be bound to, and where their objects are.
_BOUND: Final = {"Pod": "pods", "Secret": "secrets", "Node": "nodes"}


def issue(call: Call, resource: Resource, sub: Subresource) -> ObjectAnswer:
    """Answer a POST of a TokenRequest. Raises a 4xx Failure."""
    options = write_options(call.route.query, "CreateOptions")
    asked = parts.body(call, sub, options.field_validation)
    sent, name, namespace = asked.get("metadata") or {}, call.route.name, call.key[0]
    if sent.get("name") not in (None, "", name):
        report = Report()
        report.invalid("metadata.name", sent["name"], "must match the service account name if specified")
        raise failures.invalid(_TOKEN_REQUEST.group, _TOKEN_REQUEST.kind, name, report.causes)
    if sent.get("namespace") not in (None, "", namespace):
        text = "the namespace of the provided object does not match the namespace sent on the request"
        raise failures.bad_request(text)
    account = call.cluster.get(resource, call.key).object["metadata"]
    _check_uid(sent, account, name)
    spec = asked.get("spec") or {}
    seconds = _seconds(spec)
    bound, holders = spec.get("boundObjectRef"), _holders(call, spec)
    issued, issuer = int(time.time()), call.cluster.authenticator.issued
    audiences = spec.get("audiences") or [issuer.ISSUER]
    claims = {
        "aud": audiences,
        "exp": issued + seconds,
        "iat": issued,
        "iss": issuer.ISSUER,
        "jti": str(uuid.uuid4()),
        "kubernetes.io": {
            "namespace": namespace,
            **holders,
            "serviceaccount": {"name": name, "uid": account["uid"]},
        },
        "nbf": issued,
        "sub": f"system:serviceaccount:{namespace}:{name}",
    }
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(issued + seconds))
    document = {
        "kind": _TOKEN_REQUEST.kind,
        "apiVersion": _TOKEN_REQUEST.group_version.api_version,
        "metadata": {
            **sent,
            "name": name,
            "namespace": namespace,
            "uid": account["uid"],
            "creationTimestamp": call.cluster.now(),
            "managedFields": _managed(call, asked, seconds, options),
        },
        "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound},
        "status": {"token": issuer.issue(claims), "expirationTimestamp": expires},
    }
    return ObjectAnswer(ordered(document), status=201)


def _check_uid(sent: Mapping[str, Any], account: Mapping[str, Any], name: str) -> None:
    uid = sent.get("uid")
    if uid and uid != account["uid"]:
        why = f"the UID in the token request ({uid}) does not match the UID of the service account ({account['uid']})"
        raise failures.conflict(_TOKEN_REQUEST.group, _TOKEN_REQUEST.kind, name, why)


def _seconds(spec: Mapping[str, Any]) -> int:
    """Return how long the token is to live. Raises a 422 Failure, which names no object."""
    asked = spec.get("expirationSeconds")
    seconds: int = _DEFAULT if asked is None else asked
    if not _SHORTEST <= seconds <= _LONGEST:
        limit, word = ("10 minutes", "less") if seconds < _SHORTEST else ("2^32 seconds", "larger")
        report = Report()
        report.invalid("spec.expirationSeconds", seconds, f"may not specify a duration {word} than {limit}")
        raise failures.invalid(_TOKEN_REQUEST.group, _TOKEN_REQUEST.kind, "", report.causes)
    return seconds


def _holders(call: Call, spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the claims about what the token is bound to. Raises a 400, 404 or 409 Failure when it cannot be."""
    bound = spec.get("boundObjectRef")
    if not bound:
        return {}
    version, kind, name = (str(bound.get(key) or "") for key in ("apiVersion", "kind", "name"))
    if kind not in _BOUND or version not in ("", "v1"):
        group, _, short = version.rpartition("/")
        raise failures.bad_request(f"cannot bind token to object of type {group}/{short}, Kind={kind}")
    if not name:
        raise failures.bad_request("Name parameter required.")
    resource = call.cluster.resource("", "v1", _BOUND[kind])
    holder = call.cluster.get(resource, (call.key[0] if resource.namespaced else "", name)).object
    uid = holder["metadata"]["uid"]
    # On a real cluster admission writes the default one into every pod.
    account = nested_get(holder, "spec", "serviceAccountName") or "default"
    if kind == "Pod" and account != call.route.name:
        why = "to pod running with different serviceaccount name."
        raise failures.bad_request(f'cannot bind token for serviceaccount "{call.route.name}" {why}')
    if bound.get("uid") not in (None, "", uid):
        why = (
            f"the UID in the bound object reference ({bound['uid']}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
        raise failures.conflict("", kind, name, why)
    claims = {kind.lower(): {"name": name, "uid": uid}}
    node = nested_get(holder, "spec", "nodeName") if kind == "Pod" else None
    record = call.cluster.store.get(("", "nodes"), ("", node)) if node else None
    if record is not None:
        # A pod's token also tells where it runs.
        claims["node"] = {"name": str(node), "uid": record.object["metadata"]["uid"]}
    return dict(sorted(claims.items()))


def _managed(call: Call, asked: dict[str, Any], seconds: int, options: WriteOptions) -> list[dict[str, Any]]:
    """Return who owns what of the request: all that was sent, and the default of its life."""
    return managed_fields.record_update(
        None,
        {**asked, "spec": {**(asked.get("spec") or {}), "expirationSeconds": seconds}},
        manager=manager_name(options, call.header("user-agent")),
        api_version=_TOKEN_REQUEST.group_version.api_version,
        schema=call.cluster.schemas.schema_for(_TOKEN_REQUEST),
        time=call.cluster.now(),
        subresource="token",
    )
