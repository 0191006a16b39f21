"""The names of API groups, versions, kinds and resources, and what may stand in a URL path.

The types mirror apimachinery's ``runtime/schema``. They are immutable, ordered and hashable, so they serve as keys.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidNameError
from dynkube.values import OrderedValue

if TYPE_CHECKING:
    from collections.abc import Mapping


class GroupVersion(OrderedValue):
    """An API group and one of its versions; the core group is ""."""

    group: str
    version: str

    @classmethod
    def parse(cls, api_version: str) -> GroupVersion:
        """Return the group and version of an ``apiVersion``: "apps/v1", or "v1" for the core group.

        Raises `InvalidNameError` for anything else, the empty string included.
        """
        if not isinstance(api_version, str):
            raise InvalidNameError(f"apiVersion must be a string such as 'apps/v1', not {api_version!r}")
        group, slash, version = api_version.partition("/")
        if not slash:
            group, version = "", group
        if not version or "/" in version or (slash and not group):
            raise InvalidNameError(f"apiVersion {api_version!r} is neither 'version' nor 'group/version'")
        if group:
            check_path_segment(group, "API group")
        check_path_segment(version, "API version")
        return cls(group, version)

    @property
    def api_version(self) -> str:
        """The form used in objects: "apps/v1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def with_kind(self, kind: str) -> GroupVersionKind:
        """Return this group and version with a kind."""
        return GroupVersionKind(self.group, self.version, kind)

    def with_resource(self, resource: str) -> GroupVersionResource:
        """Return this group and version with a resource (the plural name)."""
        return GroupVersionResource(self.group, self.version, resource)

    def __str__(self) -> str:
        return self.api_version


class GroupKind(OrderedValue):
    """A kind of an API group, whatever the version."""

    group: str
    kind: str

    @classmethod
    def parse(cls, text: str) -> GroupKind:
        """Return the kind written "Deployment.apps", or "Pod" for the core group."""
        kind, _, group = text.partition(".")
        return cls(group, kind)

    def with_version(self, version: str) -> GroupVersionKind:
        """Return this kind in one version."""
        return GroupVersionKind(self.group, version, self.kind)

    def __str__(self) -> str:
        return f"{self.kind}.{self.group}" if self.group else self.kind


class GroupResource(OrderedValue):
    """A resource (plural name) of an API group, whatever the version."""

    group: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> GroupResource:
        """Return the resource written "deployments.apps", or "pods" for the core group."""
        resource, _, group = text.partition(".")
        return cls(group, resource)

    def with_version(self, version: str) -> GroupVersionResource:
        """Return this resource in one version."""
        return GroupVersionResource(self.group, version, self.resource)

    def __str__(self) -> str:
        return f"{self.resource}.{self.group}" if self.group else self.resource


class GroupVersionKind(OrderedValue):
    """A kind in one version of an API group: what ``apiVersion`` and ``kind`` of an object say."""

    group: str
    version: str
    kind: str

    @classmethod
    def parse(cls, api_version: str, kind: str) -> GroupVersionKind:
        """Return the kind named by these two fields of an object; raises `InvalidNameError`."""
        if not kind or not isinstance(kind, str):
            raise InvalidNameError(f"kind must be a string such as 'Deployment', not {kind!r}")
        return GroupVersion.parse(api_version).with_kind(kind)

    @classmethod
    def of(cls, obj: Mapping[str, Any]) -> GroupVersionKind:
        """Return the kind an object says it is; raises `InvalidNameError` if apiVersion or kind is missing."""
        return cls.parse(obj.get("apiVersion", ""), obj.get("kind", ""))

    @property
    def group_version(self) -> GroupVersion:
        """The group and version."""
        return GroupVersion(self.group, self.version)

    @property
    def group_kind(self) -> GroupKind:
        """The group and kind."""
        return GroupKind(self.group, self.kind)

    @property
    def api_version(self) -> str:
        """The form used in objects: "apps/v1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.api_version}, Kind={self.kind}"


class GroupVersionResource(OrderedValue):
    """A resource (plural name) in one version of an API group: what a URL path says."""

    group: str
    version: str
    resource: str

    @property
    def group_version(self) -> GroupVersion:
        """The group and version."""
        return GroupVersion(self.group, self.version)

    @property
    def group_resource(self) -> GroupResource:
        """The group and resource."""
        return GroupResource(self.group, self.resource)

    @property
    def api_version(self) -> str:
        """The form used in objects: "apps/v1", "v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.api_version}, Resource={self.resource}"


def check_path_segment(value: str, what: str) -> str:
    """Return ``value`` if it can stand as one segment of a URL path; ``what`` names its place in messages.

    Raises `InvalidNameError` for "", ".", "..", "/", "%" and control characters. The server's rule
    (apimachinery ``api/validation/path``) is the same but for the empty string, which would name another resource,
    and for control characters, which have no business in a request line. DNS rules are left to the server: it alone
    knows which resource keeps to which.
    """
    if not isinstance(value, str):
        raise InvalidNameError(f"{what} must be a string, not {value!r} ({type(value).__name__})")
    if not value:
        raise InvalidNameError(f"{what} is empty: a request without it would address another resource; give a name")
    if value in (".", ".."):
        raise InvalidNameError(f"{what} {value!r} would change the path of the request; no object can have this name")
    for character in ("/", "%"):
        if character in value:
            raise InvalidNameError(
                f"{what} {value!r} contains {character!r}, which no name may; give one plain, unescaped name"
            )
    if not value.isprintable() and any(
        ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 or 0xD800 <= ord(character) < 0xE000
        for character in value
    ):
        raise InvalidNameError(f"{what} {value!r} contains a control character; remove it")
    return value
