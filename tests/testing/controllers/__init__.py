"""Garbage collection and namespaces."""
