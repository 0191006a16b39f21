"""Certificates for tests: an authority and what it signs, good and bad in every way."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class Identity:
    """A certificate and its key as PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both into a folder and return their paths."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_bytes(self.certificate)
        paths[1].write_bytes(self.key)
        return paths

    def server_context(self, folder: Path, client_ca: bytes | None = None) -> ssl.SSLContext:
        """Return a context that serves with this identity, and asks for client certificates if `client_ca` is given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self.write(folder, f"server-{id(self)}")
        context.load_cert_chain(certificate, key)
        if client_ca is not None:
            context.load_verify_locations(cadata=client_ca.decode())
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Authority:
    """A certificate authority; `identifiers=False` leaves out the key identifiers strict X.509 wants."""

    def __init__(self, name: str = "test CA", *, identifiers: bool = True, expired: bool = False) -> None:
        self._identifiers = identifiers
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key(), _window(expired=expired))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        if identifiers:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), False)
            builder = builder.add_extension(_ca_usage(), critical=True)
        self.certificate = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        names: Sequence[str] = ("127.0.0.1", "localhost"),
        *,
        common_name: str = "server",
        client: bool = False,
        window: tuple[datetime, datetime] | None = None,
    ) -> Identity:
        """Sign a certificate for these host names and addresses, or for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = _builder(subject, self._name, key.public_key(), window or _window())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if not client:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(n) for n in names]), False)
        if self._identifiers:
            builder = builder.add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        return _identity(builder.sign(self._key, hashes.SHA256()), key)


def self_signed(names: Sequence[str] = ("127.0.0.1",)) -> Identity:
    """Return a certificate that nobody signed but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lonely")])
    builder = _builder(subject, subject, key.public_key(), _window())
    builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), False)
    return _identity(builder.sign(key, hashes.SHA256()), key)


def past() -> tuple[datetime, datetime]:
    """Return a validity that is over."""
    return _window(expired=True)


def future() -> tuple[datetime, datetime]:
    """Return a validity that has not begun."""
    now = datetime.now(timezone.utc)
    return now + timedelta(days=1), now + timedelta(days=2)


def _window(*, expired: bool = False) -> tuple[datetime, datetime]:
    now = datetime.now(timezone.utc)
    return (now - timedelta(days=2), now - timedelta(days=1) if expired else now + timedelta(days=2))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, window: tuple[datetime, datetime]
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(window[0])
        .not_valid_after(window[1])
    )


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _identity(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
    return Identity(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
