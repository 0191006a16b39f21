"""Run one check of one client: ``python -m clients CLIENT CHECK KUBECONFIG NAMESPACE``."""

from __future__ import annotations

import importlib
import sys

if __name__ == "__main__":
    client, check, kubeconfig, namespace = sys.argv[1:]
    module = importlib.import_module(f"clients.use_{client}")
    getattr(module, f"check_{check}")(module.connect(kubeconfig, namespace), namespace)
