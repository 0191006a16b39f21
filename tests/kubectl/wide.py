"""Manifests the wide tests share, and how they look at objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubectl.running import Kubectl

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: main, image: "busybox:1.36", ports: [{containerPort: 80}]}]}
"""
NEWER = DEPLOYMENT.replace("busybox:1.36", "busybox:1.37")


def create(kubectl: Kubectl, manifest: str = DEPLOYMENT) -> None:
    """Create what a manifest says, without kubectl's own validation."""
    kubectl("create", "--validate=false", "-f", "-", stdin=manifest)


def read(kubectl: Kubectl, *words: str) -> Any:
    """Return an object, or a list of them, as the server has it."""
    return json.loads(kubectl("get", *words, "-o", "json"))


def lines(text: str) -> list[list[str]]:
    """Return the words of each line that has some."""
    return [line.split() for line in text.splitlines() if line.strip()]
