"""Short names, singular names and categories where several resources claim them."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from dynkube.discovery import Discovered
from dynkube.errors import AmbiguousError, NoMatchError
from dynkube.mapping import RESTMapper
from dynkube.names import GroupResource, GroupVersionResource
from mapping.fakes import FakeDiscovery, res, surface


def mapper(*lists: tuple[str, list[dict[str, Any]]], **options: Any) -> RESTMapper:
    """Return a mapper of a server that lists this."""
    return RESTMapper(FakeDiscovery(surface(*lists, **options)))


def named(mapper: RESTMapper, name: str) -> str:
    """Return what a name means, as plural.group."""
    return str(mapper.resolve(None, name).group_resource)


PODS = ("v1", [res("pods", "Pod", short_names=("po",))])
PODDLERS = [res("poddlers", "Poddler", short_names=("po", "pods", "pod"))]


@pytest.mark.parametrize("name", ["pods", "pod"])
def test_names_come_before_short_names(name: str) -> None:
    """A plural or singular name is never taken for another resource's short name, wherever that is listed."""
    assert named(mapper(PODS, ("acme.com/v1", PODDLERS)), name) == "pods"
    assert named(mapper(("acme.com/v1", PODDLERS), ("zoo.com/v1", [res("pods", "Pod")])), name) == "pods.zoo.com"


def test_the_first_group_has_the_short_name(caplog: pytest.LogCaptureFixture) -> None:
    """A short name of two groups is the first group's; one warning names the others, once for all lookups."""
    several = mapper(
        ("autoscaling/v2", [res("horizontalpodautoscalers", "HorizontalPodAutoscaler", short_names=("hpa",))]),
        ("autoscaling/v1", [res("horizontalpodautoscalers", "HorizontalPodAutoscaler", short_names=("hpa",))]),
        ("foo/v1", [res("foos", "Foo", short_names=("hpa",))]),
        ("foo/v1beta1", [res("foos", "Foo", short_names=("hpa",))]),
        ("bar/v1", [res("bars", "Bar", short_names=("hpa",))]),
    )
    for _ in range(2):
        assert named(several, "hpa") == "horizontalpodautoscalers.autoscaling"
    several.invalidate()
    assert named(several, "hpa") == "horizontalpodautoscalers.autoscaling"
    assert [record.getMessage() for record in caplog.records] == [
        "short name 'hpa' means horizontalpodautoscalers.autoscaling, and could mean foos.foo, bars.bar"
    ]


@pytest.mark.parametrize(
    ("lists", "name"),
    [
        ([PODS, ("acme.com/v1", [res("poddlers", "Poddler")])], "po"),
        ([PODS, ("acme.com/v1", PODDLERS)], "pods"),
        ([PODS, ("acme.com/v1", PODDLERS)], "po.acme.com"),
        ([("acme.com/v1", PODDLERS), ("acme.com/v1beta1", PODDLERS)], "po"),
    ],
    ids=["of one resource", "no short name", "with a group", "of one resource in two versions"],
)
def test_no_warning(lists: list[Any], name: str, caplog: pytest.LogCaptureFixture) -> None:
    """What can mean but one resource is not warned about."""
    mapper(*lists).resolve(None, name)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_two_of_one_group_version() -> None:
    """Two resources of one group version with one short name: the one that offers more, or neither."""
    small = res("smallscalers", "SmallScaler", short_names=("sc",), verbs=("get",))
    large = res("largescalers", "LargeScaler", short_names=("sc",))
    other = res("otherscalers", "OtherScaler", short_names=("sc",))
    assert named(mapper(("scale.io/v1", [small, large])), "sc") == "largescalers.scale.io"
    with pytest.raises(AmbiguousError) as caught:
        mapper(("scale.io/v1", [large, other])).resolve(None, "sc")
    assert caught.value.candidates == ("largescalers.scale.io", "otherscalers.scale.io")


@pytest.mark.parametrize("group", ["", "storage.k8s.io"])
def test_a_short_name_is_a_partial_resource(group: str) -> None:
    """A short name may stand where a plural name does, with a group or without."""
    storage = mapper(("storage.k8s.io/v1", [res("storageclasses", "StorageClass", short_names=("sc",))]))
    assert storage.kind_for(GroupVersionResource(group, "", "sc")).kind == "StorageClass"


def test_a_short_name_of_a_group_that_comes_later() -> None:
    """A short name in a group that is not served yet is found once the group is."""
    later = surface(("a/v1", [res("storageclasses", "StorageClass", short_names=("sc",))]))
    discovery = FakeDiscovery(Discovered(), after_invalidate=[later])
    fresh = RESTMapper(discovery)
    fresh.discovered()
    assert fresh.kind_for(GroupVersionResource("a", "", "sc")).kind == "StorageClass"
    assert discovery.asked == 2


