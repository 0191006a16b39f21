"""The server object: addresses, credentials, contents, requests, snapshots, restarts."""

from __future__ import annotations

import stat
import time
from typing import TYPE_CHECKING

import pytest
import yaml

from dynkube.errors import InvalidRequestError, ManifestError
from dynkube.testing import APIServer
from testing.calling import CMS, CRDS, WIDGETS, Caller, Stream, config_map, definition

if TYPE_CHECKING:
    from pathlib import Path


def test_tls_is_trusted_through_the_kubeconfig(tmp_path: Path) -> None:
    """With --tls the kubeconfig carries the CA, and the certificate is good for localhost and 127.0.0.1."""
    with APIServer(tls=True) as server:
        assert server.url.startswith("https://127.0.0.1:")
        assert Caller(server.url, ca=server.ca)("GET", "/healthz").raw == b"ok"
        local = server.url.replace("127.0.0.1", "localhost")
        assert Caller(local, ca=server.ca)("GET", "/healthz").raw == b"ok"
        path = server.write_kubeconfig(tmp_path / "deep" / "config")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        cluster = yaml.safe_load(path.read_text())["clusters"][0]["cluster"]
        assert cluster["server"] == server.url
        assert "certificate-authority-data" in cluster


def test_plain_http_on_the_tls_port_is_told_so() -> None:
    """In the words of Go's server."""
    with APIServer(tls=True) as server:
        answer = Caller(server.url.replace("https", "http"))("GET", "/")
        assert answer.status == 400
        assert answer.raw == b"Client sent an HTTP request to an HTTPS server.\n"


def test_a_client_of_the_server_works(server: APIServer) -> None:
    """client() is a dynkube client that is allowed everything."""
    with server.client() as dyn:
        maps = dyn.resource("v1", "configmaps").namespace("default")
        maps.create(config_map("a", {"k": "v"}))
        assert maps.get("a")["data"] == {"k": "v"}


def test_the_kubeconfig_carries_the_administrators_token(tmp_path: Path) -> None:
    """The first user of system:masters in the token file is who the kubeconfig stands for."""
    tokens = tmp_path / "tokens"
    tokens.write_text('a,low,1\nb,high,2,"system:masters"\n')
    with APIServer(token_auth_file=tokens) as server:
        assert server.kubeconfig()["users"][0]["user"] == {"token": "b"}
        assert server.token == "b"
        assert "'b'" not in repr(server)


def test_manifests_are_loaded_definitions_first(tmp_path: Path, server: APIServer, call: Caller) -> None:
    """A folder, text or objects; objects of a CRD in the same file; loading again changes what is there."""
    crd, widget = definition(), {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}}
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump_all([widget, crd]))
    assert [obj["kind"] for obj in server.load(file)] == ["CustomResourceDefinition", "Widget"]
    assert call("GET", f"{WIDGETS}/w").status == 200
    server.load([{**widget, "spec": {"size": 9}}])
    assert call.ok("GET", f"{WIDGETS}/w")["spec"] == {"size": 9}
    server.load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: text}\n")
    assert call("GET", f"{CMS}/text").status == 200


def test_a_manifest_the_server_refuses_is_an_error(server: APIServer) -> None:
    """The error names the object and says what the server said."""
    with pytest.raises(ManifestError, match=r"ConfigMap Bad_Name: .*RFC 1123"):
        server.load([config_map("Bad_Name")])
    with pytest.raises(ManifestError, match="not served"):
        server.load([{"apiVersion": "example.com/v9", "kind": "Nothing", "metadata": {"name": "x"}}])


def test_requests_are_remembered_without_credentials(server: APIServer, call: Caller) -> None:
    """A test can assert on what was asked: method, path, query, body, status."""
    server.clear_requests()
    call("POST", f"{CMS}?dryRun=All", config_map("a"), Authorization="Bearer secret", User_Agent="me")
    (request,) = server.requests
    assert (request.method, request.path, request.query, request.status) == ("POST", CMS, "dryRun=All", 201)
    assert request.body == config_map("a")
    assert request.headers["user-agent"] == "me"
    assert "secret" not in repr(request)


def test_a_snapshot_brings_everything_back(server: APIServer, call: Caller) -> None:
    """Objects and served definitions are as they were, in milliseconds; watches start anew."""
    call.ok("POST", CMS, config_map("kept"))
    snapshot = server.snapshot()
    call.ok("POST", CRDS, definition())
    call.ok("DELETE", f"{CMS}/kept")
    started = time.monotonic()
    server.restore(snapshot)
    assert time.monotonic() - started < 0.1
    assert call("GET", f"{CMS}/kept").status == 200
    assert call("GET", "/apis/example.com").status == 404
    call.ok("POST", CMS, config_map("new"))


def test_a_watch_open_during_a_restore_is_told_to_start_anew(server: APIServer, call: Caller) -> None:
    """It cannot know what became of its objects: 410."""
    snapshot = server.snapshot()
    with Stream(call, f"{CMS}?watch=1&timeoutSeconds=30") as stream:
        call.ok("POST", CMS, config_map("a"))
        assert stream.next()["type"] == "ADDED"
        server.restore(snapshot)
        assert stream.next()["object"]["code"] == 410


def test_a_restart_keeps_objects_and_port(server: APIServer, call: Caller) -> None:
    """Like a crash and a comeback: connections are cut, history is gone, everything stored is there."""
    created = call.ok("POST", CMS, config_map("a"))
    old = created["metadata"]["resourceVersion"]
    call.ok("PATCH", f"{CMS}/a", {"data": {"k": "v"}}, Content_Type="application/merge-patch+json")
    port = server.port
    server.restart()
    assert server.port == port
    assert call.ok("GET", f"{CMS}/a")["data"] == {"k": "v"}
    assert call("GET", f"{CMS}?watch=1&resourceVersion={old}").events[0]["object"]["code"] == 410


def test_a_server_that_is_not_running_has_no_address() -> None:
    """Asking is an error that says so."""
    server = APIServer()
    with pytest.raises(InvalidRequestError, match="not running"):
        _ = server.url
    server.stop()


def test_stopping_twice_is_fine_and_starting_again_is_possible() -> None:
    """Start and stop can be called in any number."""
    server = APIServer()
    server.start()
    server.start()
    server.stop()
    server.stop()


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    """Before anything is bound."""
    with pytest.raises(InvalidRequestError, match="port"):
        APIServer(port=port)
