"""Sets of manifests: the order they are applied in, what is refused before anything is sent, and pruning."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynamic.recorded import Recorded
from dynkube.dynamic.kind_order import in_kind_order, rank
from dynkube.errors import BodyMismatchError, Conflict, InvalidRequestError, ManifestError, NoMatchError, NotFound
from dynkube.names import GroupKind
from dynkube.testing import APIServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dynkube.dynamic import DynamicClient

CRD: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shirts.stable.example.com"},
    "spec": {
        "group": "stable.example.com",
        "scope": "Namespaced",
        "names": {"plural": "shirts", "singular": "shirt", "kind": "Shirt"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


def obj(kind: str, name: str, namespace: str | None = None, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    """Return an object labelled app=shop."""
    metadata: dict[str, Any] = {"name": name, "labels": {"app": "shop"}}
    if namespace is not None:
        metadata["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


@pytest.fixture
def client() -> Iterator[DynamicClient]:
    """Return a client of a fresh embedded server."""
    with APIServer() as server, server.client() as made:
        yield made


def done(applied: Any) -> list[str]:
    """Return what became of each object as text."""
    return [str(each) for each in applied]


# -- order ----------------------------------------------------------------------------------------------------------


def test_kinds_come_in_the_order_they_need_each_other() -> None:
    """Definitions, namespaces, accounts, configuration, services, workloads, custom objects, webhooks."""
    kinds = [
        *("ValidatingWebhookConfiguration", "Shirt", "Ingress", "Deployment", "Service", "ConfigMap", "Role"),
        *("ServiceAccount", "Namespace", "CustomResourceDefinition"),
    ]
    ordered = [each["kind"] for each in in_kind_order([{"kind": kind} for kind in kinds])]
    assert ordered == [
        *("CustomResourceDefinition", "Namespace", "ServiceAccount", "Role", "ConfigMap", "Service", "Deployment"),
        *("Ingress", "Shirt", "ValidatingWebhookConfiguration"),
    ]


@given(st.lists(st.sampled_from(["Namespace", "ConfigMap", "Shirt", "Pod", "APIService", ""]), max_size=20))
def test_the_order_is_stable(kinds: list[str]) -> None:
    """Manifests of one kind stay in the order of the files."""
    ordered = in_kind_order([{"kind": kind, "n": n} for n, kind in enumerate(kinds)])
    assert [(rank(each["kind"]), each["n"]) for each in ordered] == sorted(
        (rank(kind), n) for n, kind in enumerate(kinds)
    )


# -- refused before anything is sent --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("manifests", "options", "error", "message"),
    [
        ([{"kind": "ConfigMap", "metadata": {"name": "x"}}], {}, BodyMismatchError, "apiVersion and kind"),
        ([obj("ConfigMap", "")], {}, InvalidRequestError, r"no metadata\.name"),
        ([{"apiVersion": "v1", "kind": "ConfigMap"}], {}, InvalidRequestError, r"no metadata\.name"),
        (["x"], {}, InvalidRequestError, "an object is a dict"),
        ([obj("ConfigMap", "x"), obj("ConfigMap", "x")], {}, ManifestError, "'x' is in the manifests twice"),
        ([obj("ConfigMap", "x")], {"prune": ""}, InvalidRequestError, "selects something"),
        ([obj("ConfigMap", "x")], {"prune": "app=other"}, InvalidRequestError, "does not have the labels 'app=other'"),
        ("a: b: c", {}, ManifestError, "line"),
    ],
)
def test_a_set_that_cannot_be_right_is_refused_whole(
    manifests: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """One wrong manifest, and none is sent: discovery is not even asked."""
    server = Recorded()
    with pytest.raises(error, match=message):
        server.client().apply_manifests(manifests, field_manager="me", **options)
    assert server.requests == []


def test_the_same_name_in_two_namespaces_is_no_duplicate(client: DynamicClient) -> None:
    """Objects are told apart by group, kind, namespace and name."""
    manifests = [obj("Namespace", "a"), obj("Namespace", "b"), obj("ConfigMap", "x", "a"), obj("ConfigMap", "x", "b")]
    assert done(client.apply_manifests(manifests, field_manager="me"))[2:] == ["ConfigMap/x created"] * 2


# -- applied --------------------------------------------------------------------------------------------------------


def test_a_folder_with_its_definitions_in_any_order(client: DynamicClient, tmp_path: Path) -> None:
    """Objects of a kind that the same folder defines are applied once it is served; a second time nothing changes."""
    (tmp_path / "a.yaml").write_text(
        "apiVersion: stable.example.com/v1\nkind: Shirt\nmetadata: {name: blue, namespace: shop}\nspec: {color: blue}\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {app: shop}}\n"
    )
    import json

    (tmp_path / "b.json").write_text(json.dumps(CRD))
    expected = ["CustomResourceDefinition/shirts.stable.example.com", "Namespace/shop", "Shirt/blue"]
    first = client.apply_manifests(tmp_path, field_manager="me")
    assert done(first) == [f"{each} created" for each in expected]
    assert first[2].object["spec"] == {"color": "blue"}
    assert done(client.apply_manifests(tmp_path, field_manager="me")) == [f"{each} unchanged" for each in expected]


def test_definitions_alone_are_waited_for(client: DynamicClient) -> None:
    """After a set of nothing but definitions their kinds can be used."""
    client.apply_manifests([CRD], field_manager="me")
    assert client.resource("shirts").list()["items"] == []


def test_what_changed_is_said(client: DynamicClient) -> None:
    """created, configured and unchanged are told apart."""
    first = obj("ConfigMap", "x", data={"k": "1"})
    assert done(client.apply_manifests([first], field_manager="me")) == ["ConfigMap/x created"]
    second = obj("ConfigMap", "x", data={"k": "2"})
    assert done(client.apply_manifests([second], field_manager="me")) == ["ConfigMap/x configured"]
    assert done(client.apply_manifests([second], field_manager="me")) == ["ConfigMap/x unchanged"]


def test_who_may_not_look_may_apply() -> None:
    """Applying takes the right to patch, not to get: what became of the object cannot be told then."""
    with APIServer() as server, server.client() as client:
        server.inject("error", method="GET", path="/api/v1/namespaces/default/configmaps/a", status=403)
        applied = client.apply_manifests([obj("ConfigMap", "a")], field_manager="me")
        assert done(applied) == ["ConfigMap/a applied"]


def test_a_dry_run_tells_what_would_change(client: DynamicClient) -> None:
    """A dry run leaves the resourceVersion as it is; what would change is called configured all the same."""
    client.apply_manifests([obj("ConfigMap", "kept"), obj("ConfigMap", "changed")], field_manager="me")
    wanted = [obj("ConfigMap", "kept"), {**obj("ConfigMap", "changed"), "data": {"k": "new"}}]
    outcomes = [each.outcome for each in client.apply_manifests(wanted, field_manager="me", dry_run=True)]
    assert outcomes == ["unchanged", "configured"]


def test_a_dry_run_changes_nothing(client: DynamicClient) -> None:
    """With dry_run the server says what would happen, and nothing is stored or pruned."""
    client.apply_manifests([obj("ConfigMap", "old")], field_manager="me")
    dry = client.apply_manifests([obj("ConfigMap", "new")], field_manager="me", dry_run=True, prune="app=shop")
    assert done(dry) == ["ConfigMap/new created", "ConfigMap/old pruned"]
    config_maps = client.resource("cm").namespace("default")
    assert config_maps.exists("old")
    assert not config_maps.exists("new")


def test_the_namespace_for_those_that_name_none(client: DynamicClient) -> None:
    """`namespace` is where objects go that have no namespace; one that has another is refused."""
    client.apply_manifests([obj("Namespace", "shop")], field_manager="me")
    client.apply_manifests([obj("ConfigMap", "x")], field_manager="me", namespace="shop")
    assert client.resource("cm").namespace("shop").exists("x")
    with pytest.raises(BodyMismatchError, match="'default', not in 'shop'"):
        client.apply_manifests([obj("ConfigMap", "y", "default")], field_manager="me", namespace="shop")


def test_a_namespace_on_a_cluster_scoped_object_is_left_out(
    client: DynamicClient, caplog: pytest.LogCaptureFixture
) -> None:
    """As kubectl does, and with a warning: charts put a namespace everywhere."""
    role = obj("ClusterRole", "reader", "default", "rbac.authorization.k8s.io/v1", rules=[])
    with caplog.at_level(logging.WARNING, "dynkube.dynamic"):
        assert done(client.apply_manifests([role], field_manager="me")) == ["ClusterRole/reader created"]
    assert "cluster-scoped" in caplog.text
    assert role["metadata"]["namespace"] == "default"


def test_a_conflict_is_raised_and_what_came_before_stays(client: DynamicClient) -> None:
    """Another manager's field raises Conflict; force takes it over."""
    client.apply_manifests([obj("ConfigMap", "b", data={"k": "1"})], field_manager="other")
    manifests = [obj("ConfigMap", "a"), obj("ConfigMap", "b", data={"k": "2"})]
    with pytest.raises(Conflict):
        client.apply_manifests(manifests, field_manager="me")
    assert client.resource("cm").exists("a")
    assert done(client.apply_manifests(manifests, field_manager="me", force=True))[1] == "ConfigMap/b configured"


