"""Tests of safe writes: conflicts, entries, owners and finalizers."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from watch.fakes import FakeClock

from controller.objects import MemoryObjects, refusal
from dynkube.controller import controller_of, entry, finalize, key_of_controller, retry_on_conflict, set_controller
from dynkube.controller.entry import Entry
from dynkube.errors import BodyMismatchError, Conflict, Forbidden, InvalidRequestError, NotFound


def _failing(*errors: Exception | None) -> Any:
    """Return a function that raises these in turn and returns the number of the call after them."""
    calls = list(errors)
    count = [0]

    def attempt() -> int:
        count[0] += 1
        if calls:
            error = calls.pop(0)
            if error is not None:
                raise error
        return count[0]

    return attempt


def _obj(name: str = "a", **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "ns"}, **fields}


# Conflicts


def test_success_is_returned_at_once() -> None:
    """Without a conflict there is one call and no pause."""
    clock = FakeClock()
    assert retry_on_conflict(_failing(), clock=clock) == 1
    assert clock.pauses == []


def test_conflicts_are_tried_again_after_a_short_pause() -> None:
    """Ten milliseconds each time, by default, up to a tenth more."""
    clock = FakeClock()
    conflicts = [refusal(409, "Conflict")] * 3
    assert retry_on_conflict(_failing(*conflicts), clock=clock, random=lambda: 0.5) == 4
    assert [round(pause, 5) for pause in clock.pauses] == [0.0105] * 3


def test_the_last_conflict_is_raised() -> None:
    """After that many calls the conflict is the caller's."""
    clock = FakeClock()
    conflicts = [refusal(409, "Conflict") for _ in range(9)]
    with pytest.raises(Conflict) as raised:
        retry_on_conflict(_failing(*conflicts), attempts=4, clock=clock)
    assert raised.value is conflicts[3]
    assert len(clock.pauses) == 3


def test_one_attempt_is_no_retry() -> None:
    """With a single attempt the first conflict is raised, without a pause."""
    clock = FakeClock()
    with pytest.raises(Conflict):
        retry_on_conflict(_failing(refusal(409, "Conflict")), attempts=1, clock=clock)
    assert clock.pauses == []


@pytest.mark.parametrize("error", [refusal(403, "Forbidden"), KeyboardInterrupt()])
def test_another_error_after_conflicts_ends_it(error: BaseException) -> None:
    """What comes of a later attempt is raised as it is."""
    clock = FakeClock()
    attempts = iter([refusal(409, "Conflict"), refusal(409, "Conflict"), error])

    def attempt() -> None:
        raise next(attempts)

    with pytest.raises(type(error)) as raised:
        retry_on_conflict(attempt, clock=clock)
    assert raised.value is error
    assert len(clock.pauses) == 2


def test_pauses_can_grow() -> None:
    """client-go's other policy: four calls, five times longer each pause."""
    clock = FakeClock()
    conflicts = [refusal(409, "Conflict")] * 3
    retry_on_conflict(_failing(*conflicts), attempts=4, factor=5.0, clock=clock, random=lambda: 0.0)
    assert [round(pause, 3) for pause in clock.pauses] == [0.01, 0.05, 0.25]


@pytest.mark.parametrize("error", [refusal(403, "Forbidden"), refusal(409, "AlreadyExists"), KeyError()])
def test_other_errors_end_it(error: Exception) -> None:
    """Only a conflict is worth another try; a name that is taken is none."""
    clock = FakeClock()
    with pytest.raises(type(error)):
        retry_on_conflict(_failing(error), clock=clock)
    assert clock.pauses == []


def test_at_least_one_attempt() -> None:
    """Zero attempts would never call."""
    with pytest.raises(InvalidRequestError):
        retry_on_conflict(_failing(), attempts=0)


# Entries


def _entry(objects: MemoryObjects, **options: Any) -> Entry:
    return Entry(objects, "a", clock=FakeClock(), **options)


def _count(obj: dict[str, Any]) -> None:
    obj["count"] = obj.get("count", 0) + 1


def test_an_absent_object_is_inserted() -> None:
    """`or_insert` makes it; what `and_modify` says is for an object that exists."""
    objects = MemoryObjects()
    stored = _entry(objects).and_modify(_count).or_insert(lambda: _obj(count=10)).commit()
    assert stored is not None
    assert stored["count"] == 10
    assert [verb for verb, _ in objects.requests] == ["get", "create"]


def test_a_present_object_is_modified() -> None:
    """All changes are made, in order, in one write."""
    objects = MemoryObjects()
    objects.create(_obj())
    stored = _entry(objects).and_modify(_count).and_modify(_count).or_insert(_obj).commit()
    assert stored is not None
    assert stored["count"] == 2
    assert [verb for verb, _ in objects.requests][1:] == ["get", "update"]


