"""Events whose object repeats what is known are decoded as if nothing were."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dynkube.rest.known_members import LARGE, KnownMembers

LONG = "x" * LARGE


def thing(version: str, uid: str = "u", **members: Any) -> dict[str, Any]:
    """Return an object in the order the API server writes."""
    metadata = {"name": uid, "uid": uid, "resourceVersion": version}
    return {"kind": "Thing", "apiVersion": "example.com/v1", "metadata": metadata, **members}


def line(kind: str, obj: dict[str, Any], **how: Any) -> bytes:
    """Return the line of an event as the API server writes it."""
    return json.dumps(
        {"type": kind, "object": obj}, **{"separators": (",", ":"), "ensure_ascii": False, **how}
    ).encode()


class Store:
    """Keeps what was decoded, as an informer does."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.known = KnownMembers(lambda obj: self.objects.get(obj["metadata"]["uid"]))

    def keep(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Store an object as the last state."""
        self.objects[obj["metadata"]["uid"]] = obj
        return obj

    def event(self, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
        """Decode and store an event that can be decoded."""
        event = self.known.decode(line(kind, obj))
        assert event == {"type": kind, "object": obj}
        return self.keep(event["object"])


def test_a_large_member_that_comes_again_is_the_one_that_is_known() -> None:
    """An update that changes the status brings the spec as it was: one object in memory, decoded once."""
    store = Store()
    first = store.event("ADDED", thing("1", spec={"a": LONG}, status={"b": LONG}))
    second = store.event("MODIFIED", thing("2", spec={"a": LONG}, status={"b": LONG + "y"}))
    assert second["spec"] is first["spec"]
    third = store.event("MODIFIED", thing("3", spec={"a": LONG}, status={"b": LONG + "y"}))
    assert (third["spec"], third["status"]) == (second["spec"], second["status"])
    assert third["spec"] is first["spec"]
    assert third["status"] is second["status"]


def test_an_object_keeps_the_order_of_its_members() -> None:
    """What is printed of an object looks as the server wrote it, taken over or not."""
    store = Store()
    store.event("ADDED", thing("1", data={"a": LONG}, spec={"b": "c"}))
    again = store.event("MODIFIED", thing("2", data={"a": LONG}, spec={"b": "d"}))
    assert list(again) == ["kind", "apiVersion", "metadata", "data", "spec"]


def test_each_object_has_members_of_its_own() -> None:
    """The uid tells one from the other, not their place in the stream."""
    store = Store()
    one = store.event("ADDED", thing("1", uid="one", spec={"a": LONG + "1"}))
    store.event("ADDED", thing("2", uid="two", spec={"a": LONG + "2"}))
    assert store.event("MODIFIED", thing("3", uid="one", spec={"a": LONG + "1"}))["spec"] is one["spec"]
    store.event("MODIFIED", thing("4", uid="one", spec={"a": LONG + "2"}))


def test_a_member_of_the_same_text_under_another_name_is_another() -> None:
    """Values are known by name: what was the spec may come as the status."""
    store = Store()
    store.event("ADDED", thing("1", spec={"a": LONG}, status={"b": LONG}))
    store.event("MODIFIED", thing("2", spec={"b": LONG}, status={"a": LONG}))


def test_nothing_is_taken_from_a_state_of_another_version() -> None:
    """A store that did not take over the last event has other members than its text had."""
    store = Store()
    store.event("ADDED", thing("1", spec={"a": LONG + "1"}))
    assert store.known.decode(line("MODIFIED", thing("2", spec={"a": LONG + "2"}))) is not None  # and not stored
    store.event("MODIFIED", thing("3", spec={"a": LONG + "2"}))


def test_nothing_is_taken_from_what_is_no_longer_stored() -> None:
    """An object that vanished from the store meanwhile is decoded whole."""
    store = Store()
    store.event("ADDED", thing("1", spec={"a": LONG}))
    store.objects.clear()
    store.event("MODIFIED", thing("2", spec={"a": LONG}))


def test_deleted_objects_are_forgotten() -> None:
    """What is remembered does not grow with the objects that have been."""
    store = Store()
    for number in range(10):
        obj = thing(str(number), uid=str(number), spec={"a": LONG})
        store.event("ADDED", obj)
        store.event("DELETED", obj)
    assert len(store.known) == 0


def test_objects_that_shrink_are_forgotten() -> None:
    """Without a large member there is nothing to remember."""
    store = Store()
    store.event("ADDED", thing("1", spec={"a": LONG}))
    store.event("MODIFIED", thing("2", spec={}, status={"a": [LONG[:600]], "b": LONG[:400]}, data=LONG[:100]))
    assert len(store.known) == 0


def test_everything_is_forgotten_on_request() -> None:
    """A state taken anew says nothing of the objects of before."""
    store = Store()
    store.event("ADDED", thing("1", spec={"a": LONG}))
    store.known.forget()
    assert len(store.known) == 0
    store.event("MODIFIED", thing("2", spec={"a": LONG}))


def test_objects_without_a_uid_are_decoded_whole() -> None:
    """Odd servers leave it out."""
    store = Store()
    obj = {"kind": "Thing", "metadata": {"name": "a", "resourceVersion": "1"}, "spec": {"a": LONG}}
    assert store.known.decode(line("ADDED", obj)) == {"type": "ADDED", "object": obj}
    assert len(store.known) == 0


@pytest.mark.parametrize(
    "text",
    [
        line("ADDED", thing("1", spec={"a": "small"})),
        line("ADDED", thing("1", spec={"a": LONG}), separators=(", ", ": ")),
        line("ADDED", thing("1", spec={"a": LONG})).replace(b'"kind":"Thing",', b'"kind":"Thing","extra":1,'),
        line("ADDED", thing("1", spec={"a": LONG})).replace(b'"spec":{', b'"spec": {'),
        line("ADDED", thing("1", spec={"a": LONG})).replace(b"}}", b'},"spec":1}}'),
        line("ADDED", thing("1", spec={"a": LONG})).replace(b"}}", b'},"metadata":{}}}'),
        line("ADDED", thing("1", spec={"a": LONG})) + b" ",
        line("ADDED", thing("1", spec={"a": LONG}))[:-1],
        line("ADDED", thing("1", spec={"a": LONG}))[:-1] + b',"more":1}',
        line("ADDED", thing("1", spec={"a": LONG})).replace(b"x", b"\xff", 1),
        line("ADDED", thing("1", spec={"a": LONG})).replace(b'"uid"', b"uid"),
        b'{"type":"ADDED","object":{"metadata":' + b"[" * 100_000,
        b'{"type":"ADDED","object":{"metadata":{},"spec":' + b"[" * 100_000,
    ],
)
def test_what_is_written_otherwise_is_left_to_others(text: bytes) -> None:
    """Small, spaced, cut, corrupt, or with a name twice: None, and nothing is remembered."""
    known = KnownMembers(lambda obj: None)
    assert known.decode(text) is None or json.loads(text) == known.decode(text)
    assert len(known) == 0 or json.loads(text)


def test_members_of_an_initial_state_are_known_by_their_lines() -> None:
    """Its lines are decoded together, elsewhere; the first update of each object takes from them already."""
    store = Store()
    objects = [thing(str(n), uid=str(n), spec={"a": LONG + str(n)}, status={"b": LONG}) for n in range(3)]
    lines = [line("ADDED", obj) for obj in objects]
    decoded = [store.keep(json.loads(each)["object"]) for each in lines]
    store.known.see([b"\n".join(lines[:2]), lines[2]], decoded)
    for number, obj in enumerate(objects):
        again = store.event("MODIFIED", {**obj, "metadata": {**obj["metadata"], "resourceVersion": "9"}})
        assert again["spec"] is decoded[number]["spec"]
        assert again["status"] is decoded[number]["status"]


def test_kind_and_version_may_come_last_in_what_was_decoded() -> None:
    """They are cut off the lines of an initial state and given to the objects afterwards."""
    store = Store()
    obj = thing("1", spec={"a": LONG}, status={"b": LONG})
    decoded = store.keep({key: obj[key] for key in ("metadata", "spec", "status", "kind", "apiVersion")})
    store.known.see([line("ADDED", obj)], [decoded])
    again = store.event("MODIFIED", thing("2", spec={"a": LONG}, status={"b": LONG}))
    assert again["status"] is decoded["status"]


def test_a_name_that_comes_twice_is_not_looked_for_in_a_line() -> None:
    """A template has a spec, too: which of them begins where is seen when an event is decoded."""
    store = Store()
    obj = thing("1", spec={"template": {"spec": {"a": LONG}}}, status={"b": LONG})
    decoded = store.keep(json.loads(line("ADDED", obj))["object"])
    store.known.see([line("ADDED", obj)], [decoded])
    second = store.event("MODIFIED", {**obj, "metadata": {**obj["metadata"], "resourceVersion": "2"}})
    assert second["spec"] is not decoded["spec"]
    assert second["status"] is decoded["status"]
    third = store.event("MODIFIED", {**obj, "metadata": {**obj["metadata"], "resourceVersion": "3"}})
    assert third["spec"] is second["spec"]


@pytest.mark.parametrize("how", [(",", ": "), (", ", ":"), (",", " :")])
def test_lines_that_are_spaced_are_not_looked_into(how: tuple[str, str]) -> None:
    """A name could be there in two forms: once nested as it is looked for, once as the member, spaced."""
    store = Store()
    obj = thing("1", spec={"a": LONG})
    store.known.see([line("ADDED", obj, separators=how)], [obj])
    assert len(store.known) == 0


def test_a_state_of_small_objects_is_not_looked_into() -> None:
    """It would cost more than it saves."""
    store = Store()
    objects = [thing(str(n), uid=str(n), spec={"a": LONG if n == 0 else ""}) for n in range(100)]
    store.known.see([b"\n".join(line("ADDED", obj) for obj in objects)], objects)
    assert len(store.known) == 0


@pytest.mark.parametrize("obj", [5, None, [LONG], {}, {"metadata": 5, "spec": {"a": LONG}}, {"spec": {"a": LONG}}])
def test_a_state_of_what_is_no_object_is_left_to_others(obj: Any) -> None:
    """Who reads the state says what is wrong with it; here nothing is remembered."""
    store = Store()
    store.known.see([line("ADDED", obj) + b" " * LARGE], [obj])
    assert len(store.known) == 0


NAMES = st.sampled_from(["spec", "status", "data", "kind", "metadata", "a.b", 'a":{"b', "ü", ""])
TEXTS = st.sampled_from([LONG, "", '"spec":{', '},"status":{"', "\\", "ü" * LARGE, '": ', '" :', "]}"])
VALUES = st.recursive(
    st.one_of(TEXTS, st.none(), st.booleans(), st.integers()),
    lambda children: st.one_of(st.lists(children, max_size=3), st.dictionaries(NAMES, children, max_size=3)),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    st.one_of(st.sampled_from(["spec", "status", "data"]), NAMES).filter(lambda name: name not in ("kind", "metadata")),
    VALUES,
    max_size=4,
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), OBJECTS), min_size=1, max_size=3),
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.one_of(OBJECTS, st.integers(0, 2)),
            st.sampled_from(["ADDED", "MODIFIED", "DELETED"]),
        ),
        max_size=6,
    ),
)
def test_events_are_what_json_says_they_are(
    state: list[tuple[str, dict[str, Any]]], events: list[tuple[str, dict[str, Any] | int, str]]
) -> None:
    """Whatever members repeat, nest and are named like, an event is decoded as json.loads decodes it, or not at all."""
    store = Store()
    lines = [line("ADDED", thing(str(n), uid=uid, **members)) for n, (uid, members) in enumerate(state)]
    store.known.see(lines, [store.keep(json.loads(each)["object"]) for each in lines])
    for number, (uid, given_members, kind) in enumerate(events, 100):
        members = state[given_members % len(state)][1] if isinstance(given_members, int) else given_members
        text = line(kind, thing(str(number), uid=uid, **members))
        event = store.known.decode(text)
        expected = json.loads(text)
        assert event is None or (event == expected and list(event["object"]) == list(expected["object"]))
        store.keep(expected["object"] if event is None else event["object"])
