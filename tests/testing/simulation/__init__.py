"""Simulated controllers against the store they run on, seen through a client."""
