"""`dynkube demo`: the main job, end to end, on an API server that comes along; what it prints is what happened."""

from __future__ import annotations

import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dynkube.cli.exits import OK
from dynkube.cli.printers import qualified_name
from dynkube.errors import DynkubeError, StatusError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from dynkube.cli.parsing import Parser
    from dynkube.dynamic import DynamicClient
    from dynkube.objects import JSONObject
    from dynkube.testing import APIServer

#: Longest line, in characters.
WIDTH = 110

#: Where the demo works.
NAMESPACE = "shop"

CRD: JSONObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "teapots.demo.dynkube.dev"},
    "spec": {
        "group": "demo.dynkube.dev",
        "scope": "Namespaced",
        "names": {"plural": "teapots", "singular": "teapot", "kind": "Teapot", "shortNames": ["tp"]},
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
                                "required": ["litres"],
                                "properties": {
                                    "litres": {"type": "integer", "minimum": 1},
                                    "tea": {"type": "string", "default": "assam"},
                                },
                            }
                        },
                    }
                },
                "additionalPrinterColumns": [
                    {"name": "Litres", "type": "integer", "jsonPath": ".spec.litres"},
                    {"name": "Tea", "type": "string", "jsonPath": ".spec.tea"},
                ],
            }
        ],
    },
}


