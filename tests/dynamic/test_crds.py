"""Definitions: read as values, and waited for by condition and by discovery."""

from __future__ import annotations

from typing import Any

import pytest

from dynamic.recorded import Recorded
from dynkube.dynamic import CRD, CRDVersion
from dynkube.errors import BodyMismatchError, InvalidNameError, WaitFailedError, WaitTimeoutError
from dynkube.names import GroupVersionResource

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "shirts.stable.example.com"


def definition(*conditions: str, **changes: Any) -> dict[str, Any]:
    """Return a definition of shirts in v1 and v1beta1, with these conditions true."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME, "resourceVersion": "5", "uid": "u"},
        "spec": {
            "group": "stable.example.com",
            "scope": "Namespaced",
            "names": {"plural": "shirts", "kind": "Shirt"},
            "versions": [
                {"name": "v1", "served": True, "storage": True},
                {"name": "v1beta1", "served": True, "storage": False, "deprecated": True},
                {"name": "v1alpha1", "served": False, "storage": False},
            ],
            **changes,
        },
        "status": {
            "storedVersions": ["v1beta1", "v1"],
            "conditions": [{"type": each, "status": "True"} for each in conditions],
        },
    }


def groups(*versions: str) -> dict[str, Any]:
    """Return aggregated discovery of the group of shirts in these versions."""
    shirts = {
        "resource": "shirts",
        "responseKind": {"group": "", "version": "", "kind": "Shirt"},
        "scope": "Namespaced",
        "singularResource": "shirt",
        "verbs": ["get", "list"],
    }
    listed = [{"version": version, "resources": [shirts], "freshness": "Current"} for version in versions]
    items = [{"metadata": {"name": "stable.example.com"}, "versions": listed}] if versions else []
    return {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items}


class Growing(Recorded):
    """A server whose discovery lists more each time it is asked, and which has one definition."""

    def __init__(self, obj: dict[str, Any], *surfaces: dict[str, Any]) -> None:
        super().__init__()
        self.surfaces = list(surfaces)
        self.listed = {"kind": "CustomResourceDefinitionList", "metadata": {"resourceVersion": "5"}, "items": [obj]}

    def _find(self, request: Any) -> tuple[int, dict[str, str], Any]:
        if request.target == "/apis" and self.surfaces:
            surface = self.surfaces.pop(0) if len(self.surfaces) > 1 else self.surfaces[0]
            kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
            return 200, {"Content-Type": kind}, surface
        if request.target.startswith(f"{PATH}?fieldSelector=metadata.name%3D{NAME}"):
            return 200, {"Content-Type": "application/json"}, self.listed
        return super()._find(request)


def test_a_definition_as_a_value() -> None:
    """Names, scope, versions and what is stored are read from spec and status."""
    crd = CRD.of(definition("Established"))
    assert (crd.name, crd.group, crd.kind, crd.plural, crd.namespaced) == (
        NAME,
        "stable.example.com",
        "Shirt",
        "shirts",
        True,
    )
    assert crd.versions[1] == CRDVersion("v1beta1", served=True, storage=False, deprecated=True)
    assert crd.served_versions == ("v1", "v1beta1")
    assert crd.storage_version == "v1"
    assert crd.stored_versions == ("v1beta1", "v1")
    assert crd.established
    assert not CRD.of(definition("NamesAccepted")).established


def test_the_resource_a_definition_defines() -> None:
    """It is in the storage version; in the first served one, if that is not served; in any asked for."""
    crd = CRD.of(definition())
    assert crd.resource() == GroupVersionResource("stable.example.com", "v1", "shirts")
    assert crd.resource("v1beta1").version == "v1beta1"
    retired = CRD.of(
        definition(versions=[{"name": "v1", "storage": True}, {"name": "v2", "served": True, "storage": False}])
    )
    assert retired.resource().version == "v2"


@pytest.mark.parametrize("obj", [{}, {"kind": "ConfigMap", "metadata": {"name": "x"}}])
def test_something_else_is_no_definition(obj: dict[str, Any]) -> None:
    """Any other kind is refused by name."""
    with pytest.raises(BodyMismatchError, match="CustomResourceDefinition"):
        CRD.of(obj)


def test_a_definition_without_a_name() -> None:
    """The message says how definitions are named."""
    with pytest.raises(InvalidNameError, match="plural"):
        CRD.of({"kind": "CustomResourceDefinition"})


def test_waiting_goes_on_until_discovery_lists_every_version() -> None:
    """The condition comes first; discovery follows, and only then is the resource returned."""
    server = Growing(definition("Established"), groups(), groups("v1"), groups("v1", "v1beta1"))
    shirts = server.client().crds().wait_established(NAME, timeout=30)
    assert shirts.gvr == GroupVersionResource("stable.example.com", "v1", "shirts")
    assert shirts.namespace("x").path("blue") == "/apis/stable.example.com/v1/namespaces/x/shirts/blue"


def test_a_manifest_does_for_a_name() -> None:
    """wait_established takes the definition itself as well."""
    server = Growing(definition("Established"), groups("v1", "v1beta1"))
    assert server.client().crds().wait_established(definition(), timeout=30).gvr.resource == "shirts"


def test_waiting_has_an_end() -> None:
    """A version that discovery never lists is named in the WaitTimeoutError, which carries the definition."""
    server = Growing(definition("Established"), groups("v1"))
    with pytest.raises(WaitTimeoutError, match="discovery does not list v1beta1") as caught:
        server.client().crds().wait_established(NAME, timeout=0.2)
    assert caught.value.last_object is not None
    assert caught.value.last_object["metadata"]["name"] == NAME


def test_a_clash_of_names_is_not_waited_for() -> None:
    """Names that another definition has are refused for good: WaitFailedError says so at once."""
    clash = definition()
    clash["status"]["conditions"] = [{"type": "NamesAccepted", "status": "False", "reason": "PluralConflict"}]
    with pytest.raises(WaitFailedError, match="NamesAccepted"):
        Growing(clash, groups()).client().crds().wait_established(NAME, timeout=30)


def test_definitions_are_listed_as_values() -> None:
    """list() reads every page; items of a list do not say their kind, and need not."""
    server = Recorded()
    listed = {"kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1", "metadata": {}}
    item = {key: value for key, value in definition().items() if key not in ("apiVersion", "kind")}
    server.answer("GET", f"{PATH}?limit=500", {**listed, "items": [item]})
    server.answer("GET", f"{PATH}/{NAME}", definition())
    crds = server.client().crds()
    assert crds.list() == (CRD.of(definition()),)
    assert crds.get(NAME) == CRD.of(definition())
