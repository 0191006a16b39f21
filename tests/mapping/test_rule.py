"""The rule that chooses among resources that share a name, against a model that tries everything."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.discovery import APIGroup, APIResource, Discovered
from dynkube.errors import AmbiguousError, DiscoveryError, NoMatchError
from dynkube.mapping import RESTMapper
from dynkube.mapping.query import Query, parse_name
from dynkube.names import GroupKind, GroupVersion, GroupVersionKind, GroupVersionResource
from mapping.fakes import FakeDiscovery, res, surface

# Few words, so that everything clashes with everything.
WORDS = ["a", "b", "cs", "v1", "x"]
GROUPS = ["", "a", "a.b", "a.b.x", "b", "v1.a"]
VERSIONS = ["v1", "v2", "a"]
words = st.sampled_from(WORDS)
kinds = st.sampled_from(["A", "B", "Cs", "CS", "a", "X"])
verbs = st.sampled_from([("get",), ("get", "list"), ("get", "list", "watch")])


@st.composite
def surfaces(draw: st.DrawFn) -> Discovered:
    """Build a server's API at random: groups, versions, clashing names, kinds and short names, stale versions."""
    groups: list[APIGroup] = []
    resources: dict[GroupVersion, tuple[APIResource, ...]] = {}
    failed: dict[GroupVersion, Exception] = {}
    for name in draw(st.lists(st.sampled_from(GROUPS), unique=True, max_size=5)):
        versions = draw(st.lists(st.sampled_from(VERSIONS), unique=True, max_size=3))
        served = []
        for version in versions:
            gv = GroupVersion(name, version)
            if draw(st.integers(0, 5)) == 0:
                failed[gv] = DiscoveryError("stale")
                continue
            served.append(version)
            plurals = draw(st.lists(words, unique=True, max_size=4))
            resources[gv] = tuple(
                APIResource(
                    name,
                    version,
                    plural,
                    draw(words),
                    draw(kinds),
                    namespaced=draw(st.booleans()),
                    verbs=draw(verbs),
                    short_names=tuple(draw(st.lists(words, max_size=2))),
                    categories=tuple(draw(st.lists(words, unique=True, max_size=2))),
                )
                for plural in plurals
            )
        groups.append(APIGroup(name, tuple(served), draw(st.sampled_from(served)) if served else ""))
    return Discovered(tuple(groups), resources, failed)


@dataclass
class Model:
    """The rule as the manual words it, applied to a flat list."""

    found: Discovered

    def ranked(self) -> list[APIResource]:
        """Return every resource, those of the group version that wins first."""
        order: list[GroupVersion] = [GroupVersion("", "v1")]
        for entry in self.found.groups:
            order.append(GroupVersion(entry.name, entry.preferred_version))
            order += entry.group_versions
        order = [gv for number, gv in enumerate(order) if gv in self.found.resources and gv not in order[:number]]
        return [entry for gv in order for entry in self.found.resources[gv]]

    def bears(self, meaning: str, entry: APIResource, name: str) -> bool:
        """Whether a resource bears ``name`` in one of the meanings a name can have."""
        if meaning == "kind as spelt":
            return name != name.lower() and entry.kind == name
        if meaning == "name":
            return name.lower() in (entry.name, entry.singular_name)
        if meaning == "short name":
            return name.lower() in entry.short_names
        return entry.kind.lower() == name.lower()

    def candidates(self, name: str, group: str | None, version: str | None, meanings: list[str]) -> list[APIResource]:
        """Return what the name may mean in the first meaning anything answers to."""
        for prefix in (False, True):
            if prefix and (not group or version is not None):
                continue
            for meaning in meanings:
                matching = [
                    entry
                    for entry in self.ranked()
                    if self.bears(meaning, entry, name)
                    and version in (None, entry.version)
                    and (group in (None, entry.group) or (prefix and entry.group.startswith(group or "?")))
                ]
                if matching:
                    return matching
        return []

    def choose(self, matching: list[APIResource]) -> APIResource | str:
        """Return the one that wins, or why there is none."""
        if not matching:
            return "none"
        tied = [entry for entry in matching if entry.group_version == matching[0].group_version]
        most = max(len(entry.verbs) for entry in tied)
        tied = [entry for entry in tied if len(entry.verbs) == most]
        return tied[0] if len(tied) == 1 else "ambiguous"


ALL_MEANINGS = ["kind as spelt", "name", "short name", "kind"]


def outcome(mapper: RESTMapper, group_version: str | None, name: str) -> APIResource | str:
    """Resolve, and put the failures into words."""
    try:
        return mapper.resolve(group_version, name)
    except AmbiguousError as error:
        return "ambiguous" if len(error.candidates) > 1 else "ambiguous without candidates"
    except NoMatchError:
        return "none"
    except DiscoveryError:
        return "failed"


names = st.one_of(words, kinds, st.sampled_from(["A", "CS", "nothing"]))


