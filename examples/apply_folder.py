"""Apply a folder of manifests: definitions and namespaces first, each kind when it is served; then prune."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dynkube

SETTINGS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: dynkube-folder, labels: {app: shop}}
data: {color: blue}
---
apiVersion: stable.example.com/v1
kind: Crontab
metadata: {name: nightly, namespace: dynkube-folder, labels: {app: shop}}
spec: {schedule: "0 3 * * *"}
"""

NAMESPACE = """
apiVersion: v1
kind: Namespace
metadata: {name: dynkube-folder, labels: {app: shop}}
"""

DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com, labels: {app: shop}}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, singular: crontab, kind: Crontab}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties: {spec: {type: object, properties: {schedule: {type: string}}}}
"""


def main(dyn: dynkube.DynamicClient) -> None:
    """Write a folder, apply it twice, take something out of it, and apply it with pruning."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a-settings.yaml").write_text(SETTINGS)
        (folder / "b-namespace.yaml").write_text(NAMESPACE)
        (folder / "c-definition.yaml").write_text(DEFINITION)
        for applied in dyn.apply_manifests(folder, field_manager="shop"):
            print(applied)
        (folder / "a-settings.yaml").write_text(SETTINGS.partition("---")[2])
        for applied in dyn.apply_manifests(folder, field_manager="shop", prune="app=shop"):
            print(applied)
    dyn.resource("namespaces").delete("dynkube-folder")
    dyn.resource("crd").delete("crontabs.stable.example.com")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