@pytest.mark.parametrize("name", ["kind1", "Kind1", "plurals", "singular", "short1", "short2"])
def test_core_wins_by_any_name(name: str) -> None:
    """Whatever name two groups share, the core group's resource is meant, though another group is listed first."""
    both = res("plurals", "Kind1", singular_name="singular", short_names=("short1", "short2"))
    found = mapper(("group.one/v1", [both]), ("v1", [both])).resolve(None, name)
    assert (found.group, found.version) == ("", "v1")


@pytest.mark.parametrize("name", ["kind1", "Kind1", "plurals", "singular", "short1"])
@pytest.mark.parametrize("place", ["group9", "v9.group1", "v1.group9", "v9.group9"])
def test_another_group_or_version_never_matches(name: str, place: str) -> None:
    """A name that is known matches in no other group or version than those it is served in."""
    one = mapper(("group1/v1", [res("plurals", "Kind1", singular_name="singular", short_names=("short1",))]))
    assert one.resolve(None, f"{name}.v1.group1").name == "plurals"
    with pytest.raises(NoMatchError):
        one.resolve(None, f"{name}.{place}")


@pytest.mark.parametrize("version", ["v1", "v99", "v99beta99", "v99alpha99", "2024-01"])
@pytest.mark.parametrize("group", ["group1", "group1.example.com", "v1nonconventional"])
def test_groups_and_versions_of_any_form(group: str, version: str) -> None:
    """Groups with and without dots, also such as look like versions, and versions of any form are told apart."""
    one = mapper((f"{group}/{version}", [res("names", "Name")]))
    for text in ("names", f"names.{group}", f"names.{version}.{group}"):
        assert str(one.resolve(None, text).gvr.group_version) == f"{group}/{version}"
    assert one.resolve(f"{group}/{version}", "names").kind == "Name"


class TestCategories:
    """What belongs to a category."""

    def test_members_of_any_version(self) -> None:
        """A resource that only an older version has is a member as well as those of the preferred one."""
        two = mapper(
            ("test.com/v1beta2", [res("multis", "Multi", categories=("test",))]),
            (
                "test.com/v1beta1",
                [res("simples", "Simple", categories=("test",)), res("multis", "Multi", categories=("test",))],
            ),
        )
        assert [str(each.gvr.group_version) + " " + each.name for each in two.category("test")] == [
            "test.com/v1beta2 multis",
            "test.com/v1beta1 simples",
        ]

    def test_none(self) -> None:
        """Resources of no category, and an unknown category, yield nothing."""
        jobs = mapper(("batch/v1", [res("jobs", "Job", short_names=("jz",))]))
        assert jobs.category("all") == ()
        in_all = mapper(("batch/v1", [res("jobs", "Job", categories=("all",))]))
        assert [each.group_resource for each in in_all.category("all")] == [GroupResource("batch", "jobs")]
        assert in_all.category("targaryens") == ()

    def test_a_category_is_no_name(self) -> None:
        """Looked up as a resource, a category says what it is and what it stands for."""
        with pytest.raises(NoMatchError, match=r"'all' is a category.*jobs\.batch") as caught:
            mapper(("batch/v1", [res("jobs", "Job", categories=("all",))])).resolve(None, "all")
        assert caught.value.candidates == ("jobs.batch",)


class TestPriority:
    """A server with a group listed before the core group, and resources only older versions have."""

    @pytest.fixture
    def mapped(self) -> RESTMapper:
        """Return the mapper of it."""
        peas, broccoli = res("peas", "Pea"), res("broccoli", "Broccoli")
        return mapper(
            ("extensions/v1beta", [res("jobs", "Job"), res("pods", "Pod")]),
            ("v1", [res("pods", "Pod")]),
            ("v2", [res("pods", "Pod")]),
            ("unpreferred/v1", [broccoli]),
            ("unpreferred/v2beta1", [broccoli, peas]),
            ("unpreferred/v2alpha1", [broccoli, peas]),
        )

    @pytest.mark.parametrize(
        ("version", "name", "expected"),
        [
            ("", "pods", "v1"),
            ("v1", "pods", "v1"),
            ("v2", "pods", "v2"),
            ("", "jobs", "extensions/v1beta"),
            ("", "peas", "unpreferred/v2beta1"),
            ("", "broccoli", "unpreferred/v1"),
        ],
    )
    def test_which_is_meant(self, mapped: RESTMapper, version: str, name: str, expected: str) -> None:
        """The core group first, each group's preferred version first, and an older one where that has nothing."""
        partial = GroupVersionResource("", version, name)
        assert str(mapped.resource_for(partial).group_version) == expected
        assert str(mapped.kind_for(partial).group_version) == expected


def test_a_group_that_failed_is_left_out() -> None:
    """Names of a group that could not be discovered are unknown, and those of others known."""
    found = surface(("b/v1", [res("bars", "Bar")]))
    partial = Discovered(
        found.groups, found.resources, {GroupVersionResource("a", "v1", "x").group_version: OSError("a failed")}
    )
    left = RESTMapper(FakeDiscovery(partial))
    assert left.resolve(None, "bars").kind == "Bar"
    with pytest.raises(NoMatchError, match="a/v1"):
        left.resolve(None, "foos")
