"""Exit codes of the command, and how each failure is reported: one line on standard error, never a traceback."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dynkube.errors import StatusError

#: Everything asked for was done.
OK = 0
#: The server or the network said no: a refusal, an unknown resource, no connection, an answer that is not the API's.
REFUSED = 1
#: The command line, a file or the configuration is wrong; nothing was asked of the server because of it.
USAGE = 2
#: What was waited for did not happen in time.
TIMED_OUT = 3
#: A defect of dynkube itself (sysexits' EX_SOFTWARE); `-v` prints where.
INTERNAL = 70
#: Interrupted from the keyboard: 128 + SIGINT, as shells report it.
INTERRUPTED = 130
#: Whoever read the output went away: 128 + SIGPIPE, said without a word.
BROKEN_PIPE = 141

#: The group after the kind at the beginning of a message, which kubectl leaves out.
_GROUP = re.compile(r'^([A-Za-z0-9]+)\.[a-z0-9.-]+(?= ")')


class UsageError(Exception):
    """The command line cannot be understood; the message says why and what would be."""


class DeclinedError(Exception):
    """What is on the server is not what the command line expects, so the command left it as it is."""


class Outcome:
    """The exit code of a command that does several things: the highest of theirs."""

    def __init__(self) -> None:
        self.code = OK

    @contextlib.contextmanager
    def attempt(self, *, ignore_not_found: bool = False) -> Iterator[None]:
        """Report what goes wrong inside for this one thing and let the command go on with the next.

        A server that cannot be reached or makes no sense ends the command: the next thing would fare no better.
        """
        from dynkube import errors

        try:
            yield
        except (
            errors.StatusError,
            errors.MappingError,
            errors.InvalidRequestError,
            UsageError,
            DeclinedError,
        ) as error:
            if not (ignore_not_found and isinstance(error, errors.NotFound)):
                self.code = max(self.code, report(error))


def complain(message: str) -> None:
    """Print one line to standard error, whatever the message holds."""
    print(" ".join(message.split()), file=sys.stderr)


def exit_code_of(error: BaseException) -> int:
    """Report what ended a command and return the exit code a script can rely on."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else OK
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _abandon_output()
        return BROKEN_PIPE
    return report(error)


def report(error: BaseException) -> int:
    """Say on standard error what went wrong and return the code that goes with it."""
    from dynkube import errors

    if isinstance(error, errors.StatusError):
        complain(_refusal(error))
        return REFUSED
    if isinstance(error, UsageError | errors.ConfigError | errors.InvalidRequestError):
        complain(f"error: {error}")
        return USAGE
    if isinstance(error, errors.WaitTimeoutError):
        complain(f"error: {error}")
        return TIMED_OUT
    if isinstance(error, errors.DynkubeError | DeclinedError):
        complain(f"error: {error}")
        return REFUSED
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        complain(f"error: {where}{error.strerror or error}")
        return USAGE
    complain(f"error: this is a defect of dynkube, please report it: {type(error).__name__}: {error}")
    logging.getLogger("dynkube.cli").info("where it happened", exc_info=error)
    return INTERNAL


def _refusal(error: StatusError) -> str:
    """Word a refusal as kubectl does, for eyes trained on that; what is known beyond it follows in brackets."""
    reason = error.reason or str(error.code)
    message = error.message or str(error)
    if reason == "Invalid":
        # Of what has neither kind nor name the server's message begins with the gap they leave.
        message = message.strip().removeprefix('"" is invalid: ')
        if " is invalid" not in message:
            return f"The request is invalid: {message}"
        return "The " + _GROUP.sub(r"\1", message)
    hint = f" ({error.hint})" if error.hint else ""
    return f"Error from server ({reason}): {message}{hint}"


def _abandon_output() -> None:
    """Point standard output at nothing: the interpreter's last flush must not complain about the closed pipe."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
