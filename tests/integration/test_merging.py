"""What server-side apply makes of what several managers apply, in the corners: empty values, order, changed types.

Found by applying at random on a kube-apiserver 1.36 and on the embedded server, and comparing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import Conflict, Invalid
from integration.objects import config_map, deployment, pod

if TYPE_CHECKING:
    from dynkube.dynamic import DynamicClient, Resource
    from dynkube.objects import JSONObject


def apply(widgets: Resource, manager: str, *, force: bool = False, **spec: Any) -> JSONObject:
    """Apply a widget called a with this spec, and return its spec."""
    stored = widgets.apply({"metadata": {"name": "a"}, "spec": spec}, field_manager=manager, force=force)
    found: JSONObject = stored["spec"]
    return found


def owned(obj: JSONObject, manager: str) -> Any:
    """Return the fields a manager applied, None if nothing."""
    entries = obj["metadata"]["managedFields"]
    return next(
        (each["fieldsV1"] for each in entries if (each["manager"], each["operation"]) == (manager, "Apply")), None
    )


def parts(*names: str) -> list[JSONObject]:
    """Return parts of these names."""
    return [{"name": name} for name in names]


def test_a_map_that_becomes_empty_stays(widgets: Resource) -> None:
    """What is applied as empty is empty afterwards, and not gone."""
    apply(widgets, "one", tags={"a": "1", "b": "2"})
    assert apply(widgets, "one", tags={})["tags"] == {}
    assert "tags" not in apply(widgets, "one")


def test_a_list_whose_items_go_goes(widgets: Resource) -> None:
    """Also where another manager has a part of an item, which is gone with it."""
    apply(widgets, "one", color="red", parts=[{"name": "a", "weight": 1}])
    widgets.patch("a", {"spec": {"parts": [{"name": "a", "weight": 2}]}}, field_manager="two")
    assert apply(widgets, "one", color="red") == {"color": "red"}


def test_what_held_nothing_else_goes_with_a_list(widgets: Resource) -> None:
    """A struct of which only an emptied list and defaults are left is gone, although it was applied as empty."""
    apply(widgets, "one", parts=[{"name": "a", "weight": 1}])
    widgets.patch("a", {"spec": {"parts": [{"name": "a", "weight": 2}]}}, field_manager="two")
    stored = widgets.apply({"metadata": {"name": "a"}, "spec": {}}, field_manager="one")
    assert "spec" not in stored


@pytest.mark.parametrize(
    ("live", "applied", "merged"),
    [
        ("abc", "ba", "bca"),
        ("abc", "cb", "acb"),
        ("abc", "dba", "dbca"),
        ("abc", "db", "adbc"),
        ("ab", "bca", "bca"),
        ("abcd", "dxb", "acdxb"),
        ("", "ba", "ba"),
    ],
)
def test_the_order_of_items(widgets: Resource, live: str, applied: str, merged: str) -> None:
    """What is applied keeps its order, and what others have its place among it."""
    apply(widgets, "one", parts=parts(*live))
    found = apply(widgets, "two", parts=parts(*applied))
    assert "".join(part["name"] for part in found["parts"]) == merged


def test_keys_of_free_maps_are_owned(widgets: Resource) -> None:
    """Where no schema says what there is, a map is owned with what is in it."""
    apply(widgets, "one", notes={"a": {"b": {"c": 1}}})
    fields = owned(widgets.get("a"), "one")["f:spec"]["f:notes"]
    assert fields == {"f:a": {".": {}, "f:b": {".": {}, "f:c": {}}}}


def test_a_map_that_becomes_something_else(widgets: Resource) -> None:
    """Who updated what was in it owns nothing below it any more."""
    widgets.create({"metadata": {"name": "a"}, "spec": {"notes": {"a": {"b": 1}}}}, field_manager="two")
    apply(widgets, "one", force=True, notes={"a": [1, 2]})
    (left,) = [each for each in widgets.get("a")["metadata"]["managedFields"] if each["manager"] == "two"]
    assert left["fieldsV1"]["f:spec"]["f:notes"] == {}


def test_an_empty_map_is_a_claim(dyn: DynamicClient) -> None:
    """Two that apply it are in conflict, although it is not even stored; by force it is the last one's."""
    config_maps = dyn.resource("v1", "configmaps")
    first = config_maps.apply(config_map("a"), field_manager="one")
    assert "data" not in first
    with pytest.raises(Conflict) as caught:
        config_maps.apply(config_map("a"), field_manager="two")
    assert [cause["field"] for cause in caught.value.causes] == [".data"]
    after = config_maps.apply(config_map("a"), field_manager="two", force=True)
    assert (owned(after, "one"), owned(after, "two")) == (None, {"f:data": {}})


def service(**spec: Any) -> JSONObject:
    """Return a service called a."""
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": spec}


def test_ports_of_nodes_follow_the_name(dyn: DynamicClient) -> None:
    """A port that is changed but for its name keeps the port of the nodes it was given; another is given another."""
    services = dyn.resource("v1", "services")
    made = services.create(service(type="NodePort", ports=[{"name": "web", "port": 80}]))
    given = made["spec"]["ports"][0]["nodePort"]
    changed = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "web", "port": 81}]
    after = services.update({**made, "spec": {**made["spec"], "ports": changed}})
    ports = {port["name"]: port["nodePort"] for port in after["spec"]["ports"]}
    assert ports["web"] == given
    assert ports["dns"] != given


def test_what_a_service_needs_no_more_goes(dyn: DynamicClient) -> None:
    """Ports of the nodes with the type, also where a port went; the traffic policy with the last address outside."""
    services = dyn.resource("v1", "services")
    both = [{"name": "web", "port": 80}, {"name": "dns", "port": 53}]
    made = services.create(service(type="NodePort", ports=both))
    made["spec"].update(type="ClusterIP", ports=[made["spec"]["ports"][0]], externalIPs=["192.0.2.1"])
    outside = services.update(made)
    assert "nodePort" not in outside["spec"]["ports"][0]
    assert outside["spec"]["externalTrafficPolicy"] == "Cluster"
    del outside["spec"]["externalIPs"]
    assert "externalTrafficPolicy" not in services.update(outside)["spec"]


def test_the_second_source_of_a_volume_is_one_too_many(dyn: DynamicClient) -> None:
    """Which of two is the second is the server's order, not the manifest's."""
    volume = {"name": "v", "configMap": {"name": "a"}, "emptyDir": {}}
    manifest = {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "image": "i"}], "volumes": [volume]}}
    with pytest.raises(Invalid) as caught:
        dyn.resource("v1", "pods").create(manifest)
    assert [cause["field"] for cause in caught.value.causes] == ["spec.volumes[0].configMap"]


def test_only_pods_are_given_ports_of_the_host(dyn: DynamicClient) -> None:
    """A template that shares the node's network stays as it is: its pods are given theirs."""
    containers = [{"name": "c", "image": "example.com/none", "ports": [{"containerPort": 80}]}]
    manifest = deployment("a")
    manifest["spec"]["template"]["spec"] = {"hostNetwork": True, "containers": containers}
    made = dyn.resource("apps/v1", "deployments").create(manifest)
    assert "hostPort" not in made["spec"]["template"]["spec"]["containers"][0]["ports"][0]
    dyn.resource("v1", "serviceaccounts").create({"metadata": {"name": "runner"}})
    made = dyn.resource("v1", "pods").create(pod("a", hostNetwork=True, containers=containers))
    assert made["spec"]["containers"][0]["ports"][0]["hostPort"] == 80
