"""docs/troubleshooting.rst quotes real messages: each of its sections is brought about here."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dynkube
from dynkube.config import Config, ExecConfig, Timeout
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = Path(__file__).resolve().parent.parent / "docs" / "troubleshooting.rst"

#: A section: its title, the exception it is about, and the message as quoted; "…" stands for what differs.
SECTION = re.compile(
    r"^(?P<title>[^\n]+)\n-+\n\n``(?P<error>\w+)``[^\n]*\n\n?::\n\n(?P<message>(?: {4}.*\n)+)", re.MULTILINE
)


def sections() -> dict[str, tuple[str, str]]:
    """Return the error and the message of each section of the page, by its title."""
    return {
        match["title"]: (match["error"], " ".join(match["message"].split()))
        for match in SECTION.finditer(PAGE.read_text(encoding="utf-8"))
    }


@dataclass
class World:
    """What things go wrong in: a server, a guarded one, and a folder."""

    server: APIServer
    guarded: APIServer
    folder: Path

    def connect(self, server: APIServer, **changes: Any) -> dynkube.DynamicClient:
        """Return a client of `server` with a changed configuration."""
        return dynkube.DynamicClient(server.config().replace(**changes))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run both servers."""
    folder = tmp_path_factory.mktemp("world")
    tokens = folder / "tokens"
    tokens.write_text('sesame,alice,1,"system:masters"\nweak,bob,2,"developers"\n')
    with APIServer() as server, APIServer(tls=True, token_auth_file=tokens) as guarded:
        yield World(server, guarded, folder)


BROUGHT_ABOUT: dict[str, Callable[[World], object]] = {}


def brings_about(title: str) -> Callable[[Callable[[World], object]], Callable[[World], object]]:
    """Register what has to be done to get the message of the section called `title`."""

    def register(act: Callable[[World], object]) -> Callable[[World], object]:
        BROUGHT_ABOUT[title] = act
        return act

    return register


@brings_about("Nothing is configured")
def _(world: World) -> object:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("HOME", str(world.folder / "nobody"))
        for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
            environment.delenv(name, raising=False)
        return dynkube.connect()


@brings_about("No such context")
def _(world: World) -> object:
    return dynkube.connect("prodd", kubeconfig=kubeconfig(world))


@brings_about("A kubeconfig with a mistake in it")
def _(world: World) -> object:
    path = kubeconfig(world)
    path.write_text(path.read_text().replace("server: ", "serverr: "))
    return dynkube.connect(kubeconfig=path)


def kubeconfig(world: World) -> Path:
    """Write a kubeconfig with a context called "prod"."""
    path = world.folder / "config"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\n"
        "contexts:\n- {name: prod, context: {cluster: prod, user: me}}\n"
        f"clusters:\n- name: prod\n  cluster:\n    server: {world.server.url}\n"
        "users:\n- {name: me, user: {token: sesame}}\n"
    )
    return path


@brings_about("Nobody listens")
def _(world: World) -> object:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return read(Config(host=f"http://127.0.0.1:{port}"))


@brings_about("No such host")
def _(world: World) -> object:
    return read(Config(host="https://cluster.invalid:6443"))


@brings_about("The server's certificate is not trusted")
def _(world: World) -> object:
    return read(Config(host=world.guarded.url, bearer_token="sesame"))


@brings_about("The certificate is for another name")
def _(world: World) -> object:
    return read(world.guarded.config().replace(tls_server_name="api.example"))


@brings_about("HTTPS to a port that speaks HTTP")
def _(world: World) -> object:
    return read(Config(host=world.server.url.replace("http:", "https:")))


@brings_about("HTTP to a port that speaks HTTPS")
def _(world: World) -> object:
    return read(Config(host=world.guarded.url.replace("https:", "http:")))


@brings_about("Something else answers")
def _(world: World) -> object:
    with answering("text/html", b"<html><title>Sign in</title></html>") as url:
        return read(Config(host=url))


@brings_about("The answer does not come")
def _(world: World) -> object:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, port = silent.getsockname()[:2]
        return read(Config(host=f"http://{host}:{port}", timeout=Timeout(connect=5, read=0.05)))


@brings_about("A credential plug-in is missing")
def _(world: World) -> object:
    plugin = ExecConfig(
        command="aws-iam-authenticatorr",
        api_version="client.authentication.k8s.io/v1",
        interactive_mode="Never",
        install_hint="Install it with: pip install awscli",
    )
    return read(Config(host=world.guarded.url, ca_data=world.guarded.ca, exec_provider=plugin))


