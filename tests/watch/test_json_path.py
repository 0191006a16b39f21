"""Tests of kubectl's JSONPath."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidRequestError
from dynkube.watch import JSONPath
from dynkube.watch.json_path import printed

POD: dict[str, Any] = {
    "metadata": {"name": "web", "labels": {"app.kubernetes.io/name": "web", "tier": "front"}},
    "spec": {
        "containers": [
            {"name": "app", "image": "app:1", "ports": [80, 443], "weight": 2},
            {"name": "sidecar", "image": "proxy:2", "ports": [], "weight": 10},
            {"name": "init", "image": "app:1"},
        ]
    },
    "status": {
        "phase": "Running",
        "ready": True,
        "restarts": 0,
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}],
    },
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("{.status.phase}", ["Running"]),
        (".status.phase", ["Running"]),
        ("status.phase", ["Running"]),
        ("{$.status.phase}", ["Running"]),
        ("{ .status.phase }", ["Running"]),
        ("{['status']['phase']}", ["Running"]),
        ("{.metadata.labels.app\\.kubernetes\\.io/name}", ["web"]),
        ("{.metadata.labels['app.kubernetes.io/name']}", ["web"]),
        ('{.metadata.labels["tier"]}', ["front"]),
        ("{.metadata.labels['tier','app.kubernetes.io/name']}", ["front", "web"]),
        ("{.metadata.labels.*}", ["web", "front"]),
        ("{.spec.containers[0].name}", ["app"]),
        ("{.spec.containers[-1].name}", ["init"]),
        ("{.spec.containers[0,2].name}", ["app", "init"]),
        ("{.spec.containers[*].name}", ["app", "sidecar", "init"]),
        ("{.spec.containers[0:2].name}", ["app", "sidecar"]),
        ("{.spec.containers[1:].name}", ["sidecar", "init"]),
        ("{.spec.containers[:-1].name}", ["app", "sidecar"]),
        ("{.spec.containers[0:3:2].name}", ["app", "init"]),
        ("{.spec.containers[9].name}", []),
        ("{.spec.containers[-9].name}", []),
        ("{.spec.containers[0].ports[*]}", [80, 443]),
        ("{.spec.containers.name}", []),
        ("{..name}", ["web", "app", "sidecar", "init"]),
        ("{..ports[0]}", [80]),
        ("{.spec..image}", ["app:1", "proxy:2", "app:1"]),
        ("{.nothing.here}", []),
        ("{.status.phase.deeper}", []),
        ('{.status.conditions[?(@.type=="Ready")].status}', ["True"]),
        ("{.status.conditions[?(@.type=='Initialized')].status}", ["False"]),
        ('{.status.conditions[?(@.type!="Ready")].type}', ["Initialized"]),
        ("{.spec.containers[?(@.weight>2)].name}", ["sidecar"]),
        ("{.spec.containers[?(@.weight>=2)].name}", ["app", "sidecar"]),
        ("{.spec.containers[?(@.weight<10)].name}", ["app"]),
        ("{.spec.containers[?( @.weight <= 2 )].name}", ["app"]),
        ("{.spec.containers[?(@.weight==2.0)].name}", ["app"]),
        ("{.spec.containers[?(@.weight)].name}", ["app", "sidecar"]),
        ("{.spec.containers[?(@.ports[0]==80)].name}", ["app"]),
        ("{.spec.containers[?(2==@.weight)].name}", ["app"]),
        ("{.status.ready}", [True]),
        ("{.status.restarts}", [0]),
    ],
)
def test_finds(path: str, expected: list[Any]) -> None:
    """Each form of a path leads to the values kubectl prints for it."""
    assert JSONPath.parse(path).find(POD) == expected


@pytest.mark.parametrize(
    "path",
    [
        *("", "{}", "$", "{.a", ".a}", "{.}", "{.a.}"),
        *("{.a[}", "{.a[]}", "{.a[1}", "{.a['x}", "{.a[x]}", "{.a[1:2:0]}", "{.a[1:2:-1]}"),
        *("{.a[?]}", "{.a[?(@.b==)]}", "{.a[?(@.b==1]}", "{.a[?(b==1)]}", "{.a b}", "{.a{.b}}", "{...a}"),
    ],
)
def test_refuses_what_is_no_path(path: str) -> None:
    """A path that cannot be understood is refused, naming it, before anything is sent."""
    with pytest.raises(InvalidRequestError, match="JSONPath"):
        JSONPath.parse(path)


def test_true_is_not_one() -> None:
    """JSON's booleans and numbers are different things, in Python's equality they are not."""
    obj = {"items": [{"v": True}, {"v": 1}, {"v": "1"}]}
    assert JSONPath.parse("{.items[?(@.v==1)].v}").find(obj) == [1]
    assert JSONPath.parse("{.items[?(@.v==true)].v}").find(obj) == [True]
    assert JSONPath.parse("{.items[?(@.v==false)].v}").find(obj) == []
    assert JSONPath.parse("{.items[?(@.v>0)].v}").find(obj) == [1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        ({"b": {"d": 1, "c": []}, "a": [1]}, '{"a":[1],"b":{"c":[],"d":1}}'),
    ],
)
def test_prints_as_kubectl_does(value: Any, text: str) -> None:
    """Strings are bare, everything else is compact JSON, its keys sorted."""
    assert printed(value) == text


def test_says_what_it_was_parsed_from() -> None:
    """`str()` is the text as given."""
    assert str(JSONPath.parse("status.phase")) == "status.phase"


@given(st.dictionaries(st.text(min_size=1), st.integers(), min_size=1))
def test_quoted_fields_reach_every_key(obj: dict[str, int]) -> None:
    """Whatever a key contains, its quoted form finds it and nothing else."""
    for key, value in obj.items():
        quoted = key.replace("\\", "\\\\").replace("'", "\\'")
        assert JSONPath.parse(f"{{['{quoted}']}}").find(obj) == [value]


@given(st.text(max_size=30))
def test_parsing_never_fails_otherwise(text: str) -> None:
    """Any text is either a path or refused."""
    with suppress(InvalidRequestError):
        JSONPath.parse(text).find(POD)
