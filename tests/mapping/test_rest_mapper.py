"""Resolving names against the recorded server: every form, and what happens to names nobody serves."""

from __future__ import annotations

import pytest
from discovery.fakes import transcript

from dynkube.discovery import CachedDiscovery, DiscoveryClient
from dynkube.errors import AmbiguousError, DiscoveryError, InvalidNameError, NoMatchError
from dynkube.mapping import RESTMapper, RESTMapping
from dynkube.names import GroupKind, GroupVersion, GroupVersionKind, GroupVersionResource
from mapping.fakes import FakeDiscovery, res, surface


@pytest.fixture(scope="module")
def mapper() -> RESTMapper:
    """Make a mapper of the recorded 1.36 server."""
    return RESTMapper(DiscoveryClient(transcript("discovery-aggregated").rest))


@pytest.mark.parametrize(
    "name",
    [
        *("deployments", "deployment", "Deployment", "DEPLOYMENTS", "deploy", "Deploy"),
        *("deployments.apps", "deployment.apps", "Deployment.apps", "deploy.apps", "deployments.app"),
        *("deployments.v1.apps", "deployment.v1.apps", "Deployment.v1.apps", "deploy.v1.apps"),
    ],
)
def test_every_form_of_a_name(mapper: RESTMapper, name: str) -> None:
    """Plural, singular, kind and short name, alone, with a group, or with version and group, mean the same resource."""
    resource = mapper.resolve(None, name)
    assert resource.gvr == GroupVersionResource("apps", "v1", "deployments")
    assert resource.kind == "Deployment"
    assert resource.namespaced
    assert mapper.resolve(None, name) is resource


@pytest.mark.parametrize("name", ["deployments", "deployment", "Deployment", "deploy"])
def test_every_form_in_a_group_version(mapper: RESTMapper, name: str) -> None:
    """Plural, singular, kind and short name work in one exact group version."""
    assert mapper.resolve("apps/v1", name).gvr == GroupVersionResource("apps", "v1", "deployments")


def test_bare_version_is_the_core_group(mapper: RESTMapper) -> None:
    """A group version without a group is the core group and nothing else."""
    assert mapper.resolve("v1", "Pod").gvr == GroupVersionResource("", "v1", "pods")
    with pytest.raises(NoMatchError, match="it serves deployments in apps/v1"):
        mapper.resolve("v1", "deployments")


def test_core_group_wins(mapper: RESTMapper) -> None:
    """Of events and events.events.k8s.io, the core one is meant unless the group is written."""
    assert mapper.resolve(None, "events").group == ""
    assert mapper.resolve(None, "ev").group == ""
    assert mapper.resolve(None, "events.events.k8s.io").group == "events.k8s.io"
    assert mapper.resolve(None, "events.v1.events.k8s.io").group == "events.k8s.io"
    assert mapper.resolve("events.k8s.io/v1", "ev").group == "events.k8s.io"


def test_preferred_version_wins(mapper: RESTMapper) -> None:
    """Without a version the server's preferred one is taken; another one is had by naming it."""
    assert mapper.resolve(None, "hpa").version == "v2"
    assert mapper.resolve(None, "hpa.v1.autoscaling").version == "v1"
    assert mapper.resolve("autoscaling/v1", "hpa").version == "v1"


def test_a_dot_at_the_end_pins_the_core_group() -> None:
    """``events.`` and ``events.v1.`` are those of the core group, though another group comes first."""
    found = surface(("a.example/v1", [res("events", "Event")]), ("v2", [res("events", "Event")]))
    mapper = RESTMapper(FakeDiscovery(found))
    assert mapper.resolve(None, "events").group == "a.example"
    assert mapper.resolve(None, "events.").group == ""
    assert mapper.resolve(None, "events.v2.").group == ""


@pytest.mark.parametrize(
    ("group_version", "name", "candidate"),
    [
        (None, "deploymnets", "deployments.apps"),
        (None, "confgmaps", "configmaps"),
        (None, "deployments.app.example", "deployments.apps"),
        ("apps/v1", "deploymnet", "deployments.apps"),
        ("extensions/v1beta1", "deployments", "deployments.apps"),
        ("apps/v2", "Deployment", "deployments.apps"),
        (None, "pods/log", "pods"),
    ],
)
def test_unknown_names_get_the_nearest_known(
    mapper: RESTMapper, group_version: str | None, name: str, candidate: str
) -> None:
    """A name nobody serves raises NoMatchError whose candidates hold what was probably meant."""
    with pytest.raises(NoMatchError) as caught:
        mapper.resolve(group_version, name)
    assert candidate in caught.value.candidates
    assert name.partition("/")[0] in str(caught.value)
    assert candidate in str(caught.value) or "it serves deployments in apps/v1" in str(caught.value)


def test_unknown_name_like_no_other(mapper: RESTMapper) -> None:
    """A name like no other has no candidates, and the message suggests nothing."""
    with pytest.raises(NoMatchError) as caught:
        mapper.resolve(None, "zzzzqqqq")
    assert caught.value.candidates == ()
    assert "did you mean" not in str(caught.value)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(("group_version", "name"), [(None, ""), ("apps/v1", ""), ("a/b/c", "pods"), ("", "pods")])
