"""The real kubectl, run as a process."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Longest a kubectl may take, in seconds: many run at once on small machines.
LIMIT = 90


@dataclass(frozen=True)
class Kubectl:
    """kubectl with its configuration, in one namespace."""

    program: str
    environment: Mapping[str, str]
    namespace: str

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run kubectl and return how it ended."""
        return subprocess.run(
            [self.program, "-n", self.namespace, *words],
            input=stdin,
            capture_output=True,
            check=False,
            env=dict(self.environment),
            text=True,
            timeout=LIMIT,
        )

    def __call__(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl, which must succeed, and return what it printed."""
        finished = self.run(*words, stdin=stdin)
        assert finished.returncode == 0, f"kubectl {' '.join(words)}: {finished.stdout}{finished.stderr}"
        return finished.stdout

    @property
    def version(self) -> tuple[int, int]:
        """Its major and minor version."""
        said = json.loads(self("version", "--client", "-o", "json"))["clientVersion"]
        return int(said["major"]), int(re.sub(r"\D", "", said["minor"]))

    @contextmanager
    def running(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Run kubectl in the background; it is killed at the end of the block."""
        with subprocess.Popen(
            [self.program, "-n", self.namespace, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(self.environment),
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()