def test_an_absent_object_without_a_maker_is_none() -> None:
    """There is nothing to change and nothing is written."""
    objects = MemoryObjects()
    assert entry(objects, "a").and_modify(_count).commit() is None
    assert objects.requests == [("get", "a")]


def test_no_change_is_no_write() -> None:
    """An object the changes leave as it is causes one read."""
    objects = MemoryObjects()
    objects.create(_obj(count=1))
    stored = _entry(objects).and_modify(lambda obj: obj.update(count=1)).commit()
    assert stored is not None
    assert [verb for verb, _ in objects.requests][1:] == ["get"]


def test_a_conflict_reads_and_changes_again() -> None:
    """The other writer's change survives."""
    objects = MemoryObjects()
    objects.create(_obj())

    def interfere(verb: str, name: str) -> None:
        if verb == "update":
            objects.before = lambda verb, name: None
            other = objects.get(name)
            other["other"] = True
            objects.update(other)

    objects.before = interfere
    stored = _entry(objects).and_modify(_count).commit()
    assert stored is not None
    assert (stored["count"], stored["other"]) == (1, True)


def test_losing_the_race_to_create_modifies_instead() -> None:
    """If somebody else creates it in between, their object is modified."""
    objects = MemoryObjects()

    def interfere(verb: str, name: str) -> None:
        if verb == "create":
            objects.before = lambda verb, name: None
            objects.create(_obj(theirs=True))

    objects.before = interfere
    stored = _entry(objects).and_modify(_count).or_insert(_obj).commit()
    assert stored is not None
    assert (stored["count"], stored["theirs"]) == (1, True)


def test_endless_conflicts_are_raised() -> None:
    """After so many attempts the conflict is the caller's."""
    objects = MemoryObjects()
    objects.create(_obj())

    def refuse(verb: str, name: str) -> None:
        if verb == "update":
            raise refusal(409, "Conflict")

    objects.before = refuse
    with pytest.raises(Conflict):
        _entry(objects).and_modify(_count).commit(attempts=3)
    assert [verb for verb, _ in objects.requests].count("update") == 3


def test_other_refusals_are_raised() -> None:
    """What is not a race is not tried again."""
    objects = MemoryObjects()

    def refuse(verb: str, name: str) -> None:
        raise refusal(403, "Forbidden")

    objects.before = refuse
    with pytest.raises(Forbidden):
        _entry(objects).commit()
    assert len(objects.requests) == 1


def _vanishing(verb: str, *, again: bool = False) -> MemoryObjects:
    """Return objects of which "a" is deleted in the moment of a write, and with `again` made anew by somebody."""
    objects = MemoryObjects()
    objects.create(_obj())

    def vanish(asked: str, name: str) -> None:
        if asked == verb:
            objects.before = lambda verb, name: None
            del objects.stored[name]
            if again:
                objects.create(_obj(anew=True))

    objects.before = vanish
    return objects


def test_an_object_that_vanishes_is_inserted() -> None:
    """Deleted between the read and the write it counts as absent."""
    objects = _vanishing("update")
    stored = _entry(objects).and_modify(_count).or_insert(lambda: _obj(count=10)).commit()
    assert stored is not None
    assert stored["count"] == 10


def test_an_object_that_vanishes_without_a_maker_is_none() -> None:
    """There is nothing to change any more."""
    assert _entry(_vanishing("update")).and_modify(_count).commit() is None


def test_the_status_of_an_object_that_vanishes_is_none() -> None:
    """So is its status."""
    assert _entry(_vanishing("update_status"), status=True).and_modify(_count).commit() is None


def test_an_object_replaced_by_another_of_its_name_is_modified() -> None:
    """The changes are made to the one that is there now."""
    stored = _entry(_vanishing("update", again=True)).and_modify(_count).commit()
    assert stored is not None
    assert (stored["count"], stored["anew"]) == (1, True)


def test_a_missing_subresource_is_raised() -> None:
    """A kind without status answers 404 although the object is there; that is no vanished object."""
    objects = MemoryObjects()
    objects.create(_obj())

    def refuse(verb: str, name: str) -> None:
        if verb == "update_status":
            raise refusal(404, "NotFound")

    objects.before = refuse
    with pytest.raises(NotFound):
        _entry(objects, status=True).and_modify(_count).commit()
    assert [verb for verb, _ in objects.requests][1:] == ["get", "update_status", "get"]


def test_a_change_that_fails_writes_nothing() -> None:
    """What the function raises is raised, and what it did so far is forgotten."""
    objects = MemoryObjects()
    objects.create(_obj())

    def fail(obj: dict[str, Any]) -> None:
        obj["count"] = 1
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        _entry(objects).and_modify(fail).commit()
    assert "count" not in objects.stored["a"]


