"""Keys and certificates of a real control plane: its administrator's, and the key of service-account tokens."""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dynkube.testing.access import kubeconfig

if TYPE_CHECKING:
    from dynkube.config import Config

_LIFETIME = datetime.timedelta(days=365)
_SLACK = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class ClientCertificate:
    """PEM texts: the authority kube-apiserver trusts clients by, and a client's certificate and key."""

    ca: bytes
    certificate: bytes
    key: bytes


def administrator() -> ClientCertificate:
    """Make an authority and the certificate CN=admin, O=system:masters, as envtest does. Needs cryptography."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.timezone.utc)
    issuer_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dynkube-client-ca")])
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "system:masters"),
            x509.NameAttribute(NameOID.COMMON_NAME, "admin"),
        ]
    )

    def signed(name: x509.Name, public: ec.EllipticCurvePublicKey, *, authority: bool) -> bytes:
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _SLACK)
            .not_valid_after(now + _LIFETIME)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if not authority:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
            builder = builder.add_extension(usage, critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority = signed(issuer, issuer_key.public_key(), authority=True)
    return ClientCertificate(authority, signed(subject, key.public_key(), authority=False), private)


def service_account_key() -> bytes:
    """Return a fresh RSA key in PEM: kube-apiserver signs service-account tokens with it, and verifies them."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def with_client_certificate(config: Config, namespace: str) -> dict[str, Any]:
    """Return a kubeconfig of a configuration that has its certificates as data."""
    document = kubeconfig.document(config.host, ca=config.ca_data, namespace=namespace)
    fields = {"client-certificate-data": config.cert_data, "client-key-data": config.key_data}
    user = {name: base64.b64encode(data).decode("ascii") for name, data in fields.items() if data}
    document["users"][0]["user"] = user
    return document