@brings_about("The server does not know you")
def _(world: World) -> object:
    return read(world.guarded.config().replace(bearer_token="expired"))


@brings_about("You may not do this")
def _(world: World) -> object:
    with world.connect(world.guarded, bearer_token="weak") as dyn:
        return dyn.resource("v1", "pods").namespace("default").list()


@brings_about("The server has no such resource")
def _(world: World) -> object:
    with world.server.client() as dyn:
        return dyn.resource("apps/v1", "deploymnets").list()


@brings_about("There is no object of that name")
def _(world: World) -> object:
    with world.server.client() as dyn:
        return dyn.resource("apps/v1", "deployments").get("web")


@brings_about("A name that cannot be one")
def _(world: World) -> object:
    with world.server.client() as dyn:
        return dyn.resource("v1", "secrets").get("team/secret")


@brings_about("Somebody was faster")
def _(world: World) -> object:
    with world.server.client() as dyn, a_config_map(dyn) as (config_maps, stale):
        config_maps.patch("settings", {"data": {"colour": "green"}})
        return config_maps.update(stale)


@brings_about("Another manager owns the field")
def _(world: World) -> object:
    with world.server.client() as dyn, a_config_map(dyn) as (config_maps, _):
        mine = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "red"}}
        return config_maps.apply(mine, field_manager="me")


@brings_about("The object is not valid")
def _(world: World) -> object:
    with world.server.client() as dyn:
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
        return dyn.resource("apps/v1", "deployments").create({**deployment, "spec": {"replicas": -1}})


@brings_about("A strategic patch of a custom resource")
def _(world: World) -> object:
    names = {"plural": "shirts", "singular": "shirt", "kind": "Shirt", "listKind": "ShirtList"}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "shirts.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }
    with world.server.client() as dyn:
        shirts = dyn.crds().install(definition, field_manager="me").namespace("default")
        shirts.create({"apiVersion": "example.com/v1", "kind": "Shirt", "metadata": {"name": "blue"}})
        return shirts.patch("blue", {"spec": {"size": "M"}}, type="strategic")


@brings_about("The history is gone")
def _(world: World) -> object:
    with world.server.client() as dyn, a_config_map(dyn) as (config_maps, old):
        config_maps.patch("settings", {"data": {"colour": "green"}})
        world.server.compact()
        with config_maps.watch(resource_version=old["metadata"]["resourceVersion"]) as events:
            return next(events)


@brings_about("What was waited for did not happen")
def _(world: World) -> object:
    with world.server.client() as dyn, a_config_map(dyn) as (config_maps, _):
        return config_maps.wait("settings", dynkube.condition("Ready"), timeout=0.1)


def read(config: Config) -> object:
    """List namespaces by an exact name, so that one request tells."""
    with dynkube.DynamicClient(config) as dyn:
        return dyn.resource(dynkube.GroupVersionResource("", "v1", "namespaces")).list()


@contextlib.contextmanager
def a_config_map(dyn: dynkube.DynamicClient) -> Iterator[tuple[dynkube.Resource, dict[str, Any]]]:
    """Apply a config map as somebody else, give its resource and the object, and delete it."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"}}
    try:
        yield config_maps, config_maps.apply(body, field_manager="somebody-else")
    finally:
        config_maps.delete("settings")


@contextlib.contextmanager
def answering(content_type: str, body: bytes) -> Iterator[str]:
    """Give the URL of an HTTP server that answers everything alike."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(10)


@pytest.mark.parametrize("title", sorted({*sections(), *BROUGHT_ABOUT}))
def test_messages_are_real(title: str, world: World) -> None:
    """The quoted message is the one that comes, of the class that is named; every section is brought about."""
    error, quoted = sections()[title]
    with pytest.raises(getattr(dynkube, error)) as caught:
        BROUGHT_ABOUT[title](world)
    said = " ".join(str(caught.value).split())
    pattern = ".*".join(map(re.escape, quoted.split("…")))
    assert re.fullmatch(pattern, said), f"the page says: {quoted}\nit was:        {said}"


def test_no_section_is_overlooked() -> None:
    """Each heading of the page is a section this test understands."""
    headings = re.findall(r"^([^\n]+)\n-+\n", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections()) == sorted(headings)
