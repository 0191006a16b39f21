"""An API server in this process that answers like kube-apiserver: for tests, and for scripts without a cluster."""

from __future__ import annotations
