"""Every credential the suite uses is looked for in everything the suite makes dynkube say.

A credential is known from the moment a configuration, a kubeconfig stanza or an Authorization header holds it. What is
said is every log record, warning, text of an exception (of dynkube's when it is made; of any, with all its causes, when
a test catches it), and the repr of every object that has to do with credentials, asked for as soon as it is made.
"""

from __future__ import annotations

import base64
import logging
import re
from functools import wraps
from typing import TYPE_CHECKING, Any

from dynkube import errors
from dynkube.config import kubeconfig as kubeconfig_module
from dynkube.config.credentials import AuthProviderConfig, ExecConfig
from dynkube.config.model import Config
from dynkube.rest.client import RESTClient
from dynkube.transport.credentials import Grant
from dynkube.transport.exec_plugin import ExecCredentials
from dynkube.transport.proxy import Proxy
from dynkube.transport.tls import ClientCertificate
from dynkube.transport.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Shorter ones ("t", "x") are not told from ordinary text.
SHORTEST = 6
#: Values that tests use as credentials although they are words of messages, too.
COMMON = frozenset({"static", "token-file", "secret", "password", "bearer", "oidc-token", "a-token", "no-token"})

_TELLING = re.compile(r"token|secret|password|passwd", re.IGNORECASE)


class Watch:
    """Collects credentials and texts, and finds the ones in the others."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._texts: list[tuple[str, str]] = []
        self._busy = False
        self.counted: dict[str, int] = {}

    def learn(self, secret: str | bytes | None) -> None:
        """Look for this credential from now on."""
        if isinstance(secret, bytes):
            secret = secret.decode("utf-8", "replace")
        if not isinstance(secret, str):
            return
        secret = secret.strip()
        if "PRIVATE KEY" in secret:
            # One line of its base64 is enough, and no line is shared by two keys.
            lines = [line for line in secret.splitlines() if len(line) > 30 and "KEY" not in line]
            secret = lines[1] if len(lines) > 1 else ""
        if len(secret) >= SHORTEST and secret.lower() not in COMMON and not _is_masked(secret):
            self._secrets.add(secret)

    def hear(self, source: str, text: str) -> None:
        """Take note of something that was said."""
        self.counted[source] = self.counted.get(source, 0) + 1
        if text:
            self._texts.append((source, text))

    def hear_repr(self, value: object) -> None:
        """Ask an object for its repr; an unfinished one has none yet."""
        if self._busy:
            return
        self._busy = True
        try:
            self.hear("repr", repr(value))
        except AttributeError:
            return
        finally:
            self._busy = False

    def hear_exception(self, error: BaseException) -> None:
        """Take note of the text, repr and notes of an exception and of all its causes."""
        found: BaseException | None = error
        seen: set[int] = set()
        while found is not None and id(found) not in seen:
            seen.add(id(found))
            texts = [str(found), repr(found), *getattr(found, "__notes__", ())]
            texts += [str(value) for name, value in vars(found).items() if name in ("stderr", "problems", "url")]
            self.hear("exception", "\n".join(texts))
            found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)

    def findings(self) -> list[str]:
        """Return what was said since the last call and holds a credential; the texts are forgotten."""
        texts, self._texts = self._texts, []
        if not texts or not self._secrets:
            return []
        # Longest first, so that a secret is not cut up by a shorter one that begins alike.
        pattern = re.compile("|".join(re.escape(item) for item in sorted(self._secrets, key=len, reverse=True)))
        return [
            f"{source} shows the credential {found[0]!r}: {text[:500]}"
            for source, text in texts
            if (found := pattern.search(text))
        ]

    def forget(self) -> None:
        """Forget all credentials: those of the next test are others, and one test's secret is another's plain name."""
        self._secrets.clear()
        self._texts.clear()


class RecordWatcher(logging.Handler):
    """Hands every log record on, as a formatter would print it, traceback included."""

    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.NOTSET)
        self._watch = watch
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record."""
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            self._watch.hear_exception(record.exc_info[1])
        self._watch.hear("log record", text)


def watch_everything(watch: Watch) -> list[Callable[[], None]]:
    """Put the watch wherever credentials come in and texts go out; returns what undoes it."""
    undo = [
        _after(Config, "__post_init__", lambda config: _learn_config(watch, config)),
        _after(Config, "__post_init__", watch.hear_repr),
        _after(AuthProviderConfig, "__post_init__", lambda provider: _learn_provider(watch, provider)),
        _after(AuthProviderConfig, "__post_init__", watch.hear_repr),
        _after(ExecConfig, "__post_init__", lambda provider: _learn_plugin(watch, provider)),
        _after(ExecConfig, "__post_init__", watch.hear_repr),
        _after(kubeconfig_module.Stanza, "__init__", lambda stanza: _learn_stanza(watch, stanza)),
        _after(kubeconfig_module.Stanza, "__init__", watch.hear_repr),
        _after(Grant, "__init__", lambda grant: _learn_authorization(watch, grant.authorization)),
        _after(Proxy, "__init__", lambda proxy: watch.learn(proxy.password)),
        _after(ClientCertificate, "__init__", lambda pair: watch.learn(pair.key)),
    ]
    undo += [
        _after(kind, "__init__", watch.hear_repr)
        for kind in (Grant, Proxy, ClientCertificate, ExecCredentials, Transport, RESTClient)
    ]
    # Exception.__init__ is what every constructor of the tree ends in; the texts are complete by then.
    undo.append(_after(errors.DynkubeError, "__init__", lambda error: watch.hear("exception", f"{error}\n{error!r}")))
    return undo


def _after(kind: type, method: str, call: Callable[[Any], None]) -> Callable[[], None]:
    own = kind.__dict__.get(method)
    inner = getattr(kind, method)

    @wraps(inner)
    def watched(self: Any, *arguments: Any, **options: Any) -> None:
        if inner is not object.__init__:  # a NamedTuple is made by __new__ and has no __init__ that takes its fields
            inner(self, *arguments, **options)
        call(self)

    setattr(kind, method, watched)

    def restore() -> None:
        if own is None:
            delattr(kind, method)
        else:
            setattr(kind, method, own)

    return restore


def _learn_config(watch: Watch, config: Config) -> None:
    for secret in (config.bearer_token, config.password, config.key_data):
        watch.learn(secret)
    if config.password:
        watch.learn(base64.b64encode(f"{config.username or ''}:{config.password}".encode()))


def _learn_provider(watch: Watch, provider: AuthProviderConfig) -> None:
    _learn_telling(watch, provider.config.items())


def _learn_plugin(watch: Watch, provider: ExecConfig) -> None:
    _learn_telling(watch, provider.env)


def _learn_stanza(watch: Watch, stanza: kubeconfig_module.Stanza) -> None:
    if stanza.kind != "user":
        return
    for name in ("token", "password", "client-key-data"):
        value = stanza.values.get(name)
        if isinstance(value, str):
            watch.learn(value)


def _learn_authorization(watch: Watch, line: bytes) -> None:
    # The credential is the third word of the line: behind the header's name and the scheme.
    watch.learn(line.partition(b" ")[2].partition(b" ")[2])


def _learn_telling(watch: Watch, pairs: Iterable[tuple[str, str]]) -> None:
    for name, value in pairs:
        if _TELLING.search(name):
            watch.learn(value)


def _is_masked(text: str) -> bool:
    return set(text) <= {"*"} or text in ("REDACTED", "DATA+OMITTED")
