"""Which form of discovery is asked for, and which form an answer has."""

from __future__ import annotations

#: The per-group documents every server speaks.
JSON = "application/json"

#: What asks for every resource of an endpoint in one answer, best form first. v2beta1 is for servers 1.26 to 1.29.
AGGREGATED = (
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
    "application/json"
)

#: Versions of APIGroupDiscoveryList this package decodes; the two differ in nothing it reads.
_AGGREGATED_VERSIONS = frozenset({"v2", "v2beta1"})


def is_aggregated(content_type: str) -> bool:
    """Whether an answer is an APIGroupDiscoveryList.

    The Content-Type alone decides, as in client-go: servers without the feature answer plain ``application/json``.
    The parameters may stand in any order, and others, such as a charset, may stand between them.
    """
    base, *rest = content_type.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return (
        base.strip().lower() == JSON
        and parameters.get("g") == "apidiscovery.k8s.io"
        and parameters.get("v") in _AGGREGATED_VERSIONS
        and parameters.get("as") == "APIGroupDiscoveryList"
    )
