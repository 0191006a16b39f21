"""What holds for every test: how hypothesis searches, and what is watched over."""

from __future__ import annotations

import os

from hypothesis import settings

#: No test may show a credential, no run leave threads, sockets or temporary files behind.
pytest_plugins = ["watching.plugin"]

# Machines are shared, so no example has a deadline. The same examples are tried in every run, so that a change is
# judged by what it changed; DYNKUBE_EXPLORE=1 searches anew, and what it finds becomes an example of its own.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("explore" if os.environ.get("DYNKUBE_EXPLORE") else "same")
