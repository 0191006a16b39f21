"""The options of the streaming subresources, checked before anything is sent and turned into query parameters."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from dynkube.errors import InvalidRequestError

Params = dict[str, str | int | bool | list[str] | None]


def log_params(
    *,
    container: str | None,
    follow: bool,
    previous: bool,
    timestamps: bool,
    tail_lines: int | None,
    since_seconds: int | None,
    since_time: datetime.datetime | str | None,
    limit_bytes: int | None,
    insecure_skip_tls_verify_backend: bool,
) -> Params:
    """Return the query of a log; refuse what the server refuses (core validation, ValidatePodLogOptions)."""
    if since_seconds is not None and since_time is not None:
        raise InvalidRequestError("since_seconds and since_time say the same thing in two ways: give one of them")
    return {
        "container": _container(container),
        "follow": follow or None,
        "previous": previous or None,
        "timestamps": timestamps or None,
        "tailLines": _count("tail_lines", tail_lines, least=0),
        "sinceSeconds": _count("since_seconds", since_seconds, least=1),
        "sinceTime": _time("since_time", since_time),
        "limitBytes": _count("limit_bytes", limit_bytes, least=1),
        "insecureSkipTLSVerifyBackend": insecure_skip_tls_verify_backend or None,
    }


def exec_params(command: Any, *, container: str | None, stdin: bool, tty: bool) -> Params:
    """Return the query of a command: its words, and the streams it has. On a terminal stderr is part of stdout."""
    if isinstance(command, str) or not isinstance(command, Sequence):
        raise InvalidRequestError(
            f'a command is a list of words, not {command!r}; for a line of shell write ["sh", "-c", {command!r}]'
        )
    words = list(command)
    if not words or not all(isinstance(word, str) for word in words) or not words[0]:
        raise InvalidRequestError(f"a command is a list of words, the first one a program, not {command!r}")
    return {"command": words, **attach_params(container=container, stdin=stdin, tty=tty)}


def attach_params(*, container: str | None, stdin: bool, tty: bool) -> Params:
    """Return the query of an attachment to a container's own process."""
    return {
        "container": _container(container),
        "stdin": stdin or None,
        "stdout": True,
        "stderr": not tty or None,
        "tty": tty or None,
    }


def _container(name: Any) -> str | None:
    if name is None or (isinstance(name, str) and name):
        return name
    raise InvalidRequestError(f"container must be a name, not {name!r}; leave it out where there is only one")


def _count(option: str, value: Any, *, least: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidRequestError(f"{option} must be a whole number from {least}, not {value!r}")
    return value


def _time(option: str, value: datetime.datetime | str | None) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        raise InvalidRequestError(
            f"{option} must be a datetime with a time zone, or text as in 2026-01-31T12:00:00Z, not {value!r}"
        )
    return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
