"""Tables and partial metadata."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.names import GroupVersionKind
from dynkube.testing.objects.schemas import SchemaSet
from dynkube.testing.printing import cells, durations, tables
from dynkube.testing.printing.columns import columns
from testing.recorded import steps
from testing.recorded import tables as recorded_tables

POD = GroupVersionKind("", "v1", "Pod")


def row(kind: str, obj: dict[str, Any], group: str = "") -> list[Any]:
    """Return the cells of one object by column name order."""
    gvk = GroupVersionKind(group, "v1", kind)
    found: list[Any] = tables.table([{"metadata": {"name": "x"}, **obj}], gvk=gvk)["rows"][0]["cells"]
    return found


def test_columns_are_those_recorded() -> None:
    """Every recorded table of a built-in kind has the columns the engine gives."""
    known = {
        json.dumps(columns(g, k)) for g, k in [("", "Pod"), ("apps", "Deployment"), ("batch", "Job"), ("", "Event")]
    }
    recorded = {json.dumps(body["columnDefinitions"], sort_keys=False) for _, body in recorded_tables()}
    assert {json.dumps(json.loads(one), sort_keys=True) for one in known} <= {
        json.dumps(json.loads(one), sort_keys=True) for one in recorded
    }


def test_rows_are_those_recorded() -> None:
    """The recorded objects of the tables transcript come out as the recorded rows, ages aside."""
    objects: dict[str, Any] = {}
    compared = 0
    for _, step in steps("tables"):
        body = step["response"].get("body")
        if step["request"]["method"] == "POST":
            objects[body["metadata"]["uid"]] = body
        elif isinstance(body, dict) and body.get("kind") == "Table":
            for found in body["rows"] or []:
                uid = ((found.get("object") or {}).get("metadata") or {}).get("uid")
                if uid not in objects:
                    continue
                obj = objects[uid]
                group, _, version = obj["apiVersion"].rpartition("/")
                gvk = GroupVersionKind(group, version, obj["kind"])
                table = tables.table([obj], gvk=gvk, include_object="None")
                ages = [n for n, c in enumerate(table["columnDefinitions"]) if c["name"] == "Age"]
                mine = [cell for n, cell in enumerate(table["rows"][0]["cells"]) if n not in ages]
                assert mine == [cell for n, cell in enumerate(found["cells"]) if n not in ages]
                compared += 1
    assert compared >= 10


def test_every_printed_kind_has_as_many_cells_as_columns() -> None:
    """A bare object of every built-in kind prints without failing, one cell a column."""
    for raw in SchemaSet.builtin().definitions.values():
        for kind in raw.get("x-kubernetes-group-version-kind", ()):
            gvk = GroupVersionKind(kind["group"], kind["version"], kind["kind"])
            table = tables.table([{"metadata": {"name": "x"}}], gvk=gvk)
            assert len(table["rows"][0]["cells"]) == len(table["columnDefinitions"]), gvk


def test_the_object_comes_as_asked() -> None:
    """IncludeObject decides between metadata, the whole object and nothing."""
    obj = {"metadata": {"name": "p"}, "spec": {"x": 1}}
    rows = {
        how: tables.table([obj], gvk=POD, include_object=how)["rows"][0]["object"]
        for how in ("Metadata", "Object", "None")
    }
    assert rows["Metadata"] == {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": {"name": "p"},
    }
    assert rows["Object"] == {"kind": "Pod", "apiVersion": "v1", **obj}
    assert rows["None"] is None


def test_kinds_without_a_printer_show_when_they_were_created() -> None:
    """The generic table has a creation time, and no rows at all when empty."""
    gvk = GroupVersionKind("rbac.authorization.k8s.io", "v1", "Role")
    assert tables.table([], gvk=gvk)["rows"] is None
    created = {"metadata": {"name": "r", "creationTimestamp": "2026-01-01T00:00:00Z"}}
    assert tables.table([created], gvk=gvk)["rows"][0]["cells"] == ["r", "2026-01-01T00:00:00Z"]
    assert tables.table([], gvk=POD)["rows"] == []


CRD_COLUMNS: list[dict[str, Any]] = [
    {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
    {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status', "priority": 1},
    {"name": "On", "type": "boolean", "jsonPath": ".spec.on", "description": "whether"},
    {"name": "When", "type": "date", "jsonPath": ".spec.when"},
    {"name": "Bad", "type": "string", "jsonPath": ".spec[["},
]


def test_custom_columns_follow_their_paths() -> None:
    """Cells come from JSON paths, typed as the column says, null where nothing is found."""
    gvk = GroupVersionKind("e.com", "v1", "W")
    now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    full = {
        "metadata": {"name": "a"},
        "spec": {"size": 3, "on": True, "when": now.isoformat()},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    table = tables.table([full, {"metadata": {"name": "b"}, "spec": {"size": "x"}}], gvk=gvk, crd_columns=CRD_COLUMNS)
    assert [r["cells"] for r in table["rows"]] == [
        ["a", 3, "True", True, "0s", None],
        ["b", None, None, None, None, None],
    ]
    assert table["columnDefinitions"][2]["description"].startswith(
        "Custom resource definition column (in JSONPath format): "
    )
    assert table["columnDefinitions"][3]["description"] == "whether"


def test_custom_kinds_without_columns_show_their_age() -> None:
    """No columns in the CRD means name and age."""
    table = tables.table([], gvk=GroupVersionKind("e.com", "v1", "W"), crd_columns=[])
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Age"]


def container(ready: bool, restarts: int = 0, **state: Any) -> dict[str, Any]:
    """Return a container status."""
    return {"name": "c", "ready": ready, "restartCount": restarts, "state": state}


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        ({"status": {"phase": "Pending"}}, ["0/1", "Pending", "0"]),
        (
            {"status": {"phase": "Running", "containerStatuses": [container(True, 2, running={})]}},
            ["1/1", "Running", "2"],
        ),
        (
            {
                "status": {
                    "phase": "Running",
                    "containerStatuses": [container(False, 1, waiting={"reason": "CrashLoopBackOff"})],
                }
            },
            ["0/1", "CrashLoopBackOff", "1"],
        ),
        (
            {"status": {"phase": "Failed", "containerStatuses": [container(False, 0, terminated={"exitCode": 3})]}},
            ["0/1", "ExitCode:3", "0"],
        ),
        (
            {"status": {"phase": "Running", "containerStatuses": [container(False, 0, terminated={"signal": 9})]}},
            ["0/1", "Signal:9", "0"],
        ),
        (
            {
                "status": {"phase": "Pending", "initContainerStatuses": [{"name": "i", "state": {"running": {}}}]},
                "init": 1,
            },
            ["0/1", "Init:0/1", "0"],
        ),
        ({"status": {"phase": "Running"}, "deleted": True}, ["0/1", "Terminating", "0"]),
        ({"status": {"phase": "Failed", "reason": "Evicted"}}, ["0/1", "Evicted", "0"]),
    ],
)
def test_a_pod_s_row_tells_how_it_is_doing(pod: dict[str, Any], expected: list[str]) -> None:
    """Ready, status and restarts are drawn from phase, container states and deletion."""
    obj: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}, "status": pod["status"]}
    if pod.get("init"):
        obj["spec"]["initContainers"] = [{"name": "i"}]
    if pod.get("deleted"):
        obj["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert cells.pod(obj)[1:4] == expected


def test_finished_pods_carry_a_row_condition() -> None:
    """Clients grey out rows of pods that are through."""
    found = tables.table([{"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}}], gvk=POD)["rows"][0]
    assert found["conditions"][0]["type"] == "Completed"


def test_other_rows() -> None:
    """Rows of some kinds, column by column."""
    spec = {
        "type": "LoadBalancer",
        "clusterIP": "10.0.0.5",
        "ports": [{"port": 80, "nodePort": 30001, "protocol": "TCP"}],
    }
    assert row("Service", {"spec": spec})[1:5] == ["LoadBalancer", "10.0.0.5", "<pending>", "80:30001/TCP"]
    node = {
        "metadata": {"name": "n", "labels": {"node-role.kubernetes.io/worker": ""}},
        "spec": {"unschedulable": True},
        "status": {"conditions": [{"type": "Ready", "status": "True"}], "nodeInfo": {"kubeletVersion": "v1"}},
    }
    assert row("Node", node)[:5] == ["n", "Ready,SchedulingDisabled", "worker", "<unknown>", "v1"]
    binding = {
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "namespace": "a", "name": "b"}],
    }
    assert row("RoleBinding", binding, "rbac.authorization.k8s.io")[-1] == "a/b"
    claim = {
        "spec": {"volumeName": "v"},
        "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"]},
    }
    assert row("PersistentVolumeClaim", claim)[1:5] == ["Bound", "v", "1Gi", "RWO"]
    job = {
        "spec": {"completions": 2},
        "status": {"succeeded": 1, "startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:01:05Z"},
    }
    assert row("Job", job, "batch")[1:4] == ["Running", "1/2", "65s"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (600, "10m"),
        (10_800, "3h"),
        (11_100, "3h5m"),
        (50_000, "13h"),
        (172_800, "2d"),
        (190_000, "2d4h"),
        (864_000, "10d"),
        (800 * 86_400, "2y70d"),
        (9 * 365 * 86_400, "9y"),
        (-5, "<invalid>"),
    ],
)
def test_ages_are_short(seconds: int, text: str) -> None:
    """At most two units, coarser the longer ago."""
    assert durations.human(seconds) == text


@given(
    st.dictionaries(
        st.sampled_from(["spec", "status", "metadata", "data", "rules"]), st.none() | st.just({}), max_size=4
    )
)
def test_no_object_breaks_a_row(obj: dict[str, Any]) -> None:
    """Empty and missing parts print as nothing, for every kind with a printer."""
    for key, printer in cells.BY_KIND.items():
        assert isinstance(printer({"kind": key, **obj}), list)


def test_columns_and_printers_belong_together() -> None:
    """Every kind with columns of its own has a printer, and the other way round."""
    for raw in SchemaSet.builtin().definitions.values():
        for kind in raw.get("x-kubernetes-group-version-kind", ()):
            gvk = GroupVersionKind(kind["group"], kind["version"], kind["kind"])
            names = [c["name"] for c in tables.table([], gvk=gvk)["columnDefinitions"]]
            assert (columns(gvk.group, gvk.kind) is None) == (names == ["Name", "Created At"]), gvk
