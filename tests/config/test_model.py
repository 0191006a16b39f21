"""The Config every layer reads."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest

from dynkube.config import AuthProviderConfig, Config, ExecConfig, Impersonation, Timeout
from dynkube.errors import ConfigError

V1 = "client.authentication.k8s.io/v1"


def test_everything_is_optional() -> None:
    """An empty configuration is an anonymous one at localhost."""
    config = Config()
    assert str(config.base_url) == "http://localhost"
    assert config.namespace == "default"
    assert config.authentication == "anonymous"
    assert config.timeout == Timeout()


def test_fields_are_keyword_only_and_frozen() -> None:
    """Positions mean nothing, and nothing changes under a client's feet."""
    with pytest.raises(TypeError):
        Config("h")  # type: ignore[call-arg]
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().host = "x"  # type: ignore[misc]


def test_convenient_forms_are_normalised() -> None:
    """A number as timeout, a path as file, text as data, a user as impersonation."""
    config = Config(
        timeout=5,  # type: ignore[arg-type]
        bearer_token_file=Path("/t"),  # type: ignore[arg-type]
        ca_data="pem",  # type: ignore[arg-type]
        impersonate="jane",  # type: ignore[arg-type]
    )
    assert config.timeout == Timeout(5, 5)
    assert config.bearer_token_file == "/t"
    assert config.ca_data == b"pem"
    assert config.impersonate == Impersonation(user="jane")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"insecure": True, "ca_file": "/ca"}, "insecure together with a certificate authority"),
        ({"insecure": True, "ca_data": b"x"}, "insecure together with a certificate authority"),
        ({"bearer_token": "t", "username": "u", "password": "p"}, "more than one authentication method"),
        ({"bearer_token_file": "/t", "username": "u"}, "more than one authentication method"),
        ({"cert_file": "/c"}, "its key is missing"),
        ({"key_data": b"k"}, "its certificate is missing"),
        (
            {
                "exec_provider": ExecConfig(command="x", api_version=V1),
                "auth_provider": AuthProviderConfig(name="oidc"),
            },
            "exec_provider and auth_provider",
        ),
        ({"bearer_token": "a\nb"}, "bearer_token contains a line break"),
        ({"user_agent": "a\r\nX: y"}, "user_agent contains a line break"),
        ({"username": "a:b", "password": "p"}, "username contains ':'"),
        ({"host": 3}, "host must be a string, not int"),
        ({"host": None}, "host must be a string, not NoneType"),
        ({"insecure": "yes"}, "insecure must be True or False"),
        ({"ca_data": 3}, "ca_data must be bytes"),
        ({"timeout": 0}, "timeout must be a positive number"),
    ],
)
def test_contradictions_are_refused(fields: dict[str, Any], message: str) -> None:
    """A configuration that cannot work, or of the wrong type, cannot be made."""
    with pytest.raises(ConfigError, match=message):
        Config(**fields)


def test_all_problems_are_listed() -> None:
    """One round shows everything there is to repair."""
    with pytest.raises(ConfigError) as caught:
        Config(insecure=True, ca_file="/ca", cert_file="/c", bearer_token="t", username="u")
    assert len(caught.value.problems) == 3


def test_error_does_not_show_the_secret() -> None:
    """A malformed secret is named by its field only."""
    with pytest.raises(ConfigError) as caught:
        Config(bearer_token="hush\n", password="hush\n")
    assert "hush" not in str(caught.value)


def test_replace_changes_a_copy() -> None:
    """The original stays; the derived base URL follows the change; an unknown field is a TypeError."""
    config = Config(host="https://a")
    assert config.base_url.host == "a"
    other = config.replace(host="https://b")
    assert (config.base_url.host, other.base_url.host) == ("a", "b")
    with pytest.raises(TypeError):
        config.replace(hots="x")


