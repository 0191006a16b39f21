"""TLS by the configuration: whom to trust, what to present, and noticing when the files behind it change."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from dynkube.config import Config


_CERTIFICATE = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.DOTALL
)


class ClientCertificate(NamedTuple):
    """A certificate chain and its private key, both PEM."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "ClientCertificate(certificate=..., key=***)"


class TLSSettings:
    """Makes the SSL contexts of one configuration from its files and data.

    Nothing but the configured CA is trusted; without one, the system's roots are (certifi is never added). Chain,
    expiry and host name are always verified unless `insecure`. Python 3.13's strict X.509 mode is off, because many
    clusters' own CAs lack the key identifiers it wants; `Config.strict_x509` turns it on.
    """

    def __init__(self, config: Config) -> None:
        self._config = config

    def watched_files(self) -> tuple[str, ...]:
        """Files whose change calls for a new context; data wins over a file, and a file beside it is not read."""
        config = self._config
        files = [] if config.ca_data or not config.ca_file else [config.ca_file]
        if not config.cert_data and not config.key_data and config.cert_file and config.key_file:
            files += [config.cert_file, config.key_file]
        return tuple(files)

    def context(self, client_certificate: ClientCertificate | None = None) -> ssl.SSLContext:
        """Return a context for the API server; `client_certificate` stands in for the configured one.

        Raises ConfigError, naming the file or field, for anything unreadable or malformed.
        """
        config = self._config
        # PROTOCOL_TLS_CLIENT, unlike create_default_context, leaves VERIFY_X509_STRICT off on every Python.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        else:
            self._trust(context)
            if config.strict_x509:
                context.verify_flags |= ssl.VERIFY_X509_STRICT
        certificate = client_certificate or self._configured_certificate()
        if certificate is not None:
            _present(context, certificate)
        return context

    def proxy_context(self) -> ssl.SSLContext:
        """Return a context for an HTTPS proxy: the system's roots and the configured CA; no client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_default_certs()
        if self._config.ca_data or self._config.ca_file:
            self._trust(context)
        return context

    def _trust(self, context: ssl.SSLContext) -> None:
        config = self._config
        if not config.ca_data and not config.ca_file:
            context.load_default_certs()
            return
        data = config.ca_data or read_file(str(config.ca_file), "certificate authority")
        place = (
            "ca_data (certificate-authority-data)" if config.ca_data else f"certificate authority file {config.ca_file}"
        )
        path = None if config.ca_data else config.ca_file
        blocks = _CERTIFICATE.findall(data)
        if not blocks:
            raise ConfigError(f"{place} holds no whole PEM certificate: nothing could be trusted", path=path)
        try:
            context.load_verify_locations(cadata=b"\n".join(blocks).decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError, ValueError) as error:
            raise ConfigError(f"{place} cannot be parsed as PEM certificates: {error}", path=path) from error
        # Go trusts whatever certificate it is given as a root, an intermediate or a self-signed server's own included.
        context.verify_flags |= getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000)

    def _configured_certificate(self) -> ClientCertificate | None:
        config = self._config
        if not (config.cert_data or config.cert_file) or not (config.key_data or config.key_file):
            return None
        return ClientCertificate(
            config.cert_data or read_file(str(config.cert_file), "client certificate"),
            config.key_data or read_file(str(config.key_file), "client key"),
        )


class FileStamps:
    """Remembers what files looked like, to notice a change without reading them.

    Links are followed: Kubernetes replaces a mounted secret by swapping a symbolic link.
    """

    def __init__(self, files: tuple[str, ...]) -> None:
        self._files = files
        self._seen: tuple[tuple[int, int, int] | None, ...] = self._look()

    def changed(self) -> bool:
        """Tell whether any file was replaced or rewritten since the last call."""
        now = self._look()
        if now == self._seen:
            return False
        self._seen = now
        return True

    def forget(self) -> None:
        """Make the next call of `changed()` say so, to try once more."""
        self._seen = ()

    def __bool__(self) -> bool:
        return bool(self._files)

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(file) for file in self._files)


def _stamp(file: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - once a second on the request path; a Path costs as much as the call
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def read_file(path: str, what: str) -> bytes:
    """Return a file's content; raises ConfigError that names the file, what it is for, and why it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {what} file {path}: {error.strerror or error}", path=path) from error


def _present(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """Load a client certificate. OpenSSL takes files only: a private one (0600) exists for the time of the call."""
    descriptor, path = tempfile.mkstemp(prefix="dynkube-", suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.certificate.rstrip() + b"\n" + certificate.key)
        try:
            # A password is given, wrong as it may be: OpenSSL would ask the terminal for the one of an encrypted key.
            context.load_cert_chain(path, password=lambda: b"-")
        except ssl.SSLError as error:
            raise ConfigError(_certificate_problem(certificate, error)) from None
    finally:
        Path(path).unlink()


def _certificate_problem(certificate: ClientCertificate, error: ssl.SSLError) -> str:
    if not _CERTIFICATE.search(certificate.certificate):
        return "the client certificate holds no PEM certificate"
    if b"PRIVATE KEY-----" not in certificate.key:
        return "the client key holds no PEM private key"
    if b"ENCRYPTED" in certificate.key:
        return "the client key is encrypted; decrypt it first, there is nobody to ask for its password"
    if "KEY_VALUES_MISMATCH" in str(error):
        return "the client key does not belong to the client certificate"
    return f"the client certificate or its key cannot be used: {error.reason or error}"
