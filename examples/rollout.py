"""Change a deployment, wait until it is everywhere, restart it, and go back to what it was."""

from __future__ import annotations

import dynkube

NAMESPACE = "dynkube-rollout"


def main(dyn: dynkube.DynamicClient) -> None:
    """Play an evening's releases."""
    dyn.resource("namespaces").create({"metadata": {"name": NAMESPACE}})
    labels = {"app": "web"}
    container = {"name": "web", "image": "nginx:1.28"}
    deployments = dyn.resource("apps/v1", "deployments").namespace(NAMESPACE)
    deployments.create(
        {
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        }
    )
    rollout = deployments.rollout("web")
    rollout.wait(timeout=120)

    container["image"] = "nginx:1.29"
    deployments.patch("web", {"spec": {"template": {"spec": {"containers": [container]}}}})
    rollout.wait(timeout=120)
    rollout.restart()
    available = rollout.wait(timeout=120)["status"]["availableReplicas"]
    print(f"restarted: {available} replicas are available")

    before = rollout.history()[0]
    rollout.undo(before.number)
    rollout.wait(timeout=120)
    print("back at", deployments.get("web")["spec"]["template"]["spec"]["containers"][0]["image"])
    dyn.resource("namespaces").delete(NAMESPACE)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
