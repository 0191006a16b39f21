"""What discovery says of one resource and of one group: plain, frozen values."""

from __future__ import annotations

from dynkube.names import GroupKind, GroupResource, GroupVersion, GroupVersionKind, GroupVersionResource
from dynkube.values import Value


class APIResource(Value):
    """A resource of one group version, as the server describes it.

    The fields carry the meaning of ``metav1.APIResource``, with two differences that make the aggregated and
    the per-group documents equal values: ``singular_name`` is filled in with the lower-cased kind where the server
    leaves it out, and subresources hang below their parent.
    """

    group: str
    version: str
    #: The plural name used in paths; ``deployments/scale`` for a subresource.
    name: str
    #: Empty for a subresource, which has no name of its own besides its parent's.
    singular_name: str
    #: The kind of the objects read and written here.
    kind: str
    namespaced: bool
    verbs: tuple[str, ...] = ()
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    #: Group of ``kind``. Left out together with ``response_version``, it is the resource's own.
    response_group: str = ""
    #: Version of ``kind``; the resource's own unless the server says otherwise (``deployments/scale``: autoscaling/v1).
    response_version: str = ""
    #: Changes when the version the server stores changes. Only the per-group documents tell it.
    storage_version_hash: str = ""
    subresources: tuple[APIResource, ...] = ()

    def __post_init__(self) -> None:
        """Fill in the kind's group version, which is the resource's own where nothing else is said."""
        if not self.response_version:
            object.__setattr__(self, "response_group", self.group)
            object.__setattr__(self, "response_version", self.version)

    @property
    def group_version(self) -> GroupVersion:
        """The group version whose path serves this resource."""
        return GroupVersion(self.group, self.version)

    @property
    def group_resource(self) -> GroupResource:
        """Group and plural name: what identifies the resource across its versions."""
        return GroupResource(self.group, self.name)

    @property
    def group_kind(self) -> GroupKind:
        """Group and kind of the objects served here."""
        return GroupKind(self.response_group, self.kind)

    @property
    def gvr(self) -> GroupVersionResource:
        """Group, version and plural name."""
        return GroupVersionResource(self.group, self.version, self.name)

    @property
    def gvk(self) -> GroupVersionKind:
        """Group, version and kind of the objects served here: their ``apiVersion`` and ``kind``."""
        return GroupVersionKind(self.response_group, self.response_version, self.kind)

    def supports(self, *verbs: str) -> bool:
        """Whether the server offers every one of ``verbs`` on this resource."""
        return all(verb in self.verbs for verb in verbs)

    def subresource(self, name: str) -> APIResource | None:
        """Return the subresource ``name`` ("scale", "status"), or None where the server offers none of that name."""
        full_name = f"{self.name}/{name}"
        return next((resource for resource in self.subresources if resource.name == full_name), None)


class APIGroup(Value):
    """An API group and the versions it is served in, in the server's order of preference.

    A group all of whose versions are stale has no versions and the preferred version "".
    """

    #: Empty for the core group.
    name: str
    versions: tuple[str, ...]
    preferred_version: str

    @property
    def group_versions(self) -> tuple[GroupVersion, ...]:
        """Every version as a group version."""
        return tuple(GroupVersion(self.name, version) for version in self.versions)
