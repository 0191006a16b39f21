"""Where a call goes: namespaces, cluster scope, and what is refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynamic.fakes import DEPLOYMENTS, NODES, FakeRest, exact, page, resource
from dynkube.errors import (
    BodyMismatchError,
    InvalidNameError,
    InvalidRequestError,
    NamespaceNotAllowedError,
    NamespaceRequiredError,
)
from dynkube.names import GroupVersionResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.dynamic import Resource

BAD_SEGMENTS = ["", ".", "..", "../x", "a/b", "a%2fb", "a%2Fb", "x\r\nHost: evil", "a\x00b"]


def test_a_namespace_is_a_segment_of_the_path() -> None:
    """A view of a namespace puts it between the version and the resource."""
    rest = FakeRest()
    resource(rest).namespace("prod").get("web")
    assert rest.targets == ["/apis/apps/v1/namespaces/prod/deployments/web"]
    assert rest.last.template == "/apis/apps/v1/namespaces/{namespace}/deployments/{name}"


def test_without_a_namespace_the_contexts_is_used() -> None:
    """As kubectl does, one object and a list are met in the namespace of the context."""
    rest = FakeRest({}, page(""))
    deployments = resource(rest, context_namespace="team-a")
    deployments.get("web")
    deployments.list()
    assert rest.targets == [
        "/apis/apps/v1/namespaces/team-a/deployments/web",
        "/apis/apps/v1/namespaces/team-a/deployments",
    ]


def test_all_namespaces_is_said_in_words() -> None:
    """Only `all_namespaces()` lists across namespaces."""
    rest = FakeRest(page(""))
    resource(rest).all_namespaces().list()
    assert rest.targets == ["/apis/apps/v1/deployments"]


def test_a_cluster_scoped_resource_has_no_namespace_in_its_path() -> None:
    """The context's namespace has nothing to do with nodes, and asking for all namespaces changes nothing."""
    rest = FakeRest({}, page(""))
    resource(rest, NODES).get("n1")
    resource(rest, NODES).all_namespaces().list()
    assert rest.targets == ["/api/v1/nodes/n1", "/api/v1/nodes"]


def test_views_do_not_change_each_other() -> None:
    """A view is a new value: the resource it was made from still speaks to its own scope."""
    rest = FakeRest()
    deployments = resource(rest)
    prod = deployments.namespace("prod")
    prod.namespace("dev").get("a")
    prod.get("b")
    deployments.get("c")
    assert [target.split("/")[5] for target in rest.targets] == ["dev", "prod", "default"]


def test_an_exact_resource_takes_no_default_namespace() -> None:
    """A GroupVersionResource is literal: without a namespace there is none in the path, as in client-go."""
    rest = FakeRest()
    exact(rest, GroupVersionResource("", "v1", "nodes")).get("n1")
    exact(rest, GroupVersionResource("apps", "v1", "deployments")).namespace("prod").get("web")
    assert rest.targets == ["/api/v1/nodes/n1", "/apis/apps/v1/namespaces/prod/deployments/web"]


@pytest.mark.parametrize("name", BAD_SEGMENTS)
def test_a_name_that_would_leave_its_place_is_refused(name: str) -> None:
    """Names that would change the path raise InvalidNameError in every verb that takes one, and nothing is sent."""
    rest = FakeRest()
    deployments = resource(rest)
    calls: list[Callable[[], Any]] = [
        lambda: deployments.get(name),
        lambda: deployments.get_or_none(name),
        lambda: deployments.exists(name),
        lambda: deployments.delete(name),
        lambda: deployments.patch(name, {}),
        lambda: deployments.subresource("scale").get(name),
        lambda: deployments.update({"metadata": {"name": name}}),
        lambda: deployments.apply({"metadata": {"name": name}}, field_manager="me"),
        lambda: deployments.path(name),
    ]
    for call in calls:
        with pytest.raises(InvalidNameError):
            call()
    assert rest.requests == []


@pytest.mark.parametrize("namespace", BAD_SEGMENTS)
def test_a_namespace_that_would_leave_its_place_is_refused(namespace: str) -> None:
    """An impossible namespace raises InvalidNameError where it is named; as a body's own it is refused too."""
    rest = FakeRest()
    with pytest.raises(InvalidNameError):
        resource(rest).namespace(namespace)
    if namespace:
        with pytest.raises(InvalidNameError):
            resource(rest).create({"metadata": {"name": "web", "namespace": namespace}})
    assert rest.requests == []


@pytest.mark.parametrize("name", [None, 5, b"web", ["web"]])
def test_a_name_must_be_text(name: Any) -> None:
    """A name that is no text is refused by its own exception, not by an AttributeError deep inside."""
    rest = FakeRest()
    with pytest.raises(InvalidNameError):
        resource(rest).get(name)
    assert rest.requests == []


@pytest.mark.parametrize("part", ["group", "version", "resource"])
@pytest.mark.parametrize("value", ["..", "../../evil", "a%2fb"])
def test_an_exact_resource_cannot_escape_its_path(part: str, value: str) -> None:
    """Group, version and resource are segments too; client-go lets "../../evil" through here."""
    parts = {"group": "apps", "version": "v1", "resource": "deployments", part: value}
    with pytest.raises(InvalidNameError):
        exact(FakeRest(), GroupVersionResource(**parts))


def test_a_subresource_in_the_resources_name_is_explained() -> None:
    """`deployments/scale` as a resource says how to ask for a subresource."""
    with pytest.raises(InvalidRequestError, match=r"subresource\('scale'\)"):
        exact(FakeRest(), GroupVersionResource("apps", "v1", "deployments/scale"))


