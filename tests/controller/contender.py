"""A process that takes part in an election until SIGTERM and notes when it leads: ``contender.py URL ID FILE``.

Each leadership is two lines in the file, "begin ID seconds" and "end ID seconds". The seconds are those of the
machine's monotonic clock, which all processes share, so that the test can compare them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

from dynkube.config import Config
from dynkube.controller import LeaderElector
from dynkube.dynamic import DynamicClient

if TYPE_CHECKING:
    from types import FrameType

#: Short times in client-go's proportions: the lease, the renew deadline and the retry period, in seconds.
LEASE, RENEW, RETRY = 2.0, 1.3, 0.1


def main(url: str, identity: str, path: str) -> None:
    """Take part, again and again, until SIGTERM."""
    log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    ending = threading.Event()

    def note(word: str) -> None:
        # One write of a few bytes at the end of the file is not torn by those of others.
        os.write(log, f"{word} {identity} {time.monotonic():.6f}\n".encode())
        print(word, flush=True)  # noqa: T201 - what the test waits for

    def lead(over: threading.Event) -> None:
        note("begin")
        over.wait()
        note("end")

    with DynamicClient(Config(host=url, qps=-1.0)) as client:
        leases = client.resource("coordination.k8s.io/v1", "leases").namespace("default")
        elector: LeaderElector | None = None

        def end(_number: int, _frame: FrameType | None) -> None:
            ending.set()
            if elector is not None:
                elector.stop()

        signal.signal(signal.SIGTERM, end)
        print("ready", flush=True)  # noqa: T201
        while not ending.is_set():
            elector = LeaderElector(
                leases,
                "contended",
                identity,
                on_started_leading=lead,
                lease_duration=LEASE,
                renew_deadline=RENEW,
                retry_period=RETRY,
            )
            if ending.is_set():
                break
            elector.run()
    print("over", flush=True)  # noqa: T201
    os.close(log)


if __name__ == "__main__":
    main(*sys.argv[1:])
