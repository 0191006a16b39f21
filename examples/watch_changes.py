"""Follow changes as they happen, and stop the watch from another thread."""

from __future__ import annotations

import threading

import dynkube

LABEL = {"example": "dynkube-watch"}


def main(dyn: dynkube.DynamicClient) -> None:
    """Watch in one thread what the other does."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")
    start = config_maps.list(label_selector=LABEL)["metadata"]["resourceVersion"]
    watch = config_maps.watch(label_selector=LABEL, resource_version=start)

    def report() -> None:
        for event in watch:  # endless: it resumes by itself, until it is closed
            print(event["type"], event["object"]["metadata"]["name"])
            if event["type"] == "DELETED":
                watch.close()

    reader = threading.Thread(target=report)
    reader.start()

    config_maps.create({"metadata": {"name": "dynkube-watched", "labels": LABEL}, "data": {"k": "1"}})
    config_maps.patch("dynkube-watched", {"data": {"k": "2"}})
    config_maps.delete("dynkube-watched")
    reader.join(timeout=30)
    print("the watch has ended:", not reader.is_alive())


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
