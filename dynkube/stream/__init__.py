"""Streams out of and into the containers of pods, by way of the API server."""

from __future__ import annotations

from dynkube.stream.logs import LogStream
from dynkube.stream.port_forward import PortForward
from dynkube.stream.process import ExecResult, Output, RemoteProcess

__all__ = ["ExecResult", "LogStream", "Output", "PortForward", "RemoteProcess"]
