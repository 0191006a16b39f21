"""Who the client is: the kinds of credentials that need more than one field. Data only; transport acts on them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from dynkube.config.model import MASK, check_header_value
from dynkube.errors import ConfigError
from dynkube.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The versions of ExecCredential that are spoken; v1alpha1 is gone from client-go, too.
EXEC_API_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
#: When a plug-in may read standard input.
INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")


class Impersonation(Value, kw_only=True):
    """Whom to act as; sent as ``Impersonate-*`` headers. All values are sent as they are, groups one header each."""

    user: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def __post_init__(self) -> None:
        if isinstance(self.groups, str):
            raise ConfigError(f"impersonate groups must be a list of names, not the string {self.groups!r}")
        object.__setattr__(self, "groups", tuple(self.groups))
        extra = {}
        for key, values in self.extra.items():
            if isinstance(values, str):
                raise ConfigError(f"impersonate extra {key!r} must be a list of values, not the string {values!r}")
            extra[key] = tuple(values)
        object.__setattr__(self, "extra", MappingProxyType(extra))
        if not self.user and (self.uid or self.groups or self.extra):
            raise ConfigError("impersonating a uid, groups or extra values needs a user: the server refuses it without")
        for value in (self.user, self.uid, *self.groups, *(item for values in extra.values() for item in values)):
            check_header_value(value, "an impersonation value")

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled.
        return _impersonation, (self.user, self.uid, self.groups, dict(self.extra))


class ExecConfig(Value, kw_only=True):
    """A credential plug-in (``users[].user.exec``).

    ``env`` are pairs added to the environment of the command; ``cluster_extension`` is the cluster's extension
    ``client.authentication.k8s.io/exec``, passed to the plug-in when ``provide_cluster_info`` is set.
    """

    command: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"
    cluster_extension: Any = None

    def __post_init__(self) -> None:
        if not self.command:
            raise ConfigError("exec: command is empty")
        if self.api_version not in EXEC_API_VERSIONS:
            raise ConfigError(
                f"exec command {self.command!r}: apiVersion {self.api_version!r} is not one of "
                f"{', '.join(EXEC_API_VERSIONS)}"
            )
        if self.interactive_mode not in INTERACTIVE_MODES:
            raise ConfigError(
                f"exec command {self.command!r}: interactiveMode {self.interactive_mode!r} is not one of "
                f"{', '.join(INTERACTIVE_MODES)}"
            )
        object.__setattr__(self, "args", tuple(self.args))
        object.__setattr__(self, "env", tuple((name, value) for name, value in self.env))

    def __repr__(self) -> str:
        # Arguments and variables may hold secrets; the command is what identifies the plug-in.
        return f"ExecConfig(command={self.command!r}, api_version={self.api_version!r})"


class AuthProviderConfig(Value, kw_only=True):
    """A built-in credential provider (``users[].user.auth-provider``): ``oidc`` is the only one still real.

    ``path`` and ``user`` say which stanza of which kubeconfig it came from, so that refreshed tokens can be stored
    there (`dynkube.config.writing.write_auth_provider`); None means there is no such place.
    """

    name: str
    config: Mapping[str, str] = MappingProxyType({})
    path: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", MappingProxyType(dict(self.config)))

    def __reduce__(self) -> tuple[Any, ...]:
        return _auth_provider, (self.name, dict(self.config), self.path, self.user)

    def __repr__(self) -> str:
        return (
            f"AuthProviderConfig(name={self.name!r}, config={{{', '.join(f'{key}: {MASK}' for key in self.config)}}})"
        )


def _impersonation(user: str, uid: str, groups: tuple[str, ...], extra: dict[str, tuple[str, ...]]) -> Impersonation:
    return Impersonation(user=user, uid=uid, groups=groups, extra=extra)


def _auth_provider(name: str, config: dict[str, str], path: str | None, user: str | None) -> AuthProviderConfig:
    return AuthProviderConfig(name=name, config=config, path=path, user=user)
