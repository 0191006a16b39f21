"""Credentials from a command (`users[].user.exec`): run once for all threads, again when they expire or are refused."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakValueDictionary

from dynkube.errors import AuthenticationError, InvalidRequestError
from dynkube.transport.credentials import Grant, bearer
from dynkube.transport.observation import mask_secrets
from dynkube.transport.tls import ClientCertificate, read_file
from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dynkube.config import Config, ExecConfig

_log = logging.getLogger("dynkube.transport")

#: Seconds a plug-in may take when nobody is there to answer its questions.
PLUGIN_SECONDS = 120.0
#: Credentials are renewed this share of their life before the end, and at most so many seconds.
MARGIN_SHARE = 0.1
MARGIN_SECONDS = 10.0
#: Seconds for which a plug-in that was run after a 401 and gave the same credentials again is not asked once more.
SAME_AGAIN_SECONDS = 10.0
#: Characters of standard error kept for a message.
_STDERR_KEPT = 2000


class Outcome(Value):
    """What a run of a plug-in left behind."""

    exit_code: int
    stdout: bytes
    stderr: str


class ExecCredentials:
    """Runs the plug-in under a lock and keeps what it says until `expirationTimestamp`, less a small margin.

    Without a timestamp it is kept until the server answers 401. `run` and `clock` (seconds since 1970) are for tests.
    """

    #: Those in use, by what they would run: see `shared`. Nothing is kept alive by it.
    _in_use: ClassVar[WeakValueDictionary[bytes, ExecCredentials]] = WeakValueDictionary()

    def __init__(
        self,
        config: Config,
        *,
        clock: Callable[[], float] = time,
        run: Callable[[ExecConfig, Mapping[str, str], bool], Outcome] | None = None,
    ) -> None:
        if config.exec_provider is None:
            raise ValueError("the configuration has no exec_provider")
        self._config = config
        self._exec = config.exec_provider
        self._clock = clock
        self._run = run or run_plugin
        self._lock = threading.Lock()
        self._grant: Grant | None = None
        self._token: str | None = None
        self._renew_at: float | None = None
        self._ask_again_at = 0.0

    @classmethod
    def shared(cls, config: Config) -> ExecCredentials:
        """Return those another client of this process has, if they are of the same plug-in, else new ones.

        The same means command, arguments, environment, and what the plug-in is told of the cluster, as in client-go,
        and beyond that the environment of the process: whoever changes AWS_PROFILE in between means another identity.
        """
        credentials = cls(config)
        plugin = credentials._exec
        parts = (os.getpid(), plugin.command, plugin.args, plugin.env, plugin.interactive_mode)
        told = (credentials._info(interactive=False), sorted(os.environ.items()))
        # A digest: the environment may hold secrets, and two ways to one key must not meet by accident.
        key = hashlib.sha256(repr((parts, told)).encode("utf-8", "surrogateescape")).digest()
        return cls._in_use.setdefault(key, credentials)

    def grant(self) -> Grant:
        """Return the credentials of the last run while they last, else run the plug-in; see `Credentials.grant`."""
        grant = self._current()
        if grant is not None:
            return grant
        with self._lock:
            # Another thread may have run it while this one waited.
            return self._current() or self._renew()

    def refused(self, grant: Grant) -> bool:
        """Run the plug-in again unless another thread already did since `grant`; tell whether it said something new."""
        with self._lock:
            asked = self._grant is not grant or self._clock() < self._ask_again_at
            if not asked and self._renew() is grant:
                self._ask_again_at = self._clock() + SAME_AGAIN_SECONDS
            return self._grant is not grant

    def _current(self) -> Grant | None:
        renew_at = self._renew_at
        return self._grant if renew_at is None or self._clock() < renew_at else None

    def _renew(self) -> Grant:
        interactive = self._interactive()
        environment = {**os.environ, **dict(self._exec.env), "KUBERNETES_EXEC_INFO": self._info(interactive)}
        outcome = self._run(self._exec, environment, interactive)
        if outcome.exit_code < 0:
            raise self._failure(f"was killed by {_signal_name(-outcome.exit_code)}", outcome)
        if outcome.exit_code != 0:
            raise self._failure(f"failed with exit code {outcome.exit_code}", outcome)
        status = self._status(outcome)
        token, certificate = self._contents(status, outcome)
        expires = self._expiry(status, outcome)
        previous = self._grant
        if previous is not None and certificate == previous.certificate:
            # The same object, so that connections made with it stay.
            certificate = previous.certificate
        if previous is None or token != self._token or certificate is not previous.certificate:
            try:
                previous = bearer(token, certificate) if token else Grant(certificate=certificate)
            except InvalidRequestError:
                raise self._failure("gave a token that cannot stand in a header", outcome) from None
        self._token, self._grant, self._renew_at = token, previous, expires
        return previous

    def _interactive(self) -> bool:
        mode = self._exec.interactive_mode
        if mode == "Never":
            return False
        terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not terminal:
            raise self._failure("wants to ask questions (interactiveMode: Always), and standard input is no terminal")
        return terminal

    def _info(self, interactive: bool) -> str:
        spec: dict[str, Any] = {"interactive": interactive}
        if self._exec.provide_cluster_info:
            spec["cluster"] = self._cluster()
        return json.dumps({"kind": "ExecCredential", "apiVersion": self._exec.api_version, "spec": spec})

    def _cluster(self) -> dict[str, Any]:
        config = self._config
        authority = config.ca_data
        if not authority and config.ca_file:
            authority = read_file(config.ca_file, "certificate authority")
        cluster: dict[str, Any] = {
            "server": str(config.base_url),
            "tls-server-name": config.tls_server_name,
            "insecure-skip-tls-verify": config.insecure,
            "certificate-authority-data": base64.b64encode(authority).decode() if authority else None,
            "proxy-url": config.proxy_url,
            "disable-compression": config.disable_compression,
        }
        cluster = {key: value for key, value in cluster.items() if value}
        # Present even when empty, as in client-go.
        cluster["config"] = self._exec.cluster_extension
        return cluster

    def _status(self, outcome: Outcome) -> dict[str, Any]:
        try:
            reply = _parse(outcome.stdout)
        except (ValueError, RecursionError):
            # Not `from` the parser's own exception: its text may quote the credential.
            raise self._failure("printed neither JSON nor YAML", outcome) from None
        if not outcome.stdout.strip():
            raise self._failure("printed nothing, where an ExecCredential was expected", outcome)
        if not isinstance(reply, dict) or reply.get("kind") != "ExecCredential":
            # Not what it printed: a plug-in that prints a bare token does so here.
            raise self._failure("did not print an ExecCredential; run it by hand to see what it prints", outcome)
        if reply.get("apiVersion") != self._exec.api_version:
            raise self._failure(
                f"answered in version {str(reply.get('apiVersion'))[:80]!r}, but {self._exec.api_version!r} is "
                "configured; make the two agree",
                outcome,
            )
        status = reply.get("status")
        if not isinstance(status, dict):
            raise self._failure("printed an ExecCredential without a status", outcome)
        return status

    def _contents(self, status: Mapping[str, Any], outcome: Outcome) -> tuple[str | None, ClientCertificate | None]:
        token, chain, key = (status.get(name) for name in ("token", "clientCertificateData", "clientKeyData"))
        for name, value in (("token", token), ("clientCertificateData", chain), ("clientKeyData", key)):
            if value is not None and not isinstance(value, str):
                raise self._failure(f"printed a {name} that is no string", outcome)
        if bool(chain) != bool(key):
            raise self._failure("gave only one of clientCertificateData and clientKeyData; both are needed", outcome)
        if not token and not chain:
            raise self._failure("gave neither a token nor a client certificate", outcome)
        certificate = ClientCertificate(str(chain).encode(), str(key).encode()) if chain else None
        return (str(token) if token else None), certificate

    def _expiry(self, status: Mapping[str, Any], outcome: Outcome) -> float | None:
        value = status.get("expirationTimestamp")
        if value is None or value == "":
            return None
        expires = parse_time(str(value))
        if expires is None:
            raise self._failure(f"gave the expirationTimestamp {str(value)[:60]!r}, which is no RFC 3339 time", outcome)
        life = max(0.0, expires - self._clock())
        if not life:
            _log.warning(
                "credential plug-in %r gave a credential that expired at %s: check its own login, and this clock",
                self._exec.command,
                str(value)[:60],
            )
        return expires - min(MARGIN_SECONDS, MARGIN_SHARE * life)

    def _failure(self, what: str, outcome: Outcome | None = None) -> AuthenticationError:
        stderr = _masked(self._exec, outcome.stderr) if outcome else ""
        return plugin_failure(self._exec, what, exit_code=outcome.exit_code if outcome else None, stderr=stderr)


def run_plugin(command: ExecConfig, environment: Mapping[str, str], interactive: bool) -> Outcome:
    """Run the command to its end and return what it left; raises AuthenticationError if it cannot be started.

    With a terminal, standard input is the terminal's and standard error is shown as it comes: it may hold the
    question to answer, or the address to log in at.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - what the user configured to be run
            [command.command, *command.args],
            env=dict(environment),
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # A session of its own, to be killed with all its children; with a terminal it has to stay in ours.
            start_new_session=not interactive,
        )
    except FileNotFoundError:
        raise plugin_failure(command, _not_found(command.command)) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "invalid command or arguments"
        raise plugin_failure(command, f"could not be started: {reason}") from None
    stderr: list[bytes] = []
    with process:
        reader = threading.Thread(target=_collect, args=(process, stderr, interactive), daemon=True)
        reader.start()
        alarm = threading.Timer(PLUGIN_SECONDS, _kill, args=(process, interactive))
        if not interactive:
            alarm.daemon = True
            alarm.start()
        try:
            stdout = process.stdout.read() if process.stdout else b""
            reader.join()
            exit_code = process.wait()
            late = not interactive and not alarm.is_alive()
        except BaseException:
            _kill(process, interactive)
            reader.join()
            raise
        finally:
            alarm.cancel()
    text = b"".join(stderr).decode("utf-8", "replace").strip()
    if late and exit_code != 0:
        raise plugin_failure(command, f"did not finish within {PLUGIN_SECONDS:g} s", stderr=_masked(command, text))
    return Outcome(exit_code, stdout, text)


