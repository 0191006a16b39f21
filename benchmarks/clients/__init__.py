"""One module a client; each defines ``Client(url, ca_file)`` with a method for every job it can do."""

from __future__ import annotations

#: The module of each client, in the order of the table. The floor comes first: everything is a ratio to it.
MODULES = {
    "floor": "benchmarks.clients.floor",
    "dynkube": "benchmarks.clients.dynkube_client",
    "lightkube": "benchmarks.clients.lightkube_client",
    "pykube-ng": "benchmarks.clients.pykube_client",
    "kubernetes": "benchmarks.clients.official_client",
    "kr8s": "benchmarks.clients.kr8s_client",
}
