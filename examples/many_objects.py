"""Read a long list without holding it in memory, and only as much of each object as is needed."""

from __future__ import annotations

import dynkube

NAMESPACE = "dynkube-many-objects"


def main(dyn: dynkube.DynamicClient) -> None:
    """Make a hundred config maps, and go through them page by page."""
    dyn.resource("namespaces").create({"metadata": {"name": NAMESPACE}})
    config_maps = dyn.resource("v1", "configmaps").namespace(NAMESPACE)
    for number in range(100):
        parity = "even" if number % 2 == 0 else "odd"
        config_maps.create(
            {"metadata": {"name": f"number-{number:02}", "labels": {"parity": parity}}, "data": {"n": str(number)}}
        )

    # Pages of 30, each read when the one before is used up; an expired token does not end it.
    total = sum(int(item["data"]["n"]) for item in config_maps.iter(limit=30, label_selector={"parity": "even"}))
    print("sum of the even ones:", total)

    # Metadata alone: for big objects a fraction of the bytes. The label leaves out what controllers put in a namespace.
    names = [item["metadata"]["name"] for item in config_maps.metadata().iter(limit=50, label_selector="parity")]
    print(len(names), "names from", min(names), "to", max(names))

    for number, page in enumerate(config_maps.pages(limit=60, label_selector="parity")):
        print("page", number, "has", len(page["items"]))

    config_maps.delete_collection(label_selector="parity=odd")
    print("left after deleting the odd ones:", len(config_maps.list(label_selector="parity")["items"]))
    dyn.resource("namespaces").delete(NAMESPACE)


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
