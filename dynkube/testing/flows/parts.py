"""What handlers of subresources have in common: bodies of a kind of their own, conditions, plain success."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.names import GroupVersionKind
from dynkube.testing.http import failures
from dynkube.testing.http.answers import ObjectAnswer
from dynkube.testing.http.negotiation import BODY_TYPES, JSON, YAML
from dynkube.testing.objects.decoding import decode

if TYPE_CHECKING:
    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Subresource


def body(call: Call, sub: Subresource, validation: Any = "Warn") -> dict[str, Any]:
    """Return the body as an object of the subresource's own kind. Raises a 4xx Failure."""
    if call.content_type not in (JSON, YAML):
        raise failures.unsupported_media_type(BODY_TYPES)
    gvk = GroupVersionKind(sub.group, sub.version, sub.kind)
    schema = call.cluster.schemas.schema_for(gvk)
    obj, warnings = decode(
        call.request.body,
        call.content_type,
        gvk=gvk,
        schema=schema,
        validation=validation,
    )
    call.warnings += warnings
    return obj


def success(code: int = 201) -> ObjectAnswer:
    """Return the answer that says nothing but that it worked."""
    document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
    return ObjectAnswer(document, status=code)


def set_condition(obj: dict[str, Any], condition: dict[str, Any], now: str) -> None:
    """Put a condition into an object's status, in the place of one of the same type."""
    full = {**condition, "lastProbeTime": None, "lastTransitionTime": now}
    ordered = {name: full[name] for name in ("type", "status", "lastProbeTime", "lastTransitionTime")}
    status = obj.setdefault("status", {})
    others = [known for known in status.get("conditions") or () if known.get("type") != condition["type"]]
    status["conditions"] = [*others, ordered | full]