def test_an_unknown_kind_is_raised(client: DynamicClient) -> None:
    """A kind that neither the server nor the set defines raises NoMatchError."""
    with pytest.raises(NoMatchError):
        client.apply_manifests([obj("Shirt", "x", api_version="nowhere.example.com/v1")], field_manager="me")


# -- pruned ---------------------------------------------------------------------------------------------------------


def test_what_left_the_set_is_pruned(client: DynamicClient) -> None:
    """Objects with the labels that this manager applied and that are gone from the set are deleted, and only those."""
    config_maps = client.resource("cm").namespace("default")
    client.apply_manifests(
        [obj("ConfigMap", "keep"), obj("ConfigMap", "drop"), obj("Secret", "drop")], field_manager="me"
    )
    client.apply_manifests([obj("ConfigMap", "foreign")], field_manager="other")
    config_maps.create(obj("ConfigMap", "by-hand"))
    pruned = client.apply_manifests([obj("ConfigMap", "keep")], field_manager="me", prune={"app": "shop"})
    assert sorted(done(pruned)) == ["ConfigMap/drop pruned", "ConfigMap/keep unchanged", "Secret/drop pruned"]
    left = {each["metadata"]["name"] for each in config_maps.iter(label_selector="app=shop")}
    assert left == {"keep", "foreign", "by-hand"}


