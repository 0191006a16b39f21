"""An operator in under 100 lines: for every Greeting there is a ConfigMap with its text, and the status says so.

python examples/greeting_operator.py         (needs a kubeconfig, or a pod's service account, and the Greeting CRD)
"""

from __future__ import annotations

import signal
import threading
from typing import Any

import dynkube
from dynkube.controller import EventRecorder, Workers, WorkQueue, entry, finalize, key_of_controller, set_controller
from dynkube.informer import object_key, split_key

GROUP = "example.dynkube.dev"
FINALIZER = f"{GROUP}/farewell"
CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"greetings.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": "greetings", "singular": "greeting", "kind": "Greeting", "listKind": "GreetingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


class Operator:
    """Watches greetings and config maps of all namespaces; whatever happens to either, the greeting's key is queued."""

    def __init__(self, dyn: Any) -> None:
        self.greetings = dyn.resource(f"{GROUP}/v1", "greetings")
        self.config_maps = dyn.resource("v1", "configmaps")
        self.events = EventRecorder(dyn.resource("v1", "events"), "greeting-operator")
        self.queue: WorkQueue[str] = WorkQueue()
        self.cache = self.greetings.all_namespaces().informer()
        self.owned = self.config_maps.all_namespaces().informer(label_selector="app=greeting")
        self.cache.add_handler(on_add=self.own, on_update=lambda _, new: self.own(new), on_delete=self.own)
        self.owned.add_handler(on_update=lambda _, new: self.dependant(new), on_delete=self.dependant)
        self.workers = Workers(self.queue, self.reconcile, count=2)

    def own(self, obj: dict[str, Any], *_: Any) -> None:
        """Queue a greeting."""
        self.queue.add(object_key(obj))

    def dependant(self, obj: dict[str, Any], *_: Any) -> None:
        """Queue the greeting that controls a config map."""
        key = key_of_controller(obj, "Greeting", GROUP)
        if key is not None:
            self.queue.add(key)

    def reconcile(self, key: str) -> None:
        """Make the config map what the greeting says; called again until it works."""
        namespace, name = split_key(key)
        greeting, greetings = self.cache.indexer.get(key), self.greetings.namespace(namespace)
        if greeting is None or not finalize(greetings, greeting, FINALIZER, lambda _: print("Farewell from", key)):
            return
        text = greeting["spec"]["text"]
        wanted = {"metadata": {"name": name, "namespace": namespace, "labels": {"app": "greeting"}}, "data": {}}
        set_controller(wanted, greeting)

        def say(config_map: dict[str, Any]) -> None:
            config_map["data"] = {"text": text}

        entry(self.config_maps.namespace(namespace), name).and_modify(say).or_insert(
            lambda: {**wanted, "data": {"text": text}}
        ).commit()
        if greeting.get("status", {}).get("said") != text:
            entry(greetings, name, status=True).and_modify(lambda obj: obj.update(status={"said": text})).commit()
            self.events.event(greeting, "Normal", "Said", f"The config map says {text!r} now.")

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        with self.events, self.cache, self.owned:
            while not (self.cache.wait_for_sync(0.5) and self.owned.wait_for_sync(0.5)):
                if stop.is_set():
                    return
            with self.workers:
                stop.wait()


if __name__ == "__main__":
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with dynkube.connect() as client:
        Operator(client).run(over)