@given(surfaces(), names, st.sampled_from(GROUPS), st.sampled_from(VERSIONS))
def test_pinned(found: Discovered, name: str, group: str, version: str) -> None:
    """In one exact group version the model and the mapper agree; a failed one raises its failure."""
    gv = GroupVersion(group, version)
    model = Model(found)
    expected = model.choose(model.candidates(name, group, version, ALL_MEANINGS))
    if expected == "none" and gv in found.failed:
        expected = "failed"
    assert outcome(RESTMapper(FakeDiscovery(found)), str(gv), name) == expected


@given(
    surfaces(), names, st.one_of(st.none(), st.sampled_from(GROUPS)), st.one_of(st.none(), st.sampled_from(VERSIONS))
)
def test_written_as_for_kubectl(found: Discovered, name: str, group: str | None, version: str | None) -> None:
    """Alone, with a group, or with version and group, the model and the mapper agree on what is meant."""
    model = Model(found)
    readings: list[tuple[str, str | None, str | None]]
    if group is None:
        text, readings = name, [(name, None, None)]
    elif version is None:
        text, readings = f"{name}.{group}", [(name, group, None)]
        head, dot, tail = group.partition(".")
        if dot:
            readings.insert(0, (name, tail, head))
    else:
        text, readings = f"{name}.{version}.{group}", [(name, group, version), (name, f"{version}.{group}", None)]
    expected: APIResource | str = "none"
    for reading in readings:
        matching = model.candidates(*reading, ALL_MEANINGS)
        if matching:
            expected = model.choose(matching)
            break
    assert outcome(RESTMapper(FakeDiscovery(found)), None, text) == expected


@given(surfaces(), words, st.sampled_from(GROUPS), st.sampled_from(["", *VERSIONS]))
def test_partial_resources(found: Discovered, name: str, group: str, version: str) -> None:
    """resource_for, resources_for, kind_for and kinds_for agree with the model; empty means any."""
    model, mapper = Model(found), RESTMapper(FakeDiscovery(found))
    partial = GroupVersionResource(group, version, name)
    matching = model.candidates(name, group or None, version or None, ["name", "short name"])
    expected = model.choose(matching)
    if not matching:
        for lookup in (mapper.resource_for, mapper.kind_for, mapper.resources_for, mapper.kinds_for):
            with pytest.raises((NoMatchError, DiscoveryError)):
                lookup(partial)
        return
    assert list(mapper.resources_for(partial)) == [entry.gvr for entry in matching]
    assert list(mapper.kinds_for(partial)) == list(dict.fromkeys(entry.gvk for entry in matching))
    if isinstance(expected, str):
        with pytest.raises(AmbiguousError):
            mapper.resource_for(partial)
    else:
        assert mapper.resource_for(partial) == expected.gvr
        assert mapper.kind_for(partial) == expected.gvk


@given(surfaces(), kinds, st.sampled_from(GROUPS), st.lists(st.sampled_from(VERSIONS), max_size=3))
def test_kinds(found: Discovered, kind: str, group: str, versions: list[str]) -> None:
    """A kind is found in its exact group: in the first of the versions given, or the best there is."""
    model, mapper = Model(found), RESTMapper(FakeDiscovery(found))

    def spelt(version: str | None) -> list[APIResource]:
        places = [entry for entry in model.ranked() if entry.group == group and version in (None, entry.version)]
        exact = [entry for entry in places if entry.kind == kind]
        return exact or [entry for entry in places if entry.kind.lower() == kind.lower()]

    matching = next((m for m in map(spelt, versions) if m), []) if versions else spelt(None)
    expected = model.choose(matching)
    if expected == "none":
        with pytest.raises((NoMatchError, DiscoveryError)):
            mapper.mapping(GroupKind(group, kind), *versions)
    elif expected == "ambiguous":
        with pytest.raises(AmbiguousError):
            mapper.mapping(GroupKind(group, kind), *versions)
    else:
        assert isinstance(expected, APIResource)
        mapping = mapper.mapping(GroupKind(group, kind), *versions)
        assert (mapping.resource, mapping.kind, mapping.namespaced) == (expected.gvr, expected.gvk, expected.namespaced)
        assert mapper.mapping_for_gvk(GroupVersionKind(group, expected.version, kind)) == expected


@given(surfaces(), words)
def test_categories(found: Discovered, name: str) -> None:
    """A category holds every resource that says so, once, in the best version that does."""
    expected: dict[object, APIResource] = {}
    for entry in Model(found).ranked():
        if name in entry.categories:
            expected.setdefault(entry.group_resource, entry)
    assert list(RESTMapper(FakeDiscovery(found)).category(name)) == list(expected.values())


@given(surfaces(), names, names)
def test_answers_do_not_depend_on_what_was_asked_before(found: Discovered, first: str, second: str) -> None:
    """A lookup gives the same answer whatever was looked up before it, and every time it is asked."""
    used = RESTMapper(FakeDiscovery(found))
    outcome(used, None, first)
    fresh = outcome(RESTMapper(FakeDiscovery(found)), None, second)
    assert outcome(used, None, second) == fresh
    assert outcome(used, None, second) == fresh