def test_other_namespaces_are_not_pruned(client: DynamicClient) -> None:
    """Only the namespaces of the manifests are looked through."""
    client.apply_manifests([obj("Namespace", "a"), obj("ConfigMap", "x", "a")], field_manager="me")
    client.apply_manifests([obj("ConfigMap", "y", "default")], field_manager="me", prune="app=shop")
    assert client.resource("cm").namespace("a").exists("x")


def test_precious_kinds_are_pruned_only_by_name(client: DynamicClient) -> None:
    """A namespace that left the set stays, unless prune_kinds names its kind."""
    both = [obj("Namespace", "a"), obj("Namespace", "b")]
    client.apply_manifests(both, field_manager="me")
    client.apply_manifests(both[:1], field_manager="me", prune="app=shop")
    assert client.resource("namespaces").exists("b")
    pruned = client.apply_manifests(
        both[:1], field_manager="me", prune="app=shop", prune_kinds=[GroupKind("", "Namespace")]
    )
    assert done(pruned) == ["Namespace/a unchanged", "Namespace/b pruned"]


def test_custom_kinds_are_pruned_while_one_is_in_the_set(client: DynamicClient) -> None:
    """Kinds of the manifests themselves are looked through, custom ones too."""
    shirts = [obj("Shirt", name, "default", "stable.example.com/v1") for name in ("blue", "red")]
    labelled = {**CRD, "metadata": {**CRD["metadata"], "labels": {"app": "shop"}}}
    client.apply_manifests([labelled, *shirts], field_manager="me")
    pruned = client.apply_manifests([labelled, shirts[0]], field_manager="me", prune="app=shop")
    assert done(pruned)[-1] == "Shirt/red pruned"
    with pytest.raises(NotFound):
        client.resource("shirts").namespace("default").get("red")
