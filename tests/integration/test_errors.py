"""Refusals of the server are exceptions that say what, where and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dynkube.dynamic import DynamicClient
from dynkube.errors import (
    AlreadyExists,
    BadRequest,
    Conflict,
    Forbidden,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Unauthorized,
    UnsupportedVerbError,
)
from dynkube.names import GroupVersionResource
from integration.eventually import eventually
from integration.objects import config_map, deployment

if TYPE_CHECKING:
    from dynkube.dynamic import Resource
    from integration.conftest import Server


@pytest.fixture
def config_maps(dyn: DynamicClient) -> Resource:
    """Return the config maps of the test's namespace."""
    return dyn.resource("v1", "configmaps")


def test_not_found(config_maps: Resource, namespace: str) -> None:
    """The error has method, URL, code, reason and what was asked for."""
    with pytest.raises(NotFound) as caught:
        config_maps.get("none")
    error = caught.value
    assert (error.code, error.reason, error.method) == (404, "NotFound", "GET")
    assert error.url.endswith(f"/api/v1/namespaces/{namespace}/configmaps/none")
    assert (error.details["kind"], error.details["name"]) == ("configmaps", "none")
    assert 'configmaps "none" not found' in str(error)


def test_not_found_for_a_namespace(dyn: DynamicClient, namespace: str) -> None:
    """To create in a namespace that is not there is NotFound, and about the namespace."""
    with pytest.raises(NotFound, match="namespaces") as caught:
        dyn.resource("v1", "configmaps").namespace(f"{namespace}-none").create(config_map("a"))
    assert caught.value.details["kind"] == "namespaces"


def test_not_found_for_a_resource(dyn: DynamicClient, namespace: str) -> None:
    """An exact resource is not looked up; the server does not know it."""
    unknown = dyn.resource(GroupVersionResource("nobody.example.com", "v1", "nothings"))
    with pytest.raises(NotFound):
        unknown.namespace(namespace).list()


def test_already_exists(config_maps: Resource) -> None:
    """A name can be taken once."""
    config_maps.create(config_map("a"))
    with pytest.raises(AlreadyExists) as caught:
        config_maps.create(config_map("a"))
    assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")


def test_conflict(config_maps: Resource) -> None:
    """An update of an old version is refused, and told apart from a name that is taken."""
    old = config_maps.create(config_map("a"))
    config_maps.patch("a", {"data": {"k": "1"}})
    with pytest.raises(Conflict, match="the object has been modified") as caught:
        config_maps.update({**old, "data": {"k": "2"}})
    assert not isinstance(caught.value, AlreadyExists)


def test_invalid(dyn: DynamicClient) -> None:
    """One cause for each field that is wrong, each a line of the message."""
    wrong = deployment("web")
    wrong["spec"]["replicas"] = -1
    wrong["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    with pytest.raises(Invalid) as caught:
        dyn.resource("apps/v1", "deployments").create(wrong)
    fields = [cause["field"] for cause in caught.value.causes]
    assert fields == ["spec.replicas", "spec.template.metadata.labels"]
    lines = str(caught.value).splitlines()
    assert all(any(field in line for line in lines[1:]) for field in fields)


def test_invalid_by_the_schema_of_a_definition(widgets: Resource) -> None:
    """Custom kinds have causes, too."""
    with pytest.raises(Invalid) as caught:
        widgets.create({"metadata": {"name": "a"}, "spec": {"size": 11}})
    (cause,) = caught.value.causes
    assert cause["field"] == "spec.size"
    assert "should be less than or equal to 10" in cause["message"]


def test_a_field_that_cannot_be_changed(dyn: DynamicClient) -> None:
    """Immutable fields are Invalid."""
    deployments = dyn.resource("apps/v1", "deployments")
    deployments.create(deployment("web"))
    with pytest.raises(Invalid, match="field is immutable"):
        deployments.patch("web", {"spec": {"selector": {"matchLabels": {"app": "other"}}}})


def test_a_body_that_is_no_such_object(config_maps: Resource) -> None:
    """A value of another type is a BadRequest."""
    with pytest.raises(BadRequest, match="ConfigMap"):
        config_maps.create({"metadata": {"name": "a"}, "data": ["no", "mapping"]})


def test_forbidden(stranger: DynamicClient, namespace: str) -> None:
    """Who has no rights may read nothing; the error says who, what and where."""
    with pytest.raises(Forbidden) as caught:
        stranger.resource("v1", "configmaps").list()
    message = str(caught.value)
    assert caught.value.code == 403
    assert f'User "system:serviceaccount:{namespace}:stranger" cannot list resource "configmaps"' in message
    assert f'in the namespace "{namespace}"' in message


def test_a_role_gives_rights(dyn: DynamicClient, stranger: DynamicClient, namespace: str) -> None:
    """With a role and its binding the same user may do what they say, and nothing else."""
    dyn.resource("rbac.authorization.k8s.io/v1", "roles").create(
        {"metadata": {"name": "reader"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]}
    )
    dyn.resource("rbac.authorization.k8s.io/v1", "rolebindings").create(
        {
            "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "stranger", "namespace": namespace}],
        }
    )
    dyn.resource("v1", "configmaps").create(config_map("a", {"k": "1"}))
    theirs = stranger.resource("v1", "configmaps")
    # The server hears of a binding by a watch of its own: a moment later.
    review = {"spec": {"resourceAttributes": {"namespace": namespace, "verb": "get", "resource": "configmaps"}}}
    reviews = stranger.resource("authorization.k8s.io/v1", "selfsubjectaccessreviews")
    eventually(lambda: reviews.create(review)["status"]["allowed"], "the role gives rights")
    assert theirs.get("a")["data"] == {"k": "1"}
    with pytest.raises(Forbidden):
        theirs.delete("a")


def test_impersonation(apiserver: Server, namespace: str) -> None:
    """An administrator who acts as somebody else has the other's rights."""
    with (
        apiserver.client(namespace=namespace, impersonate="nobody@example.com") as dyn,
        pytest.raises(Forbidden, match=r'User "nobody@example\.com"'),
    ):
        dyn.resource("v1", "secrets").list()


def test_unauthorized(apiserver: Server, namespace: str) -> None:
    """A token nobody knows; an embedded server without a token file lets everybody in."""
    config = apiserver.config(namespace=namespace).anonymous().replace(bearer_token="unknown")
    with DynamicClient(config) as dyn:
        config_maps = dyn.resource(GroupVersionResource("", "v1", "configmaps")).namespace(namespace)
        if apiserver.config().authentication == "anonymous":
            assert config_maps.list()["kind"] == "ConfigMapList"
            return
        with pytest.raises(Unauthorized):
            config_maps.list()


def test_a_verb_that_is_not_served(dyn: DynamicClient, namespace: str) -> None:
    """Discovery knows it before anything is sent; an exact resource asks the server."""
    reviews = dyn.resource("authorization.k8s.io/v1", "selfsubjectaccessreviews")
    with pytest.raises(UnsupportedVerbError):
        reviews.list()
    with pytest.raises(MethodNotAllowed):
        dyn.resource(GroupVersionResource("authorization.k8s.io", "v1", "selfsubjectaccessreviews")).list()