@pytest.mark.parametrize(
    ("text", "readings"),
    [
        ("pods", [Query("pods")]),
        ("pods.", [Query("pods", "")]),
        ("deployments.apps", [Query("deployments", "apps")]),
        ("deployments.v1.apps", [Query("deployments", "apps", "v1"), Query("deployments", "v1.apps")]),
        ("foos.example.com", [Query("foos", "com", "example"), Query("foos", "example.com")]),
        ("foos.v1.ex.com", [Query("foos", "ex.com", "v1"), Query("foos", "v1.ex.com")]),
        ("pods.v1.", [Query("pods", "", "v1"), Query("pods", "v1.")]),
    ],
)
def test_readings(text: str, readings: list[Query]) -> None:
    """A name with dots is taken apart as kubectl takes it, the full reading before the short one."""
    assert list(parse_name(text)) == readings


def test_priority_across_groups_and_versions() -> None:
    """Core v1 comes first wherever it is listed, then the groups as listed, each with its preferred version first."""
    pods = [res("pods", "Pod")]
    broccoli, peas = res("broccoli", "Broccoli"), res("peas", "Pea")
    found = surface(
        ("extensions/v1beta", [res("jobs", "Job"), *pods]),
        ("v1", pods),
        ("v2", pods),
        ("unpreferred/v2beta1", [broccoli, peas]),
        ("unpreferred/v1", [broccoli]),
        ("unpreferred/v2alpha1", [broccoli, peas]),
        preferred={"unpreferred": "v1"},
    )
    mapper = RESTMapper(FakeDiscovery(found))

    def meant(name: str, group: str = "", version: str = "") -> tuple[str, str]:
        resource = mapper.resource_for(GroupVersionResource(group, version, name))
        return resource.group, resource.version

    assert meant("pods") == ("", "v1")
    assert meant("pods", version="v2") == ("", "v2")
    assert meant("pods", version="v1beta") == ("extensions", "v1beta")
    assert meant("pods", group="ext") == ("extensions", "v1beta")
    assert meant("jobs") == ("extensions", "v1beta")
    assert meant("broccoli") == ("unpreferred", "v1")
    assert meant("peas") == ("unpreferred", "v2beta1")
    assert meant("peas", version="v2alpha1") == ("unpreferred", "v2alpha1")


def test_names_before_short_names() -> None:
    """A short name never hides a resource that is called so, whichever group comes first."""
    pods = res("pods", "Pod")
    greedy = res("poddlers", "Poddler", short_names=("pods", "pod"))
    for found in (
        surface(("a.example/v1", [greedy]), ("v2", [pods])),
        surface(("v1", [pods]), ("a.example/v1", [greedy])),
    ):
        mapper = RESTMapper(FakeDiscovery(found))
        assert mapper.resolve(None, "pods").kind == "Pod"
        assert mapper.resolve(None, "pod").kind == "Pod"
        assert mapper.resolve(None, "pods.a.example").kind == "Poddler"


def test_short_names_before_kinds() -> None:
    """A short name comes before a kind of the same letters, unless the kind is written as it is spelt."""
    found = surface(
        ("a.example/v1", [res("things", "Po", singular_name="thing")]),
        ("b.example/v1", [res("pods", "Pod", short_names=("po",))]),
    )
    mapper = RESTMapper(FakeDiscovery(found))
    assert mapper.resolve(None, "po").name == "pods"
    assert mapper.resolve(None, "Po").name == "things"
    assert mapper.resolve(None, "PO").name == "pods"


def test_the_first_group_wins_a_short_name() -> None:
    """Of two resources with one short name that of the group listed first is meant, as for kubectl."""
    one, two = res("superscalers", "S", short_names=("hpa",)), res("scalers", "T", short_names=("hpa",))
    mapper = RESTMapper(FakeDiscovery(surface(("one.example/v1", [one]), ("two.example/v1", [two]))))
    assert mapper.resolve(None, "hpa").name == "superscalers"
    assert mapper.resolve(None, "hpa.two.example").name == "scalers"
    assert mapper.resolve(None, "hpa.two").name == "scalers"


def test_most_verbs_inside_a_group_version() -> None:
    """Two resources of one kind in one group version: the one that offers more is meant, the other by its name."""
    virtual = res("projectrequests", "Project", singular_name="projectrequest", verbs=("create",))
    real = res("projects", "Project", verbs=("get", "list", "create"))
    mapper = RESTMapper(FakeDiscovery(surface(("project.example/v1", [virtual, real]))))
    assert mapper.mapping_for_gvk(GroupVersionKind("project.example", "v1", "Project")).name == "projects"
    assert mapper.resolve(None, "projectrequests").name == "projectrequests"


def test_subresources_are_no_candidates() -> None:
    """Entries with a slash are never what a name means."""
    found = surface(("custom.example/v1", [res("pods/cpu", "MetricValueList", singular_name="")]))
    mapper = RESTMapper(FakeDiscovery(found))
    for name in ("pods/cpu", "MetricValueList", "metricvaluelist", "cpu"):
        with pytest.raises(NoMatchError):
            mapper.resolve(None, name)
