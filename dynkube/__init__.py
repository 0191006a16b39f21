"""The dynamic, discovery-driven Kubernetes client for Python."""
