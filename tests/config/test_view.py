"""Kubeconfigs shown and handed on."""

from __future__ import annotations

import base64
import copy
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.config import Kubeconfig, load_config
from dynkube.config.view import flattened, merged, minified, redacted
from dynkube.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from config.conftest import Write


def test_merged_is_one_document(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """Several files become one, paths absolute, unknown fields kept, and it means the same."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ca").write_text("ca")
    one = write({"future": 1, "users": [{"name": "u", "user": {"token": "t"}}]}, "1")
    two = write(kubeconfig(cluster={"server": "https://h", "certificate-authority": "ca"}), "sub/2")
    config = Kubeconfig.load([one, two])
    document = merged(config)
    assert document["future"] == 1
    assert document["clusters"][0]["cluster"]["certificate-authority"] == str(tmp_path / "sub" / "ca")
    assert document["users"] == [{"name": "u", "user": {"token": "t"}}]
    assert load_config(kubeconfig=document) == load_config(kubeconfig=config)


def test_minified_keeps_one_context(kubeconfig: Any) -> None:
    """Only the context, its cluster and its user are left, and it is the current one."""
    document = kubeconfig()
    for section, kind in (("clusters", "cluster"), ("users", "user"), ("contexts", "context")):
        document[section].append({"name": "more", kind: {"cluster": "more"} if kind == "context" else {}})
    config = Kubeconfig.load(document)
    small = minified(config)
    assert (list(small.clusters), list(small.users), list(small.contexts)) == (["c"], ["u"], ["ctx"])
    other = minified(config, "more")
    assert (list(other.clusters), list(other.users), other.current_context) == (["more"], [], "more")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"current": None}, "no current-context is set"),
        ({"current": "gone"}, "context 'gone' is not defined"),
        ({"context": {"cluster": "gone"}}, "context 'ctx': cluster 'gone' is not defined"),
        ({"context": {"user": "gone"}}, "context 'ctx': user 'gone' is not defined"),
    ],
)
def test_minified_needs_what_the_context_names(kubeconfig: Any, fields: dict[str, Any], message: str) -> None:
    """A context with a hole in it cannot be handed on."""
    with pytest.raises(ConfigError, match=message):
        minified(Kubeconfig.load(kubeconfig(**fields)))


def test_flattened_inlines_files(write: Write, kubeconfig: Any, tmp_path: Path) -> None:
    """Certificates and keys become data; the token file stays a file."""
    for name in ("ca", "cert", "key", "token"):
        (tmp_path / name).write_text(name)
    path = write(
        kubeconfig(
            cluster={"server": "https://h", "certificate-authority": "ca"},
            user={"client-certificate": "cert", "client-key": "key", "tokenFile": "token"},
        )
    )
    flat = flattened(Kubeconfig.load(path))
    assert flat.clusters["c"].data("certificate-authority-data") == b"ca"
    assert flat.users["u"].data("client-certificate-data") == b"cert"
    assert flat.users["u"].data("client-key-data") == b"key"
    assert flat.users["u"].text("client-key") == ""
    assert flat.users["u"].text("tokenFile") == str(tmp_path / "token")
    config = load_config(kubeconfig=flat)
    assert (config.ca_file, config.ca_data) == (None, b"ca")


def test_flattened_lists_what_it_cannot_inline(kubeconfig: Any) -> None:
    """Every unreadable file, and data beside a file, in one error."""
    document = kubeconfig(
        cluster={"server": "https://h", "certificate-authority": "/none"},
        user={"client-key": "/none", "client-key-data": base64.b64encode(b"x").decode()},
    )
    with pytest.raises(ConfigError) as caught:
        flattened(Kubeconfig.load(document))
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["cluster 'c'", "user 'u'"]


def test_redacted_hides_every_secret(kubeconfig: Any) -> None:
    """Nothing secret is left, the rest is as it was, and so is the original."""
    data = base64.b64encode(b"hush").decode()
    document = kubeconfig(
        cluster={"server": "https://me:hush@h", "certificate-authority-data": data, "proxy-url": "http://me:hush@p"},
        user={
            "token": "hush",
            "username": "jane",
            "password": "hush",
            "client-certificate-data": data,
            "client-key-data": data,
            "auth-provider": {
                "name": "oidc",
                "config": {"client-id": "me", "client-secret": "hush", "id-token": "hush"},
            },
            "exec": {
                "command": "aws",
                "env": [{"name": "AWS_PROFILE", "value": "dev"}, {"name": "AWS_SECRET_ACCESS_KEY", "value": "hush"}],
            },
        },
    )
    before = copy.deepcopy(document)
    shown = redacted(document)
    assert document == before
    assert "hush" not in str(shown)
    assert data not in str(shown)
    user = shown["users"][0]["user"]
    assert user["token"] == user["password"] == "REDACTED"
    assert user["client-key-data"] == user["client-certificate-data"] == "DATA+OMITTED"
    assert user["username"] == "jane"
    assert user["auth-provider"]["config"]["client-id"] == "me"
    assert user["exec"]["env"][0] == {"name": "AWS_PROFILE", "value": "dev"}


def test_redacted_hides_secret_options_of_a_plugin(kubeconfig: Any) -> None:
    """Values of options whose name tells are hidden, behind ``=`` or as the next word; others stay."""
    arguments = ["get", "--client-secret=abc", "--password", "def", "--token-file", "--region=x", "-v", "token"]
    document = kubeconfig(user={"exec": {"apiVersion": "v", "command": "x", "args": arguments}})
    shown = redacted(document)["users"][0]["user"]["exec"]["args"]
    expected = [
        "get",
        "--client-secret=REDACTED",
        "--password",
        "REDACTED",
        "--token-file",
        "--region=x",
        "-v",
        "token",
    ]
    assert shown == expected
    assert document["users"][0]["user"]["exec"]["args"] == arguments


def test_redacted_takes_what_is_there() -> None:
    """Documents with holes are shown as they are."""
    assert redacted({}) == {}
    document = {"users": [{"name": "u", "user": None}, {"name": "v"}], "clusters": None}
    assert redacted(document) == document
