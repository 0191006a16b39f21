"""Wait until an object is as wished, with a deadline, and until it is gone."""

from __future__ import annotations

import threading

import dynkube
from dynkube.watch import condition, deleted, jsonpath

NAME = "dynkube-wait-example"


def main(dyn: dynkube.DynamicClient) -> None:
    """Play the controller of a job in one thread and wait for it in the other."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")
    config_maps.create({"metadata": {"name": NAME}, "data": {"phase": "Pending"}})

    worker = threading.Timer(0.2, lambda: config_maps.patch(NAME, {"data": {"phase": "Done"}}))
    worker.start()
    done = config_maps.wait(NAME, jsonpath(".data.phase", "Done"), timeout=30)
    print("phase:", done["data"]["phase"] if done else None)
    worker.join()

    try:
        config_maps.wait(NAME, condition("Ready"), timeout=0)  # one look
    except dynkube.WaitTimeoutError as late:
        print("not ready; last seen with", late.last_object["data"] if late.last_object else None)

    config_maps.delete(NAME)
    config_maps.wait(NAME, deleted(), timeout=30)
    print("gone")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
