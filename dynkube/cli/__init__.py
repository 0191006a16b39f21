"""The `dynkube` command: runs the command that was asked for and turns its end into an exit code.

Start-up is part of the interface: `dynkube --help` imports argparse and nothing of the client, and a command imports
only what it runs.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: the process's own) and return its exit code.

    Nothing is raised: bad usage, refusals of the server, interruption and a closed pipe all become the codes of
    `dynkube.cli.exits`, with one line on standard error where there is something to say.
    """
    from dynkube.cli.exits import exit_code_of
    from dynkube.cli.parsing import parse

    try:
        options = parse(sys.argv[1:] if argv is None else list(argv))
        code: int = options.run(options)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt, SystemExit) as error:  # noqa: BLE001 - the command's outermost frame
        return exit_code_of(error)
    return code
