"""TLS as real handshakes show it: whom we trust, what we present, and that files may change meanwhile."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dynkube.config import Config
from dynkube.errors import ConfigError, ConnectFailedError, TLSError, TransportError
from dynkube.transport import HTTPRequest, Transport
from dynkube.transport.tls import TLSSettings
from transport.certificates import Authority, Identity, future, past, self_signed
from transport.servers import answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transport.servers import Peer, Received, Server

GET = HTTPRequest("GET", "/api")


@dataclass
class Clock:
    """A clock that moves when told."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def test_a_server_certificate_of_the_configured_authority_is_accepted(
    serve: Callable[..., Server], connect: Callable[..., Transport], tls: ssl.SSLContext, authority: Authority
) -> None:
    """A server whose certificate the configured CA signed is talked to over TLS 1.2 or newer."""
    server = serve(context=tls)
    assert connect(server, ca_data=authority.certificate).send(GET).status == 200


def test_the_authority_may_come_from_a_file(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    tls: ssl.SSLContext,
    authority: Authority,
    tmp_path: Path,
) -> None:
    """A CA file is as good as CA data, comments and several certificates in it included."""
    path = tmp_path / "ca.crt"
    path.write_bytes("# größer\n".encode() + Authority("other").certificate + b"\n# ours\n" + authority.certificate)
    assert connect(serve(context=tls), ca_file=str(path)).send(GET).status == 200


def test_an_unknown_authority_is_refused(
    serve: Callable[..., Server], connect: Callable[..., Transport], tls: ssl.SSLContext
) -> None:
    """A certificate signed by another CA ends in a TLSError that names the setting to mend."""
    with pytest.raises(TLSError, match=r"not signed by the configured authority, certificate-authority-data"):
        connect(serve(context=tls), ca_data=Authority("other").certificate).send(GET)


def test_system_roots_do_not_include_the_test_authority(
    serve: Callable[..., Server], connect: Callable[..., Transport], tls: ssl.SSLContext
) -> None:
    """Without a configured CA the system's roots count, and ours is not among them."""
    with pytest.raises(TLSError, match=r"not signed by an authority this system trusts.*set certificate-authority"):
        connect(serve(context=tls)).send(GET)


def test_only_the_configured_authority_is_trusted(authority: Authority) -> None:
    """The context holds the one configured CA: neither the system's nor certifi's are added."""
    context = TLSSettings(Config(host="https://x", ca_data=authority.certificate)).context()
    assert context.cert_store_stats()["x509_ca"] == 1


def test_strict_checks_are_off_unless_asked_for(authority: Authority) -> None:
    """VERIFY_X509_STRICT is set exactly when strict_x509 is."""
    for strict in (False, True):
        config = Config(host="https://x", ca_data=authority.certificate, strict_x509=strict)
        assert bool(TLSSettings(config).context().verify_flags & ssl.VERIFY_X509_STRICT) is strict


def test_an_authority_without_key_identifiers_works_unless_strict(
    serve: Callable[..., Server], connect: Callable[..., Transport], tmp_path: Path
) -> None:
    """A private CA as clusters have them, without SKI and AKI, is accepted; strict_x509 refuses it and says so."""
    bare = Authority("bare", identifiers=False)
    server = serve(context=bare.issue().server_context(tmp_path))
    assert connect(server, ca_data=bare.certificate).send(GET).status == 200
    with pytest.raises(TLSError, match=r"strict X\.509"):
        connect(server, ca_data=bare.certificate, strict_x509=True).send(GET)


def test_a_self_signed_certificate_is_trusted_when_it_is_the_configured_one(
    serve: Callable[..., Server], connect: Callable[..., Transport], tmp_path: Path
) -> None:
    """A server's own self-signed certificate may stand as its authority, as in Go."""
    lonely = self_signed()
    server = serve(context=lonely.server_context(tmp_path))
    assert connect(server, ca_data=lonely.certificate).send(GET).status == 200
    with pytest.raises(TLSError, match=r"self.signed"):
        connect(server, ca_data=Authority().certificate).send(GET)