def test_impossible_names(group_version: str | None, name: str) -> None:
    """An empty name and an impossible group version are refused before anything is looked up."""
    with pytest.raises(InvalidNameError):
        RESTMapper(FakeDiscovery(surface())).resolve(group_version, name)


def test_exact_resource(mapper: RESTMapper) -> None:
    """`api_resource` takes the plural name in one group version, and no other name."""
    resource = mapper.api_resource(GroupVersionResource("apps", "v1", "deployments"))
    assert resource.kind == "Deployment"
    for name in ("deployment", "deploy", "Deployment"):
        with pytest.raises(NoMatchError):
            mapper.api_resource(GroupVersionResource("apps", "v1", name))


def test_by_kind(mapper: RESTMapper) -> None:
    """`mapping_for_gvk` finds the resource of an object's apiVersion and kind, and never one of another version."""
    assert mapper.mapping_for_gvk(GroupVersionKind("apps", "v1", "Deployment")).name == "deployments"
    assert mapper.mapping_for_gvk(GroupVersionKind("", "v1", "Namespace")).namespaced is False
    with pytest.raises(NoMatchError, match="it serves horizontalpodautoscalers in autoscaling/v2, autoscaling/v1"):
        mapper.mapping_for_gvk(GroupVersionKind("autoscaling", "v2beta2", "HorizontalPodAutoscaler"))


def test_mapping(mapper: RESTMapper) -> None:
    """`mapping` chooses the preferred version, or the first of the versions given; the group is exact."""
    kind = GroupKind("autoscaling", "HorizontalPodAutoscaler")
    assert mapper.mapping(kind).resource.version == "v2"
    assert mapper.mapping(kind, "v1", "v2").resource.version == "v1"
    assert mapper.mapping(kind, "v3", "v1").resource.version == "v1"
    assert [mapping.resource.version for mapping in mapper.mappings(kind)] == ["v2", "v1"]
    assert [mapping.resource.version for mapping in mapper.mappings(kind, "v1", "v3")] == ["v1"]
    assert mapper.mapping(GroupKind("", "Node")) == RESTMapping(
        GroupVersionResource("", "v1", "nodes"), GroupVersionKind("", "v1", "Node"), namespaced=False
    )
    assert mapper.mapping(GroupKind("", "pod")).kind.kind == "Pod"
    with pytest.raises(NoMatchError):
        mapper.mapping(kind, "v3")
    with pytest.raises(NoMatchError):
        mapper.mapping(GroupKind("auto", "HorizontalPodAutoscaler"))


def test_categories(mapper: RESTMapper) -> None:
    """A category lists each of its resources once, in the best version; an unknown one lists none."""
    names = [resource.name for resource in mapper.category("all")]
    assert {"pods", "services", "deployments", "jobs", "horizontalpodautoscalers"} <= set(names)
    assert len(names) == len(set(names))
    assert names[0] == "pods"
    hpa = next(resource for resource in mapper.category("all") if resource.name == "horizontalpodautoscalers")
    assert hpa.version == "v2"
    assert mapper.category("nothing-like-it") == ()


def test_asking_for_a_failed_group_version() -> None:
    """A name in a group version that discovery failed on raises that failure, not "no such resource"."""
    reason = DiscoveryError("the API behind it does not answer")
    found = surface(("v1", [res("pods", "Pod")]))
    failed = GroupVersion("metrics.k8s.io", "v1beta1")
    mapper = RESTMapper(FakeDiscovery(type(found)(found.groups, found.resources, {failed: reason})))
    with pytest.raises(DiscoveryError) as caught:
        mapper.resolve("metrics.k8s.io/v1beta1", "PodMetrics")
    assert caught.value.__cause__ is reason
    assert caught.value.group_version == "metrics.k8s.io/v1beta1"
    with pytest.raises(NoMatchError, match=r"discovery failed for metrics.k8s.io/v1beta1"):
        mapper.resolve(None, "podmetrics")
    assert mapper.resolve(None, "po" + "ds").kind == "Pod"


def test_ambiguity_inside_one_group_version() -> None:
    """Two resources of one group version that share a short name and offer equally many verbs are both named."""
    found = surface(("a.example/v1", [res("cats", "Cat", short_names=("c",)), res("cows", "Cow", short_names=("c",))]))
    with pytest.raises(AmbiguousError) as caught:
        RESTMapper(FakeDiscovery(found)).resolve(None, "c")
    assert caught.value.candidates == ("cats.a.example", "cows.a.example")


def test_nothing_is_asked_before_the_first_lookup() -> None:
    """A mapper asks nothing until it is used, and once for any number of lookups."""
    server = transcript("discovery-aggregated")
    mapper = RESTMapper(CachedDiscovery(DiscoveryClient(server.rest)))
    assert server.paths == []
    for name in ("pods", "deploy", "Node", "jobs.batch"):
        mapper.resolve(None, name)
    assert server.paths == ["/api", "/apis"]
