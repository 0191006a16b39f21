"""An API server in this process that answers like kube-apiserver: for tests, and for scripts without a cluster.

``with APIServer() as server: dyn = server.client()``. Names load when first used, so importing this costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynkube.testing.faults import Fault
    from dynkube.testing.server import APIServer, RecordedRequest
    from dynkube.testing.simulation.options import Simulation

_MODULES = {
    "APIServer": "dynkube.testing.server",
    "Fault": "dynkube.testing.faults",
    "RecordedRequest": "dynkube.testing.server",
    "Simulation": "dynkube.testing.simulation.options",
}

__all__ = ["APIServer", "Fault", "RecordedRequest", "Simulation"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
