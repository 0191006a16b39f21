"""kubectl explain and ours, side by side on the same documents."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from discovery.documents_of_schemas import openapi_server
from dynkube.discovery.openapi import OpenAPIClient
from dynkube.names import GroupVersionKind
from dynkube.transport import HTTPRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from discovery.fakes import FakeServer

pytestmark = pytest.mark.kubectl

#: Older ones explain by OpenAPI v2, which has fewer formats and another recursion.
SINCE = (1, 27)


@pytest.fixture(scope="module")
def kubectl() -> str:
    """Return a kubectl that explains by OpenAPI v3; without one the tests are skipped, saying which it takes."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run([program, "version", "--client", "-o", "json"], capture_output=True, timeout=60, check=True)
    version = json.loads(done.stdout)["clientVersion"]
    if (int(version["major"]), int(re.sub(r"\D", "", version["minor"]))) < SINCE:
        pytest.skip(
            f"kubectl {version['gitVersion']} explains by OpenAPI v2: takes {'.'.join(map(str, SINCE))} or later"
        )
    return program


@contextmanager
def over_http(server: FakeServer) -> Iterator[str]:
    """Serve the answers of ``server`` over HTTP and yield the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = re.sub(r"[?&]timeout=\d+s", "", self.path)
            headers = (("Accept", self.headers.get("Accept", "")),)
            with server.send(HTTPRequest("GET", target, headers)) as response:
                body = response.read()
            self.send_response(response.status)
            self.send_header("Content-Type", response.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join(timeout=30)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deployments", GroupVersionKind("apps", "v1", "Deployment")),
        ("pods", GroupVersionKind("", "v1", "Pod")),
        ("services", GroupVersionKind("", "v1", "Service")),
        ("customresourcedefinitions", GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")),
        ("widgets", GroupVersionKind("example.com", "v1", "Widget")),
    ],
)
def test_every_field_as_kubectl_has_it(kubectl: str, name: str, kind: GroupVersionKind, tmp_path: Path) -> None:
    """Names, order, depth, types and required fields of a whole kind are those kubectl prints."""
    server = openapi_server()
    with over_http(server) as url:
        command = [kubectl, f"--server={url}", f"--cache-dir={tmp_path}", "explain", name, "--recursive"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = done.stdout.partition("FIELDS:\n")[2].splitlines()
    printed = [line.rstrip() for line in lines if line.strip() and not line.lstrip().startswith("enum:")]
    ours = [
        f"{'  ' * (depth + 1)}{field.name}\t<{field.type}>{' -required-' if field.required else ''}"
        for depth, field in OpenAPIClient(server.rest).explain(kind).walk()
    ]
    assert len(ours) > 10
    assert ours == printed