def configure(parser: Parser) -> None:
    """Declare the options of `demo`."""
    parser.switch("--tls", text="the server speaks HTTPS")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Do the main job and clean up; returns OK, and raises where anything goes wrong."""
    from dynkube.testing import APIServer

    started = time.perf_counter()
    with APIServer(tls=options.tls) as server, server.client() as dyn:
        _title("An API server, in this process")
        _say(f"serving {server.url}, ready after {_milliseconds(started)}")
        _discover(server, dyn)
        _create(dyn)
        _customise(dyn)
        _change(dyn)
        _watch(dyn)
        _err(dyn)
        _clean_up(dyn)
    print(f"\nDone in {time.perf_counter() - started:.1f} s. On your own cluster: dyn = dynkube.connect()")
    return OK


def _discover(server: APIServer, dyn: DynamicClient) -> None:
    _title("Discover what it serves")
    _say(f"the server is Kubernetes {dyn.discovery.server_version()['gitVersion']}")
    before, started = len(server.requests), time.perf_counter()
    discovered = dyn.mapper.discovered()
    requests = len(server.requests) - before
    kinds = discovered.preferred_resources()
    _say(f"{len(discovered.groups)} groups, {len(kinds)} resources: {requests} requests, {_milliseconds(started)}")
    for text in ("deploy", "ConfigMap", "customresourcedefinitions.apiextensions.k8s.io"):
        found = dyn.mapper.resolve(None, text)
        _say(f"{text} is {found.group_version.api_version} {found.name}, kind {found.kind}")


def _create(dyn: DynamicClient) -> None:
    _title(f"Create deployments and config maps in the namespace {NAMESPACE}")
    dyn.resource("v1", "namespaces").create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for name, replicas in (("web", 2), ("api", 1)):
        _did("created", dyn.resource("apps/v1", "deployments").namespace(NAMESPACE).create(deployment(name, replicas)))
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"}}
    _did("created", dyn.resource("cm").namespace(NAMESPACE).create(settings))
    web = dyn.resource("apps/v1", "deployments").namespace(NAMESPACE).get("web")
    _code('web = dyn.resource("apps/v1", "deployments").namespace(ns).get("web")')
    _say(f"web has {web['spec']['replicas']} replicas; the server added strategy {web['spec']['strategy']['type']}")


def _customise(dyn: DynamicClient) -> None:
    _title("Define a kind of our own and use it in the next line")
    _did("created", dyn.resource("crd").create(CRD))
    teapots = dyn.resource("demo.dynkube.dev/v1", "teapots").namespace(NAMESPACE)
    for name, litres in (("tiny", 1), ("large", 4)):
        body = {"apiVersion": "demo.dynkube.dev/v1", "kind": "Teapot", "metadata": {"name": name}}
        created = teapots.create({**body, "spec": {"litres": litres}})
        _did("created", created, f"{litres} l of {created['spec']['tea']}, the tea by the CRD's default")


def _change(dyn: DynamicClient) -> None:
    _title("Patch, apply, list by label")
    deployments = dyn.resource("apps/v1", "deployments").namespace(NAMESPACE)
    patched = deployments.patch("web", {"spec": {"replicas": 5}})
    _did("patched", patched, f"{patched['spec']['replicas']} replicas, generation {patched['metadata']['generation']}")
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "limits", "labels": {"tier": "front"}},
        "data": {"requests": "100"},
    }
    applied = dyn.resource("cm").namespace(NAMESPACE).apply(wanted, field_manager="demo")
    _did("applied", applied, f"field manager {applied['metadata']['managedFields'][0]['manager']}")
    for text in ("deploy", "cm"):
        found = dyn.resource(text).namespace(NAMESPACE).list(label_selector="tier=front")["items"]
        _say(f"{text} with tier=front: {', '.join(obj['metadata']['name'] for obj in found)}")


def _watch(dyn: DynamicClient) -> None:
    _title("Watch the changes arrive while another thread makes them")
    teapots = dyn.resource("demo.dynkube.dev/v1", "teapots").namespace(NAMESPACE)
    present = teapots.list()

    def change() -> None:
        teapots.patch("tiny", {"spec": {"tea": "sencha"}})
        teapots.create(
            {
                "apiVersion": "demo.dynkube.dev/v1",
                "kind": "Teapot",
                "metadata": {"name": "huge"},
                "spec": {"litres": 20, "tea": "mint"},
            }
        )
        teapots.delete("large")

    with (
        ThreadPoolExecutor(1) as other,
        teapots.watch(resource_version=present["metadata"]["resourceVersion"], timeout=30) as events,
    ):
        changes = other.submit(change)
        for event in events:
            spec = event["object"]["spec"]
            _did(event["type"].lower(), event["object"], f"{spec['litres']} l of {spec['tea']}")
            if event["type"] == "DELETED":
                break
        changes.result()


def _err(dyn: DynamicClient) -> None:
    _title("And when something is wrong")
    teapots = dyn.resource("demo.dynkube.dev/v1", "teapots").namespace(NAMESPACE)
    wrong = {"apiVersion": "demo.dynkube.dev/v1", "kind": "Teapot", "metadata": {"name": "none"}, "spec": {"litres": 0}}
    for call in (
        lambda: teapots.get("missing"),
        lambda: teapots.create(wrong),
        lambda: teapots.get("../namespaces/shop"),
        lambda: dyn.resource("apps/v1", "deploymnets").list(),
    ):
        _say(_refusal_of(call))


def _refusal_of(call: Callable[[], object]) -> str:
    """Return what `call` is refused with; a call that is not refused is a defect."""
    try:
        call()
    except DynkubeError as error:
        message = error.message if isinstance(error, StatusError) else str(error)
        return f"{type(error).__name__}: {message}"
    raise AssertionError("the call was to be refused")


def _clean_up(dyn: DynamicClient) -> None:
    _title("Clean up")
    teapots = dyn.resource("demo.dynkube.dev/v1", "teapots").namespace(NAMESPACE)
    teapots.delete_collection()
    dyn.resource("crd").delete(CRD["metadata"]["name"])
    for text in ("deploy", "cm"):
        dyn.resource(text).namespace(NAMESPACE).delete_collection()
    dyn.resource("ns").delete(NAMESPACE)
    left = {text: len(dyn.resource(text).namespace(NAMESPACE).list()["items"]) for text in ("deploy", "cm")}
    defined = dyn.resource("crd").exists(CRD["metadata"]["name"])
    _say(f"left: {left['deploy']} deployments, {left['cm']} config maps, {int(defined)} definitions")


def deployment(name: str, replicas: int) -> JSONObject:
    """Return a small Deployment."""
    labels = {"app": name, "tier": "front"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": name, "image": f"registry.example/{name}:1.0"}]},
            },
        },
    }


def _title(text: str) -> None:
    print(f"\n{text}")


def _say(text: str) -> None:
    print(textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False), flush=True)


def _code(text: str) -> None:
    print(f"  >>> {text}")


def _did(what: str, obj: JSONObject, remark: str = "") -> None:
    _say(f"{what:<8} {qualified_name(obj)}{f': {remark}' if remark else ''}")


def _milliseconds(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.0f} ms"
