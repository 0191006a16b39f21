"""Group, version, kind and resource names, and what may stand in a path."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidNameError
from dynkube.names import (
    GroupKind,
    GroupResource,
    GroupVersion,
    GroupVersionKind,
    GroupVersionResource,
    check_path_segment,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1", GroupVersion("", "v1")),
        ("apps/v1", GroupVersion("apps", "v1")),
        ("example.com/v1alpha1", GroupVersion("example.com", "v1alpha1")),
    ],
)
def test_api_version_parses_and_prints(text: str, expected: GroupVersion) -> None:
    """An apiVersion becomes its group and version, and prints as it was written."""
    parsed = GroupVersion.parse(text)
    assert parsed == expected
    assert str(parsed) == parsed.api_version == text


@pytest.mark.parametrize("text", ["", "/", "/v1", "apps/", "a/b/c", "apps/..", "../v1", "a%2f/v1", "apps/v 1\n"])
def test_api_version_refuses_other_forms(text: str) -> None:
    """What is neither 'version' nor 'group/version' is refused by name."""
    with pytest.raises(InvalidNameError):
        GroupVersion.parse(text)


def test_api_version_must_be_a_string() -> None:
    """A number, as an unquoted YAML scalar gives, is a clear error."""
    with pytest.raises(InvalidNameError, match="must be a string"):
        GroupVersion.parse(1)  # type: ignore[arg-type]


def test_names_lead_to_one_another() -> None:
    """A group version gives kinds and resources, which give their parts back."""
    apps = GroupVersion("apps", "v1")
    kind, resource = apps.with_kind("Deployment"), apps.with_resource("deployments")
    assert kind == GroupVersionKind("apps", "v1", "Deployment")
    assert resource == GroupVersionResource("apps", "v1", "deployments")
    assert kind.group_version == resource.group_version == apps
    assert kind.group_kind == GroupKind("apps", "Deployment")
    assert resource.group_resource == GroupResource("apps", "deployments")
    assert kind.group_kind.with_version("v1") == kind
    assert resource.group_resource.with_version("v1") == resource
    assert kind.api_version == resource.api_version == "apps/v1"


def test_core_group_has_no_prefix() -> None:
    """The core group is the empty string and does not show."""
    pod = GroupVersionKind("", "v1", "Pod")
    assert pod.api_version == GroupVersionResource("", "v1", "pods").api_version == "v1"
    assert str(pod.group_kind) == "Pod"
    assert str(GroupResource("", "pods")) == "pods"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (GroupKind("apps", "Deployment"), "Deployment.apps"),
        (GroupResource("example.com", "widgets"), "widgets.example.com"),
        (GroupVersionKind("apps", "v1", "Deployment"), "apps/v1, Kind=Deployment"),
        (GroupVersionResource("", "v1", "pods"), "v1, Resource=pods"),
    ],
)
def test_names_print_as_kubernetes_writes_them(name: object, text: str) -> None:
    """The text form is the one kubectl and the server use in messages."""
    assert str(name) == text


@pytest.mark.parametrize("text", ["Deployment.apps", "Pod", "Widget.example.com"])
def test_group_kind_and_resource_parse_what_they_print(text: str) -> None:
    """The group is what follows the first dot."""
    assert str(GroupKind.parse(text)) == text
    assert str(GroupResource.parse(text)) == text


def test_kind_of_an_object() -> None:
    """The kind of an object is read from its two fields."""
    assert GroupVersionKind.of({"apiVersion": "apps/v1", "kind": "Deployment"}).kind == "Deployment"


@pytest.mark.parametrize("obj", [{}, {"apiVersion": "v1"}, {"kind": "Pod"}, {"apiVersion": "v1", "kind": 3}])
def test_kind_of_an_object_needs_both_fields(obj: dict[str, object]) -> None:
    """An object without apiVersion or kind has no kind."""
    with pytest.raises(InvalidNameError):
        GroupVersionKind.of(obj)


def test_names_are_keys() -> None:
    """Equal names are one key, they sort by group first, and they survive pickling."""
    names = {GroupVersion("b", "v1"), GroupVersion("a", "v2"), GroupVersion("b", "v1")}
    assert sorted(names) == [GroupVersion("a", "v2"), GroupVersion("b", "v1")]
    assert pickle.loads(pickle.dumps(names)) == names
    with pytest.raises(AttributeError):
        GroupVersion("a", "v1").group = "b"  # type: ignore[misc]


@pytest.mark.parametrize(
    "name", ["web", "web-1", "system:node", "a.b", "...", "Ünï", "a b", "a@b", "a?b", "kube-root-ca.crt"]
)
def test_segment_allows_what_the_server_allows(name: str) -> None:
    """Names are not held to DNS rules here: roles, for one, contain colons."""
    assert check_path_segment(name, "name") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a/b", "../x", "a%2fb", "%", "a\nb", "a\r\nHost: x", "\x00", "\x7f", "\x85", "\ud800"]
)
def test_segment_refuses_what_would_change_the_request(name: str) -> None:
    """Anything that would address something else, or end the request line, is refused."""
    with pytest.raises(InvalidNameError):
        check_path_segment(name, "name")


def test_segment_error_names_value_place_and_way_out() -> None:
    """The message says which argument, which value, and what to do."""
    with pytest.raises(InvalidNameError, match=r"^namespace 'a/b' contains '/'.*give one plain"):
        check_path_segment("a/b", "namespace")


@pytest.mark.parametrize("value", [None, 3, b"web", True])
def test_segment_must_be_a_string(value: object) -> None:
    """A value of another type is an error of the same kind, not an AttributeError later."""
    with pytest.raises(InvalidNameError, match="must be a string"):
        check_path_segment(value, "name")  # type: ignore[arg-type]


@given(st.text())
def test_segment_never_lets_a_separator_through(text: str) -> None:
    """Whatever the text: what passes has no slash, no percent sign, no line break, and is no dot segment."""
    try:
        passed = check_path_segment(text, "name")
    except InvalidNameError:
        return
    assert passed
    assert passed not in (".", "..")
    assert not set(passed) & set("/%\r\n\x00")