def test_anonymous_drops_every_credential() -> None:
    """No credential and no impersonation is left; trust, timeouts and the proxy stay."""
    config = Config(
        host="https://h",
        bearer_token="t",
        cert_data=b"c",
        key_data=b"k",
        ca_file="/ca",
        impersonate=Impersonation(user="jane"),
        proxy_url="http://p",
        timeout=Timeout(1, 2),
    )
    anonymous = config.anonymous()
    assert anonymous == Config(host="https://h", ca_file="/ca", proxy_url="http://p", timeout=Timeout(1, 2))
    assert anonymous.authentication == "anonymous"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"bearer_token": "t"}, "bearer token"),
        ({"bearer_token": "t", "bearer_token_file": "/tok"}, "token file /tok"),
        ({"username": "u", "password": "p"}, "basic as 'u'"),
        ({"cert_file": "/c", "key_file": "/k"}, "client certificate /c"),
        ({"cert_data": b"c", "key_data": b"k", "bearer_token": "t"}, "client certificate and bearer token"),
        ({"exec_provider": ExecConfig(command="aws", api_version=V1)}, "exec aws"),
        ({"exec_provider": ExecConfig(command="aws", api_version=V1), "bearer_token": "t"}, "bearer token"),
        ({"auth_provider": AuthProviderConfig(name="oidc")}, "auth provider oidc"),
    ],
)
def test_authentication_says_which_method_is_active(fields: dict[str, Any], text: str) -> None:
    """The method in use can be read off, in a repr, too."""
    config = Config(**fields)
    assert config.authentication == text
    assert f"authentication={text!r}" in repr(config)


def test_repr_masks_every_secret() -> None:
    """Tokens, passwords, keys, plug-in arguments and URL passwords do not show."""
    config = Config(
        host="https://u:hush@h",
        bearer_token="hush",
        key_data=b"hush",
        cert_data=b"hush",
        ca_data=b"hush",
        proxy_url="http://me:hush@proxy",
        exec_provider=ExecConfig(command="c", api_version=V1, args=("hush",), env=(("A", "hush"),)),
    )
    other = Config(
        username="u", password="hush", auth_provider=AuthProviderConfig(name="oidc", config={"id-token": "hush"})
    )
    assert "hush" not in repr(config) + repr(other) + str(config) + str(other)
    assert "<4 bytes>" in repr(config)


def test_repr_is_short() -> None:
    """Defaults are left out."""
    assert repr(Config(host="https://h")) == "Config(host='https://h', authentication='anonymous')"


def test_config_can_be_copied_and_pickled() -> None:
    """A configuration travels to a worker process, its derived values left behind."""
    config = Config(
        host="https://h",
        impersonate=Impersonation(user="jane", extra={"a": ("b",)}),
        auth_provider=AuthProviderConfig(name="oidc", config={"x": "y"}, path="/k", user="me"),
    )
    assert config.base_url.host == "h"
    assert pickle.loads(pickle.dumps(config)) == config
    assert copy.deepcopy(config) == config


@pytest.mark.parametrize(
    "fields",
    [
        {"groups": ("a",)},
        {"uid": "1"},
        {"extra": {"a": ("b",)}},
        {"user": "u", "groups": "admins"},
        {"user": "u", "extra": {"a": "b"}},
        {"user": "u\r\nX-Evil: 1"},
        {"user": "u", "groups": ["a\nb"]},
        {"user": 3},
    ],
)
def test_impersonation_is_checked(fields: dict[str, Any]) -> None:
    """Groups without a user, a string where a list belongs and line breaks are refused."""
    with pytest.raises(ConfigError):
        Impersonation(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"command": ""}, "command is empty"),
        ({"api_version": "client.authentication.k8s.io/v1alpha1"}, "v1alpha1' is not one of"),
        ({"api_version": ""}, "is not one of"),
        ({"interactive_mode": "Sometimes"}, "interactiveMode 'Sometimes'"),
    ],
)
def test_exec_config_is_checked(fields: dict[str, Any], message: str) -> None:
    """A plug-in that could never be run is refused."""
    with pytest.raises(ConfigError, match=message):
        ExecConfig(**{"command": "x", "api_version": V1, **fields})


def test_sequences_become_tuples() -> None:
    """Lists given by a caller cannot change later."""
    groups = ["a"]
    impersonation = Impersonation(user="u", groups=groups, extra={"k": ["v"]})  # type: ignore[arg-type, dict-item]
    groups.append("b")
    assert impersonation.groups == ("a",)
    assert impersonation.extra == {"k": ("v",)}
    assert ExecConfig(command="x", api_version=V1, args=["a"]).args == ("a",)  # type: ignore[arg-type]
