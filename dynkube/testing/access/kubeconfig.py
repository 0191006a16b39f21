"""A kubeconfig for the embedded server, that kubectl and every client library can use as it is."""

from __future__ import annotations

import base64
import os
import tempfile
from pathlib import Path
from typing import Any

from dynkube.objects import dump_yaml

#: The name of the cluster, the user and the context in the file.
NAME = "dynkube"


def document(url: str, *, ca: bytes | None = None, token: str | None = None, namespace: str = "") -> dict[str, Any]:
    """Return a kubeconfig with one cluster, user and context; ``ca`` is a PEM certificate."""
    cluster: dict[str, Any] = {"server": url}
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca).decode("ascii")
    context: dict[str, Any] = {"cluster": NAME, "user": NAME}
    if namespace:
        context["namespace"] = namespace
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": cluster}],
        "users": [{"name": NAME, "user": {"token": token} if token else {}}],
        "contexts": [{"name": NAME, "context": context}],
        "current-context": NAME,
    }


def write(path: str | Path, config: dict[str, Any]) -> Path:
    """Write a kubeconfig, readable by its owner alone, in one step: no reader ever sees half of it."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(dump_yaml(config))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
