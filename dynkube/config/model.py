"""The one configuration every layer reads: where the server is, who we are, how connections behave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.config.base_url import BaseURL, parse_base_url
from dynkube.config.timeouts import Timeout
from dynkube.errors import ConfigError, InvalidRequestError, mask_url
from dynkube.values import Value, fields_of, replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.config.credentials import AuthProviderConfig, ExecConfig, Impersonation

#: What stands for a secret in a repr.
MASK = "***"
_BYTES_FIELDS = ("ca_data", "cert_data", "key_data")
_SECRETS = frozenset({"bearer_token", "password", "key_data"})
_CREDENTIALS = (
    *("bearer_token", "bearer_token_file", "username", "password"),
    *("cert_file", "cert_data", "key_file", "key_data"),
    *("impersonate", "exec_provider", "auth_provider"),
)


class Config(
    Value,
    kw_only=True,
    not_compared=("rate_limiter", "retry", "backoff", "request_hook", "warning_handler"),
):
    """How to reach one API server (client-go's ``rest.Config``). Every field is optional.

    Raises `ConfigError`, with every problem at once, when fields contradict each other: a CA together with
    ``insecure``, a password together with a token, a certificate without its key, an exec plug-in together with an
    auth provider. ``*_data`` (PEM bytes) wins over ``*_file`` of the same thing; ``bearer_token_file`` wins over
    ``bearer_token``.
    """

    #: Host, host:port or URL, path prefix allowed; "" means localhost.
    host: str = ""
    #: Namespace used where a call names none.
    namespace: str = "default"
    #: Name of the kubeconfig context this came from; None if it came from none.
    context: str | None = None
    bearer_token: str | None = None
    #: Read again as it changes.
    bearer_token_file: str | None = None
    username: str | None = None
    password: str | None = None
    #: Trusted certificate authorities; none given means the system's.
    ca_file: str | None = None
    ca_data: bytes | None = None
    cert_file: str | None = None
    cert_data: bytes | None = None
    key_file: str | None = None
    key_data: bytes | None = None
    #: Name to send (SNI) and to expect in the server's certificate; None means the host.
    tls_server_name: str | None = None
    #: Do not verify the server's certificate.
    insecure: bool = False
    #: Keep OpenSSL's strict X.509 checks, which Python 3.13 turned on and many private CAs fail.
    strict_x509: bool = False
    #: http, https or socks5 URL; None means the environment decides.
    proxy_url: str | None = None
    disable_compression: bool = False
    impersonate: Impersonation | None = None
    exec_provider: ExecConfig | None = None
    auth_provider: AuthProviderConfig | None = None
    #: None means dynkube's own.
    user_agent: str | None = None
    #: Requests a second allowed by the client; 0 (default) or less means no limit here, the server has its own.
    qps: float = 0.0
    #: Requests allowed at once before ``qps`` applies; 0 means twice ``qps``.
    burst: int = 0
    #: Takes the place of ``qps`` and ``burst``: an object with ``wait()``, called before each request.
    rate_limiter: Any = None
    timeout: Timeout = Timeout()
    #: What is sent again after which failures: a `dynkube.transport.RetryPolicy`; None means the documented one.
    retry: Any = None
    #: Waits between requests to a host that keeps failing: a `dynkube.transport.Backoff`; None means none, or what
    #: ``KUBE_CLIENT_BACKOFF_BASE`` and ``KUBE_CLIENT_BACKOFF_DURATION`` say.
    backoff: Any = None
    #: Called with a `dynkube.transport.RequestEvent` after each request.
    request_hook: Any = None
    #: Called with the text of each ``Warning`` header of code 299; None means they are logged once.
    warning_handler: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        problems = list(self._normalise())
        problems.extend(self._contradictions())
        if problems:
            raise ConfigError("invalid configuration: " + "; ".join(problems), problems=problems)

    def _normalise(self) -> list[str]:
        problems = []
        for name in _BYTES_FIELDS:
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, value.encode())
            elif value is not None and not isinstance(value, bytes):
                problems.append(f"{name} must be bytes, not {type(value).__name__}")
        for name, kind in fields_of(Config).items():
            value = getattr(self, name)
            if name == "impersonate" and isinstance(value, str):
                from dynkube.config.credentials import Impersonation  # which builds on this module

                object.__setattr__(self, name, Impersonation(user=value))
            elif kind in ("str", "str | None"):
                if value is None and kind == "str | None":
                    continue
                if hasattr(value, "__fspath__"):
                    object.__setattr__(self, name, str(value))
                elif not isinstance(value, str):
                    problems.append(f"{name} must be a string, not {type(value).__name__}")
            elif kind == "bool" and not isinstance(value, bool):
                problems.append(f"{name} must be True or False, not {type(value).__name__}")
        try:
            object.__setattr__(self, "timeout", Timeout.of(self.timeout))
        except InvalidRequestError as error:
            problems.append(str(error))
        return problems

    def _contradictions(self) -> list[str]:
        problems = []
        if self.insecure and (self.ca_file or self.ca_data):
            problems.append("insecure together with a certificate authority: choose one")
        token = self.bearer_token or self.bearer_token_file
        if token and (self.username or self.password):
            problems.append("more than one authentication method: a bearer token and a user name with password")
        if self.exec_provider and self.auth_provider:
            problems.append("more than one authentication method: exec_provider and auth_provider")
        if bool(self.cert_file or self.cert_data) != bool(self.key_file or self.key_data):
            missing = "key" if self.cert_file or self.cert_data else "certificate"
            problems.append(f"half a client certificate: its {missing} is missing")
        for name in ("bearer_token", "username", "password", "user_agent"):
            value = getattr(self, name)
            if isinstance(value, str):
                try:
                    check_header_value(value, name)
                except ConfigError as error:
                    problems.append(str(error))
        if self.username and ":" in self.username:
            problems.append("username contains ':', which basic authentication cannot carry")
        return problems

    @property
    def base_url(self) -> BaseURL:
        """The root of every request; raises `ConfigError` if ``host`` is no address (see `parse_base_url`)."""
        tls = bool(self.ca_file or self.ca_data or self.cert_file or self.cert_data or self.insecure)
        return parse_base_url(self.host, tls=tls)

    @property
    def authentication(self) -> str:
        """Which credentials will be used, in words and without secrets; "anonymous" if there are none."""
        methods = []
        if self.cert_data or self.cert_file:
            methods.append("client certificate" + (f" {self.cert_file}" if not self.cert_data else ""))
        if self.bearer_token_file:
            methods.append(f"token file {self.bearer_token_file}")
        elif self.bearer_token:
            methods.append("bearer token")
        if self.username or self.password:
            methods.append(f"basic as {self.username!r}")
        # A plug-in is not run beside static credentials (client-go exec.go: UpdateTransportConfig).
        if self.exec_provider and not methods:
            methods.append(f"exec {self.exec_provider.command}")
        if self.auth_provider and not methods:
            methods.append(f"auth provider {self.auth_provider.name}")
        return " and ".join(methods) or "anonymous"

    def replace(self, **changes: Any) -> Config:
        """Return a copy with some fields changed; an unknown field is a TypeError, a contradiction a `ConfigError`."""
        return replace(self, **changes)

    def anonymous(self) -> Config:
        """Return a copy without any credentials or impersonation, everything else kept."""
        return self.replace(**dict.fromkeys(_CREDENTIALS))

    def __repr__(self) -> str:
        shown = [f"host={mask_url(self.host)!r}", f"authentication={self.authentication!r}"]
        for name in fields_of(Config):
            value = getattr(self, name)
            if name == "host" or value == self._defaults[name]:
                continue
            if name in _SECRETS:
                value = MASK
            elif name == "proxy_url":
                value = mask_url(value)
            elif isinstance(value, bytes):
                shown.append(f"{name}=<{len(value)} bytes>")
                continue
            shown.append(f"{name}={value!r}")
        return f"Config({', '.join(shown)})"


def check_header_value(value: str, what: str) -> None:
    """Raise `ConfigError` if the value cannot stand in a header line; the message names ``what``, not the value."""
    if not isinstance(value, str):
        raise ConfigError(f"{what} must be a string, not {type(value).__name__}")
    if not fits_header(value):
        raise ConfigError(f"{what} contains a line break or another control character")


def fits_header(value: str) -> bool:
    """Tell whether the text can stand in a header line: nothing in it may end the line."""
    return not any(ord(character) < 0x20 or ord(character) == 0x7F for character in value)
