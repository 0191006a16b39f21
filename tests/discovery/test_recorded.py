"""Decoding what a real server answered, in both forms."""

from __future__ import annotations

from dataclasses import replace

from discovery.fakes import transcript
from dynkube.discovery import APIResource, Discovered, DiscoveryClient
from dynkube.names import GroupVersion, GroupVersionKind


def discover(name: str, *, aggregated: bool = True) -> Discovered:
    """Discover the recorded server ``name``."""
    return DiscoveryClient(transcript(name).rest, aggregated=aggregated).discover()


def without_storage(resource: APIResource) -> APIResource:
    """Return the resource without the one fact that only the per-group documents tell."""
    return replace(resource, storage_version_hash="", subresources=tuple(map(without_storage, resource.subresources)))


def test_both_forms_yield_equal_resources() -> None:
    """The aggregated and the per-group documents of one server decode to the same resources, subresources included."""
    aggregated, legacy = discover("discovery-aggregated"), discover("discovery-legacy", aggregated=False)
    assert len(legacy.resources) == 12
    assert sum(map(len, legacy.resources.values())) > 40
    for group_version, resources in legacy.resources.items():
        assert tuple(map(without_storage, resources)) == aggregated.resources[group_version], group_version


def test_both_forms_yield_equal_groups() -> None:
    """Group names, their order, their versions and the preferred ones are the same in both forms."""
    aggregated, legacy = discover("discovery-aggregated"), discover("discovery-legacy", aggregated=False)
    assert aggregated.groups == legacy.groups
    assert aggregated.groups[0].name == ""
    assert len(aggregated.groups) == 21
    autoscaling = aggregated.group("autoscaling")
    assert autoscaling is not None
    assert autoscaling.versions == ("v2", "v1")
    assert autoscaling.preferred_version == "v2"


def test_aggregated_discovery_is_two_requests() -> None:
    """A server with aggregated discovery is asked twice, and not before the first use."""
    server = transcript("discovery-aggregated")
    client = DiscoveryClient(server.rest)
    assert server.paths == []
    assert client.discover().failed == {}
    assert server.paths == ["/api", "/apis"]


def test_every_recorded_resource_is_kept() -> None:
    """Nothing the recorded server lists is lost: 68 resources and their subresources, in 22 group versions."""
    found = discover("discovery-aggregated")
    listed = [entry for resources in found.resources.values() for entry in resources]
    assert len(found.resources) == 22
    assert len(listed) == 68
    assert len({entry.gvr for entry in listed}) == len(listed)
    assert all(entry.verbs and entry.kind and entry.singular_name for entry in listed)


def test_subresource_kinds_are_kept() -> None:
    """A subresource has its own kind, group version of the kind, and verbs; its path is its parent's."""
    apps = discover("discovery-aggregated").resources[GroupVersion("apps", "v1")]
    deployments = next(resource for resource in apps if resource.name == "deployments")
    scale = deployments.subresource("scale")
    assert scale is not None
    assert scale.name == "deployments/scale"
    assert scale.group_version == GroupVersion("apps", "v1")
    assert scale.gvk == GroupVersionKind("autoscaling", "v1", "Scale")
    assert scale.supports("get", "patch", "update")
    assert not scale.supports("get", "delete")
    assert deployments.subresource("log") is None
    assert deployments.gvk == GroupVersionKind("apps", "v1", "Deployment")


def test_storage_hashes_are_kept_where_told() -> None:
    """The per-group documents tell the storage version; it is kept."""
    apps = discover("discovery-legacy", aggregated=False).resources[GroupVersion("apps", "v1")]
    assert all(entry.storage_version_hash for entry in apps)


def test_unrecorded_groups_of_the_legacy_transcript_are_failures() -> None:
    """Group versions whose list answers 404 are failures; the others are complete."""
    found = discover("discovery-legacy", aggregated=False)
    assert GroupVersion("node.k8s.io", "v1") in found.failed
    assert not set(found.failed) & set(found.resources)


def test_server_version() -> None:
    """The version document comes back as it is."""
    assert DiscoveryClient(transcript("discovery-legacy").rest).server_version()["gitVersion"] == "v1.36.2"