def _not_found(command: str) -> str:
    if not os.path.dirname(command):  # noqa: PTH120 - the text decides, as it does for the search path
        return "was not found: install it, or put its full path into 'command'"
    if Path(command).exists():
        return "cannot be run: the interpreter that its first line names was not found"
    return "was not found: there is no such file"


def _signal_name(number: int) -> str:
    try:
        return f"{signal.Signals(number).name} (signal {number})"
    except ValueError:
        return f"signal {number}"


def plugin_failure(
    command: ExecConfig, what: str, *, exit_code: int | None = None, stderr: str = ""
) -> AuthenticationError:
    """Return the exception for a plug-in; `stderr` must be masked already."""
    text = f"credential plug-in {command.command!r} {what}"
    if stderr:
        text += f"; it says: {stderr}"
    if command.install_hint:
        text += f"\n{command.install_hint.strip()}"
    return AuthenticationError(text, command=command.command, exit_code=exit_code, stderr=stderr)


def parse_time(text: str) -> float | None:
    """Return an RFC 3339 time in seconds since 1970, None if it is none."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text.strip())
    if match is None:
        return None
    zone = "+00:00" if match[4] in "Zz" else match[4]
    try:
        moment = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").astimezone(timezone.utc)
    except ValueError:
        return None
    return moment.timestamp() + float(f"0{match[3] or '.0'}")


def _parse(stdout: bytes) -> Any:
    try:
        return json.loads(stdout)
    except ValueError:
        # Only for the rare plug-in that prints YAML: the parser is slow to import.
        from dynkube.objects import load_yaml

        return load_yaml(stdout)


def _kill(process: subprocess.Popen[bytes], interactive: bool) -> None:
    """Kill the command; its children too, which would otherwise hold its output open and us waiting for it."""
    if interactive or not hasattr(os, "killpg"):
        process.kill()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _collect(process: subprocess.Popen[bytes], pieces: list[bytes], show: bool) -> None:
    pipe = process.stderr
    if pipe is None:
        return
    for piece in iter(lambda: os.read(pipe.fileno(), 4096), b""):
        pieces.append(piece)
        if show:
            sys.stderr.write(piece.decode("utf-8", "replace"))
            sys.stderr.flush()


def _masked(command: ExecConfig, stderr: str) -> str:
    text = mask_secrets(stderr, [value for _, value in command.env])
    return text if len(text) <= _STDERR_KEPT else "…" + text[-_STDERR_KEPT:]