def test_a_namespace_on_a_cluster_scoped_resource_is_refused() -> None:
    """Nodes are in no namespace: the message says so and names the way out."""
    rest = FakeRest()
    with pytest.raises(NamespaceNotAllowedError, match=r"nodes \(v1\) is cluster-scoped.*'prod'"):
        resource(rest, NODES).namespace("prod").get("n1")
    assert rest.requests == []


@pytest.mark.parametrize(
    "call",
    [
        lambda r: r.get("web"),
        lambda r: r.delete("web"),
        lambda r: r.patch("web", {}),
        lambda r: r.update({"metadata": {"name": "web"}}),
        lambda r: r.create({"metadata": {"name": "web"}}),
        lambda r: r.apply({"metadata": {"name": "web"}}, field_manager="me"),
        lambda r: r.delete_collection(),
        lambda r: r.subresource("scale").get("web"),
    ],
)
def test_one_namespace_is_needed_for_one_object(call: Callable[[Resource], Any]) -> None:
    """Across all namespaces nothing single can be meant, and the server deletes collections per namespace."""
    rest = FakeRest()
    with pytest.raises(NamespaceRequiredError):
        call(resource(rest).all_namespaces())
    assert rest.requests == []


def test_the_namespace_of_the_body_is_used_where_none_was_named() -> None:
    """As with kubectl, a manifest's namespace wins over the context's, and does for all_namespaces() too."""
    rest = FakeRest()
    body = {"metadata": {"name": "web", "namespace": "dev"}}
    resource(rest).create(body)
    resource(rest).all_namespaces().update(body)
    resource(rest).apply(body, field_manager="me")
    assert [target.split("?")[0] for target in rest.targets] == [
        "/apis/apps/v1/namespaces/dev/deployments",
        "/apis/apps/v1/namespaces/dev/deployments/web",
        "/apis/apps/v1/namespaces/dev/deployments/web",
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"metadata": {"name": "web", "namespace": "dev"}}, "namespace 'prod'.*'dev'"),
        ({"apiVersion": "apps/v1beta1", "metadata": {"name": "web"}}, "'apps/v1'.*'apps/v1beta1'"),
        ({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}}, "'Deployment'.*'StatefulSet'"),
        ({"metadata": ["name"]}, "metadata must be a dict"),
        ({"metadata": {"name": "web", "namespace": 5}}, "metadata.namespace must be a text"),
    ],
)
def test_a_body_that_contradicts_the_call_is_refused(body: dict[str, Any], message: str) -> None:
    """Namespace, version and kind of a body must be the call's, for each verb that sends an object."""
    rest = FakeRest()
    prod = resource(rest).namespace("prod")
    for call in (prod.create, prod.update, prod.update_status, lambda obj: prod.apply(obj, field_manager="me")):
        with pytest.raises(BodyMismatchError, match=message):
            call(body)
    assert rest.requests == []


def test_a_patch_may_not_rename_or_move() -> None:
    """A patch whose metadata names another object or namespace contradicts the call."""
    rest = FakeRest()
    prod = resource(rest).namespace("prod")
    with pytest.raises(BodyMismatchError, match=r"'web'.*'other'"):
        prod.patch("web", {"metadata": {"name": "other"}})
    with pytest.raises(BodyMismatchError, match="'dev'"):
        prod.patch("web", {"metadata": {"namespace": "dev"}})
    assert rest.requests == []


def test_a_namespace_in_a_cluster_scoped_body_is_refused() -> None:
    """A node with metadata.namespace is a contradiction, though the server would silently drop it."""
    rest = FakeRest()
    with pytest.raises(BodyMismatchError, match="cluster-scoped"):
        resource(rest, NODES).create({"metadata": {"name": "n1", "namespace": "prod"}})
    assert rest.requests == []


def test_unusual_names_are_encoded() -> None:
    """A colon stays, as in "system:admin"; anything a path cannot hold is percent-encoded once."""
    rest = FakeRest()
    roles = exact(rest, GroupVersionResource("rbac.authorization.k8s.io", "v1", "clusterroles"))
    roles.get("system:node")
    roles.get("a b?c#d")
    assert [target.rsplit("/", 1)[1] for target in rest.targets] == ["system:node", "a%20b%3Fc%23d"]


def test_reprs_are_short_and_say_what_and_where() -> None:
    """A resource shows its name and scope."""
    deployments = resource(FakeRest())
    assert repr(deployments) == "<Resource deployments (apps/v1)>"
    assert repr(deployments.namespace("prod")) == "<Resource deployments (apps/v1) in prod>"
    assert repr(deployments.all_namespaces().subresource("scale")) == (
        "<Subresource scale of <Resource deployments (apps/v1) in all namespaces>>"
    )


def test_paths_for_requests_built_elsewhere() -> None:
    """`path` gives the validated path of a collection, an object, or its subresource."""
    prod = resource(FakeRest(), DEPLOYMENTS).namespace("prod")
    assert prod.path() == "/apis/apps/v1/namespaces/prod/deployments"
    assert prod.path("web") == "/apis/apps/v1/namespaces/prod/deployments/web"
    assert prod.path("web", subresource="scale") == "/apis/apps/v1/namespaces/prod/deployments/web/scale"
    with pytest.raises(InvalidNameError):
        prod.path("web", subresource="../x")
    with pytest.raises(InvalidRequestError):
        prod.path(subresource="scale")
