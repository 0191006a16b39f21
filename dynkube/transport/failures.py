"""What went wrong below HTTP, told in dynkube's own exceptions: the value, the place, and the way out."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import ssl
from typing import TYPE_CHECKING, NamedTuple

from urllib3.exceptions import HTTPError
from urllib3.util.ssl_match_hostname import CertificateError

from dynkube.errors import ConnectFailedError, RequestTimeoutError, ResponseError, TLSError, TransportError

if TYPE_CHECKING:
    from dynkube.config import BaseURL, Timeout
    from dynkube.transport.proxy import Proxy

#: Everything the layers below raise for trouble on the network.
NETWORK_ERRORS = (OSError, http.client.HTTPException, HTTPError, CertificateError)

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL})
# What OpenSSL calls an answer that is no TLS record, by version.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "UNKNOWN_PROTOCOL",
    "PACKET_LENGTH_TOO_LONG",
)
_OLD_TLS = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "NO_PROTOCOLS_AVAILABLE")
_CERTIFICATE_REFUSED = (
    *("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_EXPIRED", "CERTIFICATE_REVOKED"),
    *("CERTIFICATE_UNKNOWN", "UNSUPPORTED_CERTIFICATE", "ACCESS_DENIED"),
)
# First bytes of a TLS record of version 3.x: an alert or a handshake.
_TLS_RECORDS = ("\x15\x03", "\x16\x03", r"\x15\x03", r"\x16\x03")


class Place(NamedTuple):
    """Where a request was going, for messages."""

    target: BaseURL
    proxy: Proxy | None
    server_name: str | None = None
    #: What the configured certificate authority is called in the configuration; "" for the system's.
    authority: str = ""

    @property
    def server(self) -> str:
        """Host and port, as one would type them."""
        host = f"[{self.target.host}]" if ":" in self.target.host else self.target.host
        return f"{host}:{self.target.port}"

    @property
    def next_hop(self) -> str:
        """What the TCP connection is made to."""
        return str(self.proxy) if self.proxy else self.server


def connect_failure(error: Exception, place: Place, timeout: Timeout, *, method: str, url: str) -> TransportError:
    """Return the exception for a connection that could not be made; nothing of the request was sent."""
    cause = _root(error)
    if isinstance(cause, CertificateError):
        return TLSError(_wrong_name(place, str(cause)), method=method, url=url)
    if isinstance(cause, ssl.SSLError):
        return _tls_failure(cause, place, method=method, url=url)
    if isinstance(cause, TimeoutError):
        limit = f"within {timeout.connect:g} s" if timeout.connect else "in the time the system allows"
        if "handshake" in str(cause):
            return RequestTimeoutError(
                f"{place.server} took the connection and did not answer the TLS handshake {limit}: "
                "it may not serve https on this port",
                method=method,
                url=url,
            )
        return RequestTimeoutError(
            f"no connection to {place.next_hop} {limit}: the host may be down, or a firewall drops packets silently",
            method=method,
            url=url,
        )
    if isinstance(cause, socket.gaierror):
        name = place.proxy.host if place.proxy else place.target.host
        text = (
            f"cannot resolve the host name {name!r} of {'the proxy' if place.proxy else 'the server'} "
            f"({cause.strerror or cause}): check its spelling and the DNS of this machine"
        )
    elif isinstance(cause, ConnectionRefusedError):
        text = f"connection to {place.next_hop} refused: nothing listens there; check host and port, and that it runs"
    elif isinstance(cause, OSError) and cause.errno in _UNREACHABLE:
        text = f"{place.next_hop} is unreachable ({os.strerror(cause.errno)}): check the address, network and VPN"
    elif str(cause).startswith("Tunnel connection failed"):
        text = proxy_refusal(place, str(cause).removeprefix("Tunnel connection failed: "))
    elif place.proxy is not None:
        text = f"cannot connect to {place.server} through {place.proxy}: {_words(cause)}"
    else:
        text = f"cannot connect to {place.server}: {_words(cause)}"
    return ConnectFailedError(text, method=method, url=url)


def exchange_failure(
    error: Exception, place: Place, timeout: Timeout, *, method: str, url: str, effect: str = ""
) -> TransportError:
    """Return the exception for a request that was sent, wholly or in part, and got no answer.

    `effect` is the method that does the same to the cluster, where that is another.
    """
    outcome = "" if (effect or method) in _READS else "; it is not known whether the server carried the request out"
    if isinstance(error, ssl.SSLError):
        if not isinstance(error, ssl.SSLEOFError):
            return _tls_failure(error, place, method=method, url=url)
    elif isinstance(error, TimeoutError):
        limit = f"within the read timeout of {timeout.read:g} s" if timeout.read else "in time"
        return RequestTimeoutError(f"no answer from {place.server} {limit}{outcome}", method=method, url=url)
    if isinstance(error, http.client.RemoteDisconnected | ConnectionError | ssl.SSLEOFError):
        hint = "; it may expect https on this port" if place.target.scheme == "http" and not place.proxy else ""
        return ConnectFailedError(
            f"{place.server} closed the connection without an answer{outcome or hint}", method=method, url=url
        )
    if isinstance(error, http.client.BadStatusLine):
        line = str(error.args[0]) if error.args else ""
        if any(record in line for record in _TLS_RECORDS):
            return TLSError(
                f"{place.server} speaks TLS and the request was plain HTTP: use https:// in the server address",
                method=method,
                url=url,
            )
        return ResponseError(f"{place.server} does not answer in HTTP: {line[:80]}", method=method, url=url)
    if isinstance(error, http.client.HTTPException):
        return ResponseError(f"the answer is not proper HTTP: {_words(error)}", method=method, url=url)
    return ConnectFailedError(
        f"the connection to {place.server} broke: {_words(error)}{outcome}", method=method, url=url
    )


def body_failure(
    error: Exception, place: Place, timeout: Timeout, *, method: str, url: str, code: int
) -> TransportError:
    """Return the exception for an answer whose body did not arrive whole."""
    if isinstance(error, TimeoutError):
        limit = f"for {timeout.read:g} s" if timeout.read else "for too long"
        return RequestTimeoutError(
            f"{place.server} was silent {limit} in the middle of its answer", method=method, url=url
        )
    if isinstance(error, http.client.IncompleteRead):
        missing = f", {error.expected} more were announced" if error.expected else ""
        return ResponseError(
            f"the answer was cut short by {place.server} or something in between{missing}",
            method=method,
            url=url,
            code=code,
        )
    if isinstance(error, ssl.SSLError | ConnectionError):
        return ResponseError(
            f"the connection to {place.server} broke in the middle of its answer: {_words(error)}",
            method=method,
            url=url,
            code=code,
        )
    return ResponseError(f"the body of the answer is broken: {_words(error)}", method=method, url=url, code=code)


def proxy_refusal(place: Place, answer: str) -> str:
    """Return the message for a proxy that answers itself, instead of passing the request on."""
    text = f"{place.proxy or 'a proxy on the way'} refused to connect to {place.server}: {answer}"
    if not answer.startswith("407"):
        return text
    if place.proxy is not None and place.proxy.username:
        return f"{text}; it does not accept the user name and password in the proxy URL"
    return f"{text}; put its user name and password into the proxy URL"


def is_passing(error: TransportError) -> bool:
    """Tell whether a connection that stood broke, before or in the answer, so that a read may be sent again."""
    cause = error.__cause__
    return isinstance(cause, Exception) and (is_hangup(cause) or isinstance(cause, http.client.IncompleteRead))


def is_hangup(error: Exception) -> bool:
    """Tell whether the other side closed the connection before a byte of its answer arrived."""
    return isinstance(error, ConnectionError | ssl.SSLEOFError) and not isinstance(error, ConnectionRefusedError)


def _tls_failure(error: ssl.SSLError, place: Place, *, method: str, url: str) -> TLSError:
    return TLSError(_tls_explanation(error, place), method=method, url=url)


def _tls_explanation(error: ssl.SSLError, place: Place) -> str:
    server = place.server
    if isinstance(error, ssl.SSLCertVerificationError):
        return _verification_explanation(error, place)
    reason = error.reason or ""
    if any(word in reason for word in _NOT_TLS):
        return (
            f"{server} did not answer in TLS: it may serve plain HTTP on this port; "
            "use http:// in the server address, or the port that serves https"
        )
    if any(word in reason for word in _CERTIFICATE_REFUSED):
        return (
            f"{server} refused the client certificate, or wants one ({reason.replace('_', ' ').lower()}): "
            "check client-certificate and client-key, and whether they have expired"
        )
    if any(word in reason for word in _OLD_TLS):
        return (
            f"{server} and this client share no TLS version ({reason.replace('_', ' ').lower()}); TLS 1.2 is the least"
        )
    if "UNRECOGNIZED_NAME" in reason:
        return f"{server} serves nothing under this name; check tls-server-name"
    if isinstance(error, ssl.SSLEOFError) or "EOF" in reason:
        return f"{server} closed the connection during the TLS handshake; it may not serve https on this port"
    return f"the TLS handshake with {server} failed: {_words(error)}"


def _verification_explanation(error: ssl.SSLCertVerificationError, place: Place) -> str:
    server = place.server
    why = (error.verify_message or str(error)).rstrip(".")
    lowered = why.lower()
    if "mismatch" in lowered:
        return _wrong_name(place, why)
    if "expired" in lowered or "not yet valid" in lowered:
        return f"the certificate of {server} or of its authority is not valid now ({why}): renew it, check both clocks"
    if "key identifier" in lowered or "pathlen" in lowered or "key usage" in lowered:
        return f"the certificate of {server} fails strict X.509 checks ({why}): mend it, or leave strict_x509 off"
    if place.authority:
        return (
            f"the certificate of {server} is not signed by the configured authority, {place.authority} ({why}): "
            "it may be that of another cluster, or the cluster's was replaced; fetch the cluster's CA again"
        )
    return (
        f"the certificate of {server} is not signed by an authority this system trusts ({why}): "
        "set certificate-authority to the cluster's CA"
    )


def _wrong_name(place: Place, why: str) -> str:
    name = place.server_name or place.target.host
    return (
        f"the certificate of {place.server} is for another name than {name!r} ({why}): "
        "connect by a name it holds, or set tls-server-name to one"
    )


def _root(error: BaseException) -> BaseException:
    """Return the cause urllib3 wrapped; version 1.26 leaves it in the context only."""
    while isinstance(error, HTTPError):
        cause = error.__cause__ or error.__context__
        if cause is None:
            break
        error = cause
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
