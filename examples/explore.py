"""Look around in a cluster nobody told you about: groups, resources, and the events of an object."""

from __future__ import annotations

import dynkube

NAMESPACE = "default"


def main(dyn: dynkube.DynamicClient) -> None:
    """Use the clientset that is made at run time; in a REPL its names complete."""
    clientset = dyn.clientset()
    print("group versions:", *[name for name in dir(clientset) if name in ("apps_v1", "batch_v1", "core_v1")])
    print("apps/v1 has", *dir(clientset.apps_v1()))

    config_map = {"metadata": {"name": "dynkube-explored"}, "data": {"k": "v"}}
    created = clientset.core_v1().configmaps(NAMESPACE).create(config_map)
    clientset.core_v1().events(NAMESPACE).create(
        {
            "metadata": {"generateName": "dynkube-explored-"},
            "involvedObject": {
                "kind": "ConfigMap",
                "name": "dynkube-explored",
                "namespace": NAMESPACE,
                "uid": created["metadata"]["uid"],
            },
            "reason": "Explored",
            "message": "somebody looked at it",
            "type": "Normal",
        }
    )
    for event in dyn.events(NAMESPACE).search(created):
        print(event["reason"] + ":", event["message"])
        clientset.core_v1().events(NAMESPACE).delete(event["metadata"]["name"])
    clientset.core_v1().configmaps(NAMESPACE).delete("dynkube-explored")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
