"""A certificate authority and a serving certificate for one run of the server, made with the ``testing`` extra."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How long the certificates are valid.
_LIFETIME = datetime.timedelta(days=365)
#: How far back validity starts, for clients whose clock is slow.
_SLACK = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class ServingCertificate:
    """PEM texts: the CA clients trust, and the server's chain and key."""

    ca: bytes
    certificate: bytes
    key: bytes

    def context(self) -> ssl.SSLContext:
        """Return the server's TLS context. The key touches the disk only while it is loaded, readable by us alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        handle, name = tempfile.mkstemp(prefix="dynkube-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(self.certificate + self.key)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink()
        return context


def generate(names: Iterable[str]) -> ServingCertificate:
    """Make a CA and a certificate for host names and IP addresses. Raises ConfigError without the ``testing`` extra."""
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
    except ImportError as error:
        text = "TLS needs the package cryptography: install dynkube[testing]"
        raise ConfigError(text) from error

    now = datetime.datetime.now(datetime.timezone.utc)

    def builder(common_name: str, issuer: str, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        def named(name: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

        return (
            x509.CertificateBuilder()
            .subject_name(named(common_name))
            .issuer_name(named(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + _LIFETIME)
        )

    def general_name(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = f"dynkube-ca@{int(now.timestamp())}"
    key_usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        builder(issuer, issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    serving = (
        builder("kube-apiserver", issuer, key.public_key())
        .add_extension(x509.SubjectAlternativeName([general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return ServingCertificate(authority.public_bytes(pem), serving.public_bytes(pem), private)
