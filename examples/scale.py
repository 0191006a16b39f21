"""Scale anything that has a scale: the subresource has a kind and verbs of its own."""

from __future__ import annotations

from typing import Any

import dynkube
from dynkube.controller import retry_on_conflict

NAMESPACE = "dynkube-scale"


def with_replicas(scale: dict[str, Any], replicas: int) -> dict[str, Any]:
    """Return a scale with other replicas; its version makes replacing it a conflict if it changed meanwhile."""
    return {**scale, "spec": {"replicas": replicas}}


def main(dyn: dynkube.DynamicClient) -> None:
    """Read, replace and patch the scale of a deployment."""
    dyn.resource("namespaces").create({"metadata": {"name": NAMESPACE}})
    labels = {"app": "web"}
    deployments = dyn.resource("deploy").namespace(NAMESPACE)
    deployments.create(
        {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "nginx"}]}},
            },
        }
    )
    scale = deployments.subresource("scale")
    current = scale.get("web")
    print(current["kind"], "of", current["apiVersion"], "says", current["spec"]["replicas"])
    retry_on_conflict(lambda: scale.update(with_replicas(scale.get("web"), 4)))
    print("replaced:", deployments.get("web")["spec"]["replicas"])
    print("patched:", scale.patch("web", {"spec": {"replicas": 2}})["spec"]["replicas"])
    dyn.resource("namespaces").delete(NAMESPACE)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
