"""What the official client's leader election promises beyond the tests of ours."""

from __future__ import annotations

import threading

from controller.objects import MemoryObjects

from dynkube.controller import LeaderElector


def test_what_leads_does_not_keep_a_process_alive() -> None:
    """It runs in a daemon thread: a main thread that ends takes the process along, whatever the leader still does."""
    threads: list[threading.Thread] = []

    def lead(_: threading.Event) -> None:
        threads.append(threading.current_thread())
        elector.stop()

    elector = LeaderElector(MemoryObjects(), "lock", "me", on_started_leading=lead)
    elector.run()
    assert [thread.daemon for thread in threads] == [True]