@pytest.mark.parametrize(
    ("names", "message"), [(("example.com",), "another name than '127.0.0.1'"), (("10.0.0.1",), "another name")]
)
def test_a_certificate_for_another_name_is_refused(
    names: tuple[str, ...],
    message: str,
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """A wrong host name or address in the certificate is an error that offers tls-server-name."""
    server = serve(context=authority.issue(names).server_context(tmp_path))
    with pytest.raises(TLSError, match=f"{message}.*tls-server-name"):
        connect(server, ca_data=authority.certificate).send(GET)


def test_tls_server_name_is_sent_and_expected(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """tls-server-name goes out as SNI and is what the certificate must hold."""
    asked: list[str | None] = []
    context = authority.issue(["kube.example"]).server_context(tmp_path)
    context.sni_callback = lambda sock, name, context: asked.append(name)
    server = serve(context=context)
    client = connect(server, ca_data=authority.certificate, tls_server_name="kube.example")
    assert client.send(GET).status == 200
    assert asked == ["kube.example"]
    with pytest.raises(TLSError, match=r"another name than 'other\.example'"):
        connect(server, ca_data=authority.certificate, tls_server_name="other.example").send(GET)


@pytest.mark.parametrize("window", [past(), future()], ids=["expired", "not yet valid"])
def test_a_certificate_outside_its_validity_is_refused(
    window: tuple[object, object],
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """An expired or future certificate is an error that speaks of the clocks."""
    server = serve(context=authority.issue(window=window).server_context(tmp_path))  # type: ignore[arg-type]
    with pytest.raises(TLSError, match=r"not valid now.*clocks"):
        connect(server, ca_data=authority.certificate).send(GET)


def test_insecure_skips_all_verification(
    serve: Callable[..., Server], connect: Callable[..., Transport], tmp_path: Path
) -> None:
    """With insecure a self-signed certificate for another name will do, and no warning is raised."""
    server = serve(context=self_signed(["example.com"]).server_context(tmp_path))
    assert connect(server, insecure=True).send(GET).status == 200


def _mutual(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    return authority.issue().server_context(tmp_path, client_ca=authority.certificate)


def _who(peer: Peer, request: Received) -> None:
    assert isinstance(peer.sock, ssl.SSLSocket)
    subject = dict(item[0] for item in (peer.sock.getpeercert() or {}).get("subject", ()))  # type: ignore[misc]
    peer.send(answer({"kind": "Who", "name": subject.get("commonName")}))


def test_a_client_certificate_from_data_is_presented_and_leaves_no_file(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """Certificate and key data reach the server; the file OpenSSL needed is gone (the fixture looks)."""
    server = serve(_who, context=_mutual(authority, tmp_path))
    alice = authority.issue(client=True, common_name="alice")
    client = connect(server, ca_data=authority.certificate, cert_data=alice.certificate, key_data=alice.key)
    assert b'"alice"' in client.send(GET).read()


def test_data_of_one_and_file_of_the_other_go_together(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """A certificate from data with a key from a file is as good as both from one source."""
    server = serve(_who, context=_mutual(authority, tmp_path))
    alice = authority.issue(client=True, common_name="alice")
    _, key = alice.write(tmp_path, "alice")
    client = connect(server, ca_data=authority.certificate, cert_data=alice.certificate, key_file=str(key))
    assert b'"alice"' in client.send(GET).read()


def test_a_missing_client_certificate_is_explained(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """A server that insists on a client certificate ends in an error that says so."""
    server = serve(_who, context=_mutual(authority, tmp_path))
    with pytest.raises(TransportError) as caught:
        connect(server, ca_data=authority.certificate).send(GET)
    assert isinstance(caught.value, TLSError | ConnectFailedError)


def test_a_client_certificate_of_a_stranger_is_refused(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """A client certificate the server's CA did not sign ends in an error, not in an anonymous request."""
    server = serve(_who, context=_mutual(authority, tmp_path))
    mallory = Authority("elsewhere").issue(client=True)
    client = connect(server, ca_data=authority.certificate, cert_data=mallory.certificate, key_data=mallory.key)
    with pytest.raises(TransportError):
        client.send(GET)
    assert server.received == []


def test_client_certificate_files_are_read_again_when_they_change(
    serve: Callable[..., Server],
    connect: Callable[..., Transport],
    authority: Authority,
    tmp_path: Path,
) -> None:
    """After the files were replaced new requests present the new certificate, over new connections."""
    clock = Clock()
    server = serve(_who, context=_mutual(authority, tmp_path))
    certificate, key = authority.issue(client=True, common_name="old").write(tmp_path, "client")
    client = connect(server, ca_data=authority.certificate, cert_file=str(certificate), key_file=str(key))
    route = client._processes[os.getpid()].route
    route._clock = clock
    route._next_look = 1.0
    assert b'"old"' in client.send(GET).read()
    new = authority.issue(client=True, common_name="new")
    _replace(certificate, new.certificate)
    clock.now += 2
    assert b'"old"' in client.send(GET).read(), "half of a pair must not break anything"
    _replace(key, new.key)
    clock.now += 2
    assert b'"new"' in client.send(GET).read()
    assert client.open_connections == 1


def test_the_authority_file_is_read_again_when_it_changes(
    serve: Callable[..., Server], connect: Callable[..., Transport], authority: Authority, tmp_path: Path
) -> None:
    """A CA file that rotates while the server does is followed; nonsense in between leaves the old one in force."""
    clock = Clock()
    old = Authority("old")
    context = old.issue().server_context(tmp_path)
    server = serve(context=context)
    path = tmp_path / "ca.crt"
    path.write_bytes(old.certificate)
    client = connect(server, ca_file=str(path))
    route = client._processes[os.getpid()].route
    route._clock = clock
    route._next_look = 1.0
    assert client.send(GET).status == 200
    _replace(path, b"half written")
    clock.now += 2
    assert client.send(GET).status == 200
    server.context = authority.issue().server_context(tmp_path)
    server.drop_connections()
    _replace(path, authority.certificate)
    clock.now += 2
    assert client.send(GET).status == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca_data": b"nothing"}, "ca_data .certificate-authority-data. holds no whole PEM certificate"),
        (
            {"ca_data": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
            "ca_data .certificate-authority-data. cannot be parsed as PEM",
        ),
        ({"ca_file": "/nowhere/ca.crt"}, "certificate authority file /nowhere/ca.crt: No such file"),
        ({"cert_file": "/nowhere/c", "key_file": "/nowhere/k"}, "client certificate file /nowhere/c"),
        ({"cert_data": b"x", "key_data": b"y"}, "client certificate holds no PEM certificate"),
    ],
)
def test_unusable_material_is_refused_at_once(options: dict[str, object], message: str) -> None:
    """What cannot be trusted or presented is a ConfigError of the constructor that names field or file."""
    with pytest.raises(ConfigError, match=message):
        Transport(Config(host="https://x", **options))  # type: ignore[arg-type]


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    """A key that does not belong to the certificate is named as the fault, without a byte of it."""
    one, other = authority.issue(client=True), authority.issue(client=True)
    with pytest.raises(ConfigError, match="does not belong") as caught:
        Transport(Config(host="https://x", cert_data=one.certificate, key_data=other.key))
    assert other.key.decode()[40:60] not in str(caught.value)


def test_an_encrypted_key_is_refused_without_asking(authority: Authority) -> None:
    """An encrypted key is an error; nobody is asked for a password."""
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    identity = authority.issue(client=True)
    key = load_pem_private_key(identity.key, None)
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"sesame"))
    with pytest.raises(ConfigError, match="encrypted"):
        Transport(Config(host="https://x", cert_data=identity.certificate, key_data=sealed))


def test_identities_do_not_show_their_key(server_identity: Identity) -> None:
    """The repr of a client certificate holds no key."""
    from dynkube.transport.tls import ClientCertificate

    assert "PRIVATE" not in repr(ClientCertificate(server_identity.certificate, server_identity.key))


def _replace(path: Path, content: bytes) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.replace(path)
