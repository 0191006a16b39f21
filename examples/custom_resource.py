"""Install a custom resource definition and use its kind in the next line."""

from __future__ import annotations

import dynkube

SHIRTS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shirts.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt", "shortNames": ["sh"]},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {"color": {"type": "string"}, "size": {"type": "string"}},
                            }
                        },
                    }
                },
                "additionalPrinterColumns": [{"name": "Color", "type": "string", "jsonPath": ".spec.color"}],
            }
        ],
    },
}


def main(dyn: dynkube.DynamicClient) -> None:
    """Bring a kind into the cluster, and take it out again."""
    shirts = dyn.crds().install(SHIRTS, field_manager="custom-resource-example")
    print("installed", shirts.gvr)

    shirts.namespace("default").create({"metadata": {"name": "blue"}, "spec": {"color": "blue", "size": "M"}})
    # From now on every name of it is known: plural, singular, kind and short name.
    print("the shirt is", dyn.resource("sh").namespace("default").get("blue")["spec"]["color"])

    for row in dyn.resource("shirts").namespace("default").table().iter():
        print("row", *row.cells[:2])

    for crd in dyn.crds().list():
        if crd.group == "stable.example.com":
            print(crd.kind, "is served in", *crd.served_versions, "and stored in", crd.storage_version)

    dyn.resource("crd").delete("shirts.stable.example.com")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
