"""`dynkube get --raw`: the body of the answer at a path, as it comes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

from dynkube.cli.common import request_limit
from dynkube.cli.exits import OK, UsageError

if TYPE_CHECKING:
    import argparse

#: What may stand in a path or query besides letters and digits (RFC 3986), and the sign of what is encoded already.
_AS_IT_IS = "!$&'()*+,;=:@/?-._~%"


def print_raw(options: argparse.Namespace) -> int:
    """Print the answer to a GET of the path; returns the exit code. Raises UsageError for what does not go with it."""
    from dynkube.cli.cluster import Cluster
    from dynkube.config import Timeout
    from dynkube.transport import HTTPRequest

    target = _target(options)
    request = HTTPRequest("GET", target, (("Accept", "application/json, */*"),), verb="get")
    # A log or a watch may be silent as long as it likes.
    limit = request_limit(options)
    timeout = Timeout(read=limit) if limit is None else Timeout(connect=limit, read=limit, total=limit)
    sys.stdout.flush()
    with Cluster(options) as cluster, cluster.dyn.rest.open(request, timeout=timeout) as answer:
        for chunk in answer.chunks():
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
    return OK


def _target(options: argparse.Namespace) -> str:
    if options.targets or options.filename:
        raise UsageError("arguments may not be passed when --raw is specified")
    if options.output is not None:
        raise UsageError("--raw and --output are mutually exclusive")
    if options.watch or options.watch_only or options.selector or options.field_selector or options.subresource:
        raise UsageError("--raw asks for a path as it is: put selectors and the like into its query")
    path, mark, query = options.raw.partition("#")[0].partition("?")
    if not path.startswith("/"):
        raise UsageError(f"--raw takes a path on the server, such as /healthz, not {options.raw!r}")
    if {".", ".."} & set(path.split("/")):
        raise UsageError(f"--raw {options.raw!r}: a path cannot have the segments '.' and '..'")
    return quote(f"{path}{mark}{query}", safe=_AS_IT_IS)