def test_what_is_inserted_bears_the_name_of_the_entry() -> None:
    """A missing name is filled in; another one would make an object the entry does not find again."""
    objects = MemoryObjects()
    stored = _entry(objects).or_insert(lambda: {"apiVersion": "v1", "kind": "ConfigMap"}).commit()
    assert stored is not None
    assert stored["metadata"]["name"] == "a"
    with pytest.raises(BodyMismatchError, match="named b"):
        Entry(MemoryObjects(), "a").or_insert(lambda: _obj("b")).commit()


def test_a_status_is_written_to_its_subresource() -> None:
    """With `status` the write goes there; a status cannot be made without its object."""
    objects = MemoryObjects()
    objects.create(_obj())
    _entry(objects, status=True).and_modify(_count).commit()
    assert [verb for verb, _ in objects.requests][1:] == ["get", "update_status"]
    with pytest.raises(InvalidRequestError):
        _entry(objects, status=True).or_insert(_obj)


# Owners


def _owner(name: str = "web", uid: str = "u1", namespace: str | None = "ns") -> dict[str, Any]:
    metadata = {"name": name, "uid": uid}
    if namespace:
        metadata["namespace"] = namespace
    return {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata}


def test_sets_the_controller() -> None:
    """The reference names the owner by uid and is marked; a second time changes nothing."""
    obj = _obj()
    assert set_controller(obj, _owner())
    assert controller_of(obj) == {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": "web",
        "uid": "u1",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert not set_controller(obj, _owner())
    assert len(obj["metadata"]["ownerReferences"]) == 1


def test_keeps_other_owners() -> None:
    """Owners that are no controllers stay, and one of them can become it."""
    obj = _obj()
    obj["metadata"]["ownerReferences"] = [{"kind": "X", "name": "x", "uid": "u0"}, {"kind": "ReplicaSet", "uid": "u1"}]
    assert controller_of(obj) is None
    assert set_controller(obj, _owner())
    assert [reference["uid"] for reference in obj["metadata"]["ownerReferences"]] == ["u0", "u1"]


def test_keeps_the_order_of_owners() -> None:
    """One that becomes the controller, or changes, stays in its place, and is there once."""
    obj = _obj()
    obj["metadata"]["ownerReferences"] = [
        {"kind": "ReplicaSet", "uid": "u1"},
        {"kind": "X", "uid": "u0"},
        {"kind": "ReplicaSet", "uid": "u1", "controller": True},
    ]
    assert set_controller(obj, _owner())
    assert [reference["uid"] for reference in obj["metadata"]["ownerReferences"]] == ["u1", "u0"]
    assert not set_controller(obj, _owner())


def test_there_is_one_controller() -> None:
    """An object of another controller is left alone."""
    obj = _obj()
    set_controller(obj, _owner())
    with pytest.raises(InvalidRequestError, match="already controlled by ReplicaSet web"):
        set_controller(obj, _owner("other", "u2"))


def test_an_owner_is_in_the_same_namespace_or_in_none() -> None:
    """The garbage collector would take an owner elsewhere for gone."""
    obj = _obj()
    with pytest.raises(InvalidRequestError, match="in ns cannot be owned by one in other"):
        set_controller(obj, _owner(namespace="other"))
    assert obj == _obj()
    assert set_controller(obj, _owner(namespace=None))


def test_an_owner_in_a_namespace_cannot_own_what_has_none() -> None:
    """What is cluster-scoped, or does not say where it is to be, would be deleted at once."""
    obj = _obj()
    del obj["metadata"]["namespace"]
    with pytest.raises(InvalidRequestError, match="without a namespace"):
        set_controller(obj, _owner())


def test_an_owner_must_come_from_a_server() -> None:
    """Without a uid the reference would mean nothing."""
    with pytest.raises(InvalidRequestError, match="uid"):
        set_controller(_obj(), _obj("owner"))


@pytest.mark.parametrize(
    ("kind", "group", "expected"),
    [("ReplicaSet", "apps", "ns/web"), ("ReplicaSet", "", None), ("Deployment", "apps", None)],
)
def test_the_key_of_the_controller(kind: str, group: str, expected: str | None) -> None:
    """A handler of dependants queues their controller, if it is of the kind and group it cares for."""
    obj = _obj()
    assert key_of_controller(obj, kind, group) is None
    set_controller(obj, _owner())
    assert key_of_controller(obj, kind, group) == expected


def test_the_key_of_a_cluster_scoped_controller() -> None:
    """Without a namespace the key is the name."""
    obj = _obj()
    del obj["metadata"]["namespace"]
    set_controller(obj, _owner(namespace=None))
    assert key_of_controller(obj, "ReplicaSet", "apps") == "web"


def test_the_key_of_a_cluster_scoped_controller_of_something_in_a_namespace() -> None:
    """The key is that of the controller, not of a namespace it is not in."""
    obj = _obj()
    set_controller(obj, _owner(namespace=None))
    assert key_of_controller(obj, "ReplicaSet", "apps", cluster_scoped=True) == "web"


# Finalizers

FINALIZER = "example.org/cleanup"


def _stored(objects: MemoryObjects, **metadata: Any) -> dict[str, Any]:
    obj = _obj()
    obj["metadata"].update(metadata)
    return objects.create(obj)


def test_a_live_object_gets_the_finalizer() -> None:
    """It is written once, over the version that was seen, and kept with the others."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=["other/one"])
    cleaned: list[Any] = []
    assert finalize(objects, obj, FINALIZER, cleaned.append)
    assert objects.stored["a"]["metadata"]["finalizers"] == ["other/one", FINALIZER]
    assert finalize(objects, objects.stored["a"], FINALIZER, cleaned.append)
    assert [verb for verb, _ in objects.requests] == ["create", "patch merge"]
    assert cleaned == []


def test_a_deleted_object_is_cleaned_up_and_let_go() -> None:
    """The clean-up comes first, then the finalizer goes; without it nothing is done."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=[FINALIZER], deletionTimestamp="now")
    cleaned: list[Any] = []
    assert not finalize(objects, obj, FINALIZER, cleaned.append)
    assert cleaned == [obj]
    assert "finalizers" not in objects.stored["a"]["metadata"]
    assert not finalize(objects, objects.stored["a"], FINALIZER, cleaned.append)
    assert len(cleaned) == 1


def test_finalizers_of_others_stay_in_their_order() -> None:
    """Ours is taken out of the middle of theirs, and put on behind them."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=["z/last", FINALIZER, "a/first"], deletionTimestamp="now")
    assert not finalize(objects, obj, FINALIZER, lambda _: None)
    assert objects.stored["a"]["metadata"]["finalizers"] == ["z/last", "a/first"]
    del objects.stored["a"]["metadata"]["deletionTimestamp"]
    assert finalize(objects, objects.stored["a"], FINALIZER, lambda _: None)
    assert objects.stored["a"]["metadata"]["finalizers"] == ["z/last", "a/first", FINALIZER]


def test_an_object_that_is_being_deleted_gets_no_finalizer() -> None:
    """The server would refuse it, and there is nothing of ours to clean up."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=["other/one"], deletionTimestamp="now")
    cleaned: list[Any] = []
    assert not finalize(objects, obj, FINALIZER, cleaned.append)
    assert ([verb for verb, _ in objects.requests], cleaned) == (["create"], [])


def test_the_object_in_hand_is_not_changed() -> None:
    """It may be an informer's, which others read."""
    objects = MemoryObjects()
    obj = _stored(objects)
    before = copy.deepcopy(obj)
    finalize(objects, obj, FINALIZER, lambda _: None)
    assert obj == before


def test_what_a_clean_up_does_not_find_is_its_own_affair() -> None:
    """`NotFound` of the clean-up is a failure like any other: the finalizer stays."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=[FINALIZER], deletionTimestamp="now")

    def fail(_: Any) -> None:
        raise refusal(404, "NotFound")

    with pytest.raises(NotFound):
        finalize(objects, obj, FINALIZER, fail)
    assert objects.stored["a"]["metadata"]["finalizers"] == [FINALIZER]


def test_a_failing_clean_up_keeps_the_finalizer() -> None:
    """The object stays until the clean-up has worked."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=[FINALIZER], deletionTimestamp="now")

    def fail(_: Any) -> None:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        finalize(objects, obj, FINALIZER, fail)
    assert objects.stored["a"]["metadata"]["finalizers"] == [FINALIZER]


def test_finalizers_of_a_newer_version_are_not_overwritten() -> None:
    """A version that is no longer the present one conflicts; the next round sees the newer one."""
    objects = MemoryObjects()
    obj = _stored(objects)
    objects.update(obj)
    with pytest.raises(Conflict):
        finalize(objects, obj, FINALIZER, lambda _: None)


def test_an_object_gone_meanwhile_is_fine() -> None:
    """When somebody else removed the last finalizer there is nothing left to do."""
    objects = MemoryObjects()
    obj = _stored(objects, finalizers=[FINALIZER], deletionTimestamp="now")
    del objects.stored["a"]
    assert not finalize(objects, obj, FINALIZER, lambda _: None)
