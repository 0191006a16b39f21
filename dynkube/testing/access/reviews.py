"""Resources that are questions: who am I, may I, may they, whose token is this. Answered, never stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.testing.access.authentication import User
from dynkube.testing.access.authorization import Attributes, Authorizer
from dynkube.testing.flows import writing
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.options import manager_name, write_options
from dynkube.testing.objects.report import Report
from dynkube.testing.patches import managed_fields

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource

    Handler = Callable[[Call, Resource, Authorizer, dict[str, Any]], dict[str, Any]]


def create(call: Call, resource: Resource, authorizer: Authorizer) -> ObjectAnswer:
    """Answer a POST of a review."""
    if call.route.verb != "create":
        raise failures.method_not_allowed()
    options = write_options(call.route.query, "CreateOptions")
    review = writing.decoded(call, resource, options)
    handler = _HANDLERS.get(resource.name)
    if handler is None:
        # bindings: POSTed to the collection, the binding names its pod.
        raise failures.no_such_resource()
    status = handler(call, resource, authorizer, review)
    metadata: dict[str, Any] = dict(review.get("metadata") or {})
    if resource.name == "selfsubjectreviews":
        metadata["creationTimestamp"] = call.cluster.now()
    elif "spec" in review:
        fields = _managed(call, resource, review, options)
        if fields:
            metadata["managedFields"] = fields
    document = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
    if "spec" in review:
        document["spec"] = review["spec"]
    return ObjectAnswer({**document, "status": status}, status=201)


def _managed(call: Call, resource: Resource, review: dict[str, Any], options: Any) -> list[dict[str, Any]]:
    return managed_fields.record_update(
        None,
        {name: value for name, value in review.items() if name != "status"},
        manager=manager_name(options, call.header("user-agent")),
        operation="Update",
        api_version=resource.api_version,
        subresource="",
        schema=call.cluster.schema_of(resource),
        time=call.cluster.now(),
    )


def _who(call: Call, _resource: Resource, _authorizer: Authorizer, _review: dict[str, Any]) -> dict[str, Any]:
    return {"userInfo": call.user.as_dict()}


def _check(resource: Resource, review: dict[str, Any]) -> None:
    """Raise the 422 Failure of a question that is none."""
    report, spec, metadata = Report(), review.get("spec") or {}, review.get("metadata") or {}
    asked, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if asked is not None and path is not None:
        why = "cannot be specified in combination with resourceAttributes"
        report.invalid("spec.nonResourceAttributes", _go_path(path), why)
    if asked is None and path is None:
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        report.invalid("spec.resourceAttributes", None, why)
    own = resource.name == "selfsubjectaccessreviews"
    if not own and not spec.get("user") and not spec.get("groups"):
        report.invalid("spec.user", "", "at least one of user or group must be specified")
    local = resource.name == "localsubjectaccessreviews"
    if {key for key, value in metadata.items() if value} - ({"namespace"} if local else set()):
        report.invalid("metadata", metadata, "must be empty except for namespace" if local else "must be empty")
    if local and asked is not None and asked.get("namespace", "") != metadata.get("namespace", ""):
        field = "spec.resourceAttributes.namespace"
        report.invalid(field, asked.get("namespace", ""), "must match metadata.namespace")
    if local and path is not None:
        report.invalid("spec.nonResourceAttributes", _go_path(path), "disallowed on this kind of request")
    if report.causes:
        # The server leaves the kind out here.
        raise failures.invalid(resource.group, "", "", report.causes)


def _go_path(path: dict[str, Any]) -> dict[str, Any]:
    """Return non-resource attributes as the server prints its internal form."""
    return {"Path": path.get("path", ""), "Verb": path.get("verb", "")}


def _question(user: User, spec: dict[str, Any]) -> Attributes:
    asked = spec.get("resourceAttributes")
    if asked is None:
        path = spec.get("nonResourceAttributes") or {}
        return Attributes(user=user, verb=path.get("verb", ""), path=path.get("path", ""))
    return Attributes(
        user=user,
        verb=asked.get("verb", ""),
        group=asked.get("group", ""),
        version=asked.get("version", ""),
        resource=asked.get("resource", ""),
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )


def _decision(authorizer: Authorizer, ask: Attributes) -> dict[str, Any]:
    allowed, reason = authorizer.decide(ask)
    return {"allowed": allowed, **({"reason": reason} if reason else {})}


def _may_i(call: Call, resource: Resource, authorizer: Authorizer, review: dict[str, Any]) -> dict[str, Any]:
    _check(resource, review)
    return _decision(authorizer, _question(call.user, review["spec"]))


def _may_they(call: Call, resource: Resource, authorizer: Authorizer, review: dict[str, Any]) -> dict[str, Any]:
    if resource.namespaced:
        metadata = review.setdefault("metadata", {})
        writing.check_namespace(call, metadata)
    _check(resource, review)
    spec = review["spec"]
    user = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
    return _decision(authorizer, _question(user, spec))


def _my_rules(call: Call, _resource: Resource, authorizer: Authorizer, review: dict[str, Any]) -> dict[str, Any]:
    namespace = (review.get("spec") or {}).get("namespace", "")
    if not namespace:
        raise failures.bad_request("no namespace on request")
    resources, paths = [], []
    everything = authorizer.allows(Attributes(user=call.user, verb="*", group="*", resource="*"))
    if everything:
        resources.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
        paths.append({"verbs": ["*"], "nonResourceURLs": ["*"]})
    for rule in authorizer.rules(call.user, namespace):
        if rule.get("nonResourceURLs"):
            paths.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
        else:
            kept = ("verbs", "apiGroups", "resources", "resourceNames")
            resources.append({name: rule[name] for name in kept if rule.get(name)})
    return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}


def _whose(call: Call, _resource: Resource, _authorizer: Authorizer, review: dict[str, Any]) -> dict[str, Any]:
    spec = review.get("spec") or {}
    token = spec.get("token", "")
    if not token:
        raise failures.bad_request("token is required for TokenReview in authentication")
    user = call.cluster.authenticator.user_of_token(token)
    if user is None:
        return {"user": {}, "error": "invalid bearer token"}
    audiences = spec.get("audiences")
    status: dict[str, Any] = {"authenticated": True, "user": user.as_dict()}
    return status | ({"audiences": audiences} if audiences else {})


_HANDLERS: dict[str, Handler] = {
    "selfsubjectreviews": _who,
    "selfsubjectaccessreviews": _may_i,
    "subjectaccessreviews": _may_they,
    "localsubjectaccessreviews": _may_they,
    "selfsubjectrulesreviews": _my_rules,
    "tokenreviews": _whose,
}
