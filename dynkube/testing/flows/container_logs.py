"""pods/log: what was scripted, narrowed as asked for, and followed while it grows."""

from __future__ import annotations

import datetime
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dynkube.objects import nested_get
from dynkube.testing.containers import Log
from dynkube.testing.flows import containers
from dynkube.testing.http import failures
from dynkube.testing.http.connections import HTTPResponse
from dynkube.testing.http.failures import Cause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.testing.containers import Place
    from dynkube.testing.flows.cluster import Call
    from dynkube.testing.resources.registry import Resource, Subresource

#: Seconds between two looks whether a client that follows is still there, and the pod.
_LOOK = 0.5
_TEXT = {"Content-Type": "text/plain"}
# Go's RFC 3339, as far as Python reads it: fractions of any length.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class _Options:
    """PodLogOptions, as far as they are served."""

    follow: bool
    previous: bool
    timestamps: bool
    tail: int | None
    since: datetime.datetime | None
    limit: int | None


def log(call: Call, resource: Resource, _sub: Subresource) -> HTTPResponse:
    """Answer for the log of a container."""
    pod = containers.pod_of(call, resource)
    options = _options(call)
    container = containers.container_of(call, pod)
    place = (*call.key, container)
    scripted = call.cluster.containers.log(place, previous=options.previous)
    if scripted is None:
        if not nested_get(pod, "spec", "nodeName"):
            return HTTPResponse(204, {}, b"")  # there is nobody to ask for it yet
        containers.check_node(call, pod)
        reason = containers.waiting(pod, container)
        named = f'container "{container}" in pod "{call.route.name}"'
        if options.previous:
            raise failures.bad_request(f"previous terminated {named} not found")
        if reason:
            raise failures.bad_request(f"{named} is waiting to start: {reason}")
        scripted = Log(ended=nested_get(pod, "status", "phase") in ("Succeeded", "Failed"))
    if options.follow:
        return HTTPResponse(200, dict(_TEXT), stream=_followed(call, resource, place, options))
    body = b"".join(_first(scripted, options))
    return HTTPResponse(200, dict(_TEXT), body[: options.limit])


def _first(log: Log, options: _Options) -> list[bytes]:
    """Return the lines there are."""
    lines = _lines(log.pieces, options)
    return lines if options.tail is None else lines[-options.tail :] if options.tail else []


def _lines(pieces: list[tuple[datetime.datetime, bytes]], options: _Options) -> list[bytes]:
    lines: list[bytes] = []
    for when, data in pieces:
        if options.since is not None and when < options.since:
            continue
        stamp = when.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode() if options.timestamps else b""
        for line in re.findall(rb"[^\n]*\n|[^\n]+$", data):
            whole = not lines or lines[-1].endswith(b"\n")
            lines.append(stamp + line if whole else lines.pop() + line)
    return lines


def _followed(call: Call, resource: Resource, place: Place, options: _Options) -> Iterator[bytes]:
    """Yield what there is and what comes, and nothing now and then, by which the server looks for the client."""
    scripts = call.cluster.containers
    left = options.limit
    position, begun = 0, False
    while not call.cluster.stopping.is_set():
        with scripts.changed:
            log = scripts.log(place) or Log()
            if begun and len(log.pieces) <= position and not log.ended:
                scripts.changed.wait(_LOOK)
                log = scripts.log(place) or log
            pieces, ended = log.pieces[position:], log.ended
        data = b"".join(_lines(pieces, options) if begun else _first(Log(pieces), options))
        position, begun = position + len(pieces), True
        yield data if left is None else data[:left]
        left = None if left is None else left - len(data)
        record = call.cluster.store.get(resource.collection, call.key)
        over = record is None or nested_get(record.object, "status", "phase") in ("Succeeded", "Failed")
        if (left is not None and left <= 0) or (not pieces and (ended or over)):
            return


def _options(call: Call) -> _Options:
    """Read the query. Raises the 400 and 422 Failures of a real server."""
    query = call.route.query
    counts = {name: _integer(query.get(name)) for name in ("tailLines", "sinceSeconds", "limitBytes")}
    since = _time(query.get("sinceTime"))
    causes = [
        Cause(failures.INVALID, f"Invalid value: {value}: must be greater than {bound}", name)
        for name, bound in (("tailLines", "or equal to 0"), ("sinceSeconds", "0"), ("limitBytes", "0"))
        if (value := counts[name]) is not None and value < (0 if name == "tailLines" else 1)
    ]
    if since is not None and counts["sinceSeconds"] is not None:
        what = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause(failures.FORBIDDEN, what, "[]"))
    if "stream" in query:
        causes.append(Cause(failures.FORBIDDEN, "Forbidden: may not be specified", "stream"))
    if causes:
        raise failures.invalid("", "PodLogOptions", call.route.name, causes)
    if counts["sinceSeconds"] is not None:
        since = datetime.datetime.fromtimestamp(time.time() - counts["sinceSeconds"], datetime.timezone.utc)
    return _Options(
        query.flag("follow"),
        query.flag("previous"),
        query.flag("timestamps"),
        counts["tailLines"],
        since,
        counts["limitBytes"],
    )


def _integer(text: str) -> int | None:
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise failures.bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


def _time(text: str) -> datetime.datetime | None:
    if not text:
        return None
    found = _TIME.fullmatch(text)
    if found is None:
        layout = "2006-01-02T15:04:05Z07:00"
        raise failures.bad_request(f'parsing time "{text}" as "{layout}": cannot parse "{text}" as "2006"')
    date, fraction, zone = found.groups()
    fraction = f"{(fraction or '.')[:7]:0<7}"
    try:
        return datetime.datetime.fromisoformat(f"{date}{fraction}{zone.replace('Z', '+00:00')}")
    except ValueError:
        raise failures.bad_request(f'parsing time "{text}": out of range') from None
