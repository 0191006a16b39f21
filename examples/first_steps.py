"""Create, read, change, list and delete objects of any kind, as plain dicts."""

from __future__ import annotations

import dynkube

NAMESPACE = "dynkube-first-steps"

WEB = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
        },
    },
}


def main(dyn: dynkube.DynamicClient) -> None:
    """Do the daily work on one deployment."""
    dyn.resource("namespaces").create({"metadata": {"name": NAMESPACE}})
    deployments = dyn.resource("apps/v1", "deployments").namespace(NAMESPACE)

    created = deployments.create(WEB)
    print("created", created["metadata"]["name"], "with", created["spec"]["replicas"], "replicas")

    # A dict is a merge patch: what is named changes, None removes.
    deployments.patch("web", {"spec": {"replicas": 3}, "metadata": {"annotations": {"by": "first_steps"}}})
    print("patched to", deployments.get("web")["spec"]["replicas"])

    # A list is a JSON patch.
    deployments.patch("web", [{"op": "remove", "path": "/metadata/annotations/by"}])

    for item in deployments.list(label_selector={"app": "web"})["items"]:
        print("listed", item["kind"], item["metadata"]["name"])

    deployments.delete("web", propagation_policy="Background")
    print("there is a web:", deployments.exists("web"))
    dyn.resource("namespaces").delete(NAMESPACE)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
