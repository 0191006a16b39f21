"""Streams out of and into the containers of pods, by way of the API server."""

from __future__ import annotations

from dynkube.stream.logs import LogStream

__all__ = ["LogStream"]
