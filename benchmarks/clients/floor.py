"""The floor: ``http.client`` on TLS connections and ``json.loads``, with nothing of Kubernetes in between."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from benchmarks.canned import NAMESPACE, PAGE


class Client:
    """One connection a thread, made once and kept."""

    def __init__(self, url: str, ca_file: str) -> None:
        """Prepare; the connection is made by the first request of each thread."""
        where = urlsplit(url)
        self._host, self._port = where.hostname or "", where.port
        self._context = ssl.create_default_context(cafile=ca_file)
        self._local = threading.local()
        self._made: list[http.client.HTTPSConnection] = []

    def connection(self) -> http.client.HTTPSConnection:
        """Return the connection of this thread."""
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self._host, self._port, context=self._context)
            self._local.connection = connection
            self._made.append(connection)
        return connection

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._made:
            connection.close()

    def _send(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        connection = self.connection()
        headers = {"Accept": "application/json", "Authorization": "Bearer bench"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body, headers)
        return connection.getresponse()

    def get(self) -> Any:
        """Read one pod."""
        return json.loads(self._send("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/web-00-00000").read())

    def list_pods(self) -> Any:
        """Read all pods in one request."""
        return json.loads(self._send("GET", "/api/v1/pods").read())

    def iterate_pods(self) -> int:
        """Read all pods page by page, holding one page at a time."""
        count, token = 0, ""
        while True:
            page = json.loads(self._send("GET", f"/api/v1/pods?limit={PAGE}&continue={token}").read())
            for _ in page["items"]:
                count += 1
            token = page["metadata"].get("continue", "")
            if not token:
                return count

    def watch_events(self, count: int) -> int:
        """Read `count` events, a line each."""
        response = self._send("GET", "/api/v1/pods?watch=1&resourceVersion=1")
        seen = 0
        for line in response:
            json.loads(line)
            seen += 1
            if seen == count:
                break
        return seen

    def informer_pods(self) -> Any:
        """List: what an informer's initial state is measured against."""
        return self.list_pods()

    def informer_config_maps(self) -> Any:
        """List 50,000 config maps in one request."""
        return json.loads(self._send("GET", "/api/v1/configmaps").read())

    def informer_few_config_maps(self) -> Any:
        """List the 5,000 of one namespace."""
        return json.loads(self._send("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps").read())

    def create(self, body: dict[str, Any]) -> Any:
        """Create one config map."""
        data = json.dumps(body, separators=(",", ":")).encode()
        return json.loads(self._send("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", data).read())


def cold_start(url: str, ca_file: str) -> None:
    """Import requests and make one TLS get: what the first answer costs without any client."""
    import requests  # noqa: F401 - its import is what is measured

    Client(url, ca_file).get()
