"""Start-up cost: what `dynkube --help` may import, and how long that may take."""

from __future__ import annotations

import subprocess
import sys

#: Parts of the client and of its dependencies that help must not load.
HEAVY = ("requests", "urllib3", "yaml", "cachetools", "ssl", "json", "asyncio", "dynkube.rest", "dynkube.dynamic")


def run(program: str) -> str:
    """Run a small program in a fresh interpreter and return what it prints."""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True, timeout=60)
    return finished.stdout


def test_help_loads_no_client() -> None:
    """`dynkube --help` loads argparse and what it needs, and nothing that could be slow."""
    program = (
        "import contextlib, io, sys\n"
        "from dynkube.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): code = main(['--help'])\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run(program).strip() == "0 []"


def test_help_costs_less_than_importing_requests() -> None:
    """`dynkube --help` takes at most 1.5 times as long as `import requests`; the least of several runs counts."""
    timed = "import time; start = time.perf_counter()\n{}\nprint(time.perf_counter() - start)"
    help_program = timed.format(
        "import contextlib, io\nfrom dynkube.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()): main(['--help'])"
    )
    requests_program = timed.format("import requests")
    ours = min(float(run(help_program)) for _ in range(5))
    theirs = min(float(run(requests_program)) for _ in range(5))
    assert ours <= 1.5 * theirs
