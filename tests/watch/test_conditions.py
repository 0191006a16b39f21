"""Tests of the conditions a wait can have."""

from __future__ import annotations

from typing import Any

import pytest

from dynkube.errors import InvalidRequestError
from dynkube.watch import all_of, any_of, condition, created, deleted, jsonpath, not_, parse_condition
from dynkube.watch.conditions import describe


def _obj(generation: int | None = None, **status: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "web", "uid": "u1"}
    if generation is not None:
        metadata["generation"] = generation
    return {"kind": "Thing", "metadata": metadata, "status": status}


def _ready(status: Any = "True", **fields: Any) -> dict[str, Any]:
    return {"type": "Ready", "status": status, **fields}


def test_created_and_deleted() -> None:
    """They are each other's opposite for an object without a known uid."""
    assert created()(_obj())
    assert not created()(None)
    assert deleted()(None)
    assert not deleted()(_obj())


def test_deleted_knows_the_object_by_its_uid() -> None:
    """Another object of the same name means that the one asked about is gone."""
    assert deleted("other")(_obj())
    assert not deleted("u1")(_obj())
    assert deleted("u1")(None)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (_obj(conditions=[_ready()]), True),
        (_obj(conditions=[_ready("true")]), True),
        (_obj(conditions=[{"type": "ready", "status": "True"}]), True),
        (_obj(conditions=[_ready("False")]), False),
        (_obj(conditions=[_ready("Unknown")]), False),
        (_obj(conditions=[{"type": "Other", "status": "True"}]), False),
        (_obj(conditions=[{"type": "Other", "status": "True"}, _ready()]), True),
        (_obj(conditions=[]), False),
        (_obj(conditions=None), False),
        (_obj(conditions=["Ready"]), False),
        (_obj(), False),
        ({"metadata": {"name": "web"}}, False),
        ({"metadata": {"name": "web"}, "status": "Ready"}, False),
        (None, False),
    ],
)
def test_condition(obj: dict[str, Any] | None, *, expected: bool) -> None:
    """The condition of the type must be there with the status, whatever else the object looks like."""
    assert condition("Ready")(obj) is expected


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (_obj(2, conditions=[_ready(observedGeneration=2)]), True),
        (_obj(2, conditions=[_ready(observedGeneration=1)]), False),
        (_obj(2, conditions=[_ready()], observedGeneration=1), False),
        (_obj(2, conditions=[_ready()], observedGeneration=2), True),
        (_obj(2, conditions=[_ready(observedGeneration=2)], observedGeneration=1), True),
        (_obj(None, conditions=[_ready(observedGeneration=1)]), True),
    ],
)
def test_condition_of_an_older_generation_does_not_count(obj: dict[str, Any], *, expected: bool) -> None:
    """What a controller said before it saw the present spec is not the present state."""
    assert condition("Ready")(obj) is expected


def test_condition_with_another_status() -> None:
    """The status can be asked for, in any letter case."""
    assert condition("Ready", "false")(_obj(conditions=[_ready("False")]))


@pytest.mark.parametrize(
    ("path", "value", "obj", "expected"),
    [
        ("{.status.phase}", "Running", _obj(phase="Running"), True),
        ("{.status.phase}", "Running", _obj(phase="Pending"), False),
        ("{.status.phase}", "Running", _obj(), False),
        ("{.status.phase}", "Running", None, False),
        ("{.status.replicas}", 3, _obj(replicas=3), True),
        ("{.status.replicas}", "3", _obj(replicas=3), True),
        ("{.status.ready}", "true", _obj(ready=True), True),
        ("{.status.ready}", True, _obj(ready=True), True),
        ("{.status.list[*]}", "a", _obj(list=["a", "a"]), False),
        ("{.status.list}", "[1]", _obj(list=[1]), False),
        ("{.status.phase}", None, _obj(phase="x"), True),
        ("{.status.phase}", None, _obj(phase=""), False),
        ("{.status.phase}", None, _obj(), False),
        ("{.status.count}", None, _obj(count=0), True),
        ("{.status.flag}", None, _obj(flag=False), True),
        ("{.status.list}", None, _obj(list=[]), False),
        ("{.status.phase}", None, None, False),
    ],
)
def test_jsonpath(path: str, value: Any, obj: dict[str, Any] | None, *, expected: bool) -> None:
    """Values are compared as kubectl prints them; without a value any that is not empty will do."""
    assert jsonpath(path, value)(obj) is expected


def test_jsonpath_is_checked_when_it_is_made() -> None:
    """A path that cannot be parsed is refused before anything is sent."""
    with pytest.raises(InvalidRequestError):
        jsonpath("{.a[", "x")


