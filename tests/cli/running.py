"""What a test sees of one run of the command."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Finished(NamedTuple):
    """Exit code and output of a run."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines of standard output."""
        return self.out.splitlines()


class Run(Protocol):
    """Runs the command in this process, against the test's server and in the test's namespace."""

    def __call__(self, *words: str, stdin: str = "") -> Finished:
        """Run `dynkube WORDS...` and return how it ended."""