def test_combinations() -> None:
    """And, or and not work on named conditions and on plain functions, as functions and as operators."""
    web = _obj(phase="Running", conditions=[_ready()])

    def has_uid(obj: dict[str, Any] | None) -> bool:
        return obj is not None and "uid" in obj["metadata"]

    ready, running = condition("Ready"), jsonpath("{.status.phase}", "Running")
    assert all_of(ready, running, has_uid)(web)
    assert not all_of(ready, not_(running))(web)
    assert any_of(deleted(), running)(web)
    assert not any_of(deleted(), ~running)(web)
    assert (ready & running)(web)
    assert (deleted() | has_uid)(web)
    assert (~deleted())(web)


@pytest.mark.parametrize("combine", [all_of, any_of])
def test_combining_nothing_is_refused(combine: Any) -> None:
    """No condition at all is no condition."""
    with pytest.raises(InvalidRequestError):
        combine()


def test_conditions_say_what_they_are() -> None:
    """The text is what a timeout names."""

    def custom(obj: dict[str, Any] | None) -> bool:
        return obj is not None

    both = all_of(condition("Ready"), any_of(jsonpath(".status.n", 1), not_(custom)))
    assert str(both) == "condition Ready=True and (jsonpath .status.n=1 or not custom)"
    assert repr(created()) == "<condition created>"
    assert str(deleted("u1")) == "deleted (uid u1)"
    assert describe(custom) == "custom"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("create", "created"),
        ("delete", "deleted"),
        ("condition=Ready", "condition Ready=True"),
        ("condition=Ready=False", "condition Ready=False"),
        ("jsonpath={.status.phase}=Running", "jsonpath {.status.phase}=Running"),
        ("jsonpath='{.status.phase}'='Running'", "jsonpath {.status.phase}=Running"),
        ("jsonpath={.status.phase}", "jsonpath {.status.phase}"),
        (
            "jsonpath={.status.conditions[?(@.type=='Ready')].status}=True",
            "jsonpath {.status.conditions[?(@.type=='Ready')].status}=True",
        ),
        ("jsonpath={.data['a=b']}=c=d", "jsonpath {.data['a=b']}=c=d"),
    ],
)
def test_reads_what_kubectl_reads(text: str, expected: str) -> None:
    """The forms of `kubectl wait --for` are understood."""
    assert str(parse_condition(text)) == expected


@pytest.mark.parametrize(
    "text", ["", "ready", "create=1", "condition=", "jsonpath=", "jsonpath={.a}=", "jsonpath={.a[}=1"]
)
def test_refuses_what_kubectl_does_not_read(text: str) -> None:
    """Anything else is refused, naming the forms there are."""
    with pytest.raises(InvalidRequestError):
        parse_condition(text)


# The ready-made conditions of kube-rs, as the conditions here say them


@pytest.mark.parametrize(
    ("wished", "holds", "misses"),
    [
        (
            condition("Established"),
            _obj(conditions=[{"type": "Established", "status": "True"}]),
            _obj(conditions=[{"type": "Established", "status": "False"}]),
        ),
        (jsonpath("{.status.phase}", "Running"), _obj(phase="Running"), _obj(phase="Pending")),
        (condition("Complete"), _obj(conditions=[{"type": "Complete", "status": "True"}]), _obj(active=1)),
        (
            condition("Progressing"),
            _obj(2, conditions=[{"type": "Progressing", "status": "True"}], observedGeneration=2),
            _obj(3, conditions=[{"type": "Progressing", "status": "True"}], observedGeneration=2),
        ),
        (
            jsonpath("{.status.conditions[?(@.type=='Progressing')].reason}", "NewReplicaSetAvailable"),
            _obj(conditions=[{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]),
            _obj(conditions=[{"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]),
        ),
        (
            any_of(
                jsonpath("{.spec.type}", "ClusterIP"),
                jsonpath("{.status.loadBalancer.ingress[*]['ip','hostname']}"),
            ),
            {"metadata": {"name": "x"}, "spec": {"type": "ClusterIP"}},
            {"metadata": {"name": "x"}, "spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {}}},
        ),
        (
            jsonpath("{.status.loadBalancer.ingress[0]['ip','hostname']}"),
            _obj(loadBalancer={"ingress": [{"hostname": "example.org"}]}),
            _obj(loadBalancer={}),
        ),
        (
            jsonpath("{.status.loadBalancer.ingress[0]['ip','hostname']}"),
            _obj(loadBalancer={"ingress": [{"ip": "10.0.0.1"}]}),
            _obj(loadBalancer={"ingress": []}),
        ),
    ],
    ids=[
        "CRD established",
        "pod running",
        "job completed",
        "deployment rolled out",
        "new replica set",
        "no load balancer",
        "host name",
        "address",
    ],
)
def test_common_waits(wished: Any, holds: dict[str, Any], misses: dict[str, Any]) -> None:
    """What people wait for most can be said, and an absent object never fulfils it."""
    assert wished(holds)
    assert not wished(misses)
    assert not wished(None)
