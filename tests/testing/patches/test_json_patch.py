"""JSON patch: every operation, the server's answers, and agreement with the jsonpatch library."""

from __future__ import annotations

import copy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.testing.http.failures import Failure
from dynkube.testing.patches import json_patch

DOCUMENT: dict[str, Any] = {"data": {"k": "v", "l": ["a", "b"]}, "m~/": 1}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/data/n", "value": None}, {"data": {"k": "v", "l": ["a", "b"], "n": None}, "m~/": 1}),
        ({"op": "add", "path": "/data/l/1", "value": "x"}, {"data": {"k": "v", "l": ["a", "x", "b"]}, "m~/": 1}),
        ({"op": "add", "path": "/data/l/-", "value": "x"}, {"data": {"k": "v", "l": ["a", "b", "x"]}, "m~/": 1}),
        ({"op": "remove", "path": "/data/l/0"}, {"data": {"k": "v", "l": ["b"]}, "m~/": 1}),
        ({"op": "replace", "path": "/m~0~1", "value": 2}, {"data": {"k": "v", "l": ["a", "b"]}, "m~/": 2}),
        ({"op": "move", "from": "/data/k", "path": "/k"}, {"data": {"l": ["a", "b"]}, "m~/": 1, "k": "v"}),
        ({"op": "copy", "from": "/data/k", "path": "/k"}, {"data": {"k": "v", "l": ["a", "b"]}, "m~/": 1, "k": "v"}),
        ({"op": "test", "path": "/data/l", "value": ["a", "b"]}, DOCUMENT),
    ],
)
def test_each_operation_does_what_the_rfc_says(operation: dict[str, Any], expected: Any) -> None:
    """One operation on the document gives the document RFC 6902 describes, and the original stays as it was."""
    before = copy.deepcopy(DOCUMENT)
    assert json_patch.apply(DOCUMENT, [operation]) == expected
    assert before == DOCUMENT


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "replace", "path": "/data/n", "value": 1}, {"k": "v", "l": ["a", "b"], "n": 1}),
        ({"op": "add", "path": "/data/n"}, {"k": "v", "l": ["a", "b"], "n": None}),
        ({"op": "copy", "from": "/data/zzz", "path": "/data/n"}, {"k": "v", "l": ["a", "b"], "n": None}),
        ({"op": "remove", "path": "/data/l/-1"}, {"k": "v", "l": ["a"]}),
        ({"op": "add", "path": "/data/l/-1", "value": "x"}, {"k": "v", "l": ["a", "b", "x"]}),
        ({"op": "add", "path": "/data/l/01", "value": "x"}, {"k": "v", "l": ["a", "x", "b"]}),
        ({"op": "add", "path": "/data/a~2b", "value": 1}, {"k": "v", "l": ["a", "b"], "a~2b": 1}),
        ({"op": "test", "path": "/data/zzz", "value": None}, {"k": "v", "l": ["a", "b"]}),
    ],
)
def test_the_server_is_more_lenient_than_the_rfc(operation: dict[str, Any], expected: Any) -> None:
    """A real server replaces what is not there, takes a missing value for null, and counts from the end."""
    assert json_patch.apply(DOCUMENT, [operation])["data"] == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/data/zzz"},
        {"op": "replace", "path": "", "value": {}},
        {"op": "replace", "path": "/data/l/2", "value": 1},
        {"op": "test", "path": "/data/k", "value": "other"},
        {"op": "test", "path": "/m~0~1", "value": True},
        {"op": "add", "path": "/x/y", "value": 1},
        {"op": "add", "path": "/data/l/9", "value": 1},
        {"op": "add", "path": "/data/l/-4", "value": 1},
        {"op": "remove", "path": "/data/l/-3"},
        {"op": "move", "from": "/data", "path": "/data/inner"},
        {"op": "copy", "path": "/x"},
        {"op": "sing", "path": "/x"},
        {"op": "add", "value": 1},
        {"op": "add", "path": "x", "value": 1},
        {"op": "remove", "path": ""},
    ],
)
def test_what_cannot_be_done_is_a_422_without_causes(operation: dict[str, Any]) -> None:
    """A failing operation answers as the real server does: 422, reason Invalid, empty details."""
    with pytest.raises(Failure) as failure:
        json_patch.apply(DOCUMENT, [operation])
    assert failure.value.code == 422
    assert failure.value.status["details"] == {}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            b'{"op": "add"}',
            "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
        ),
        (b"[1]", "error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp"),
        (b"[", "error decoding patch: unexpected end of JSON input"),
        (
            b'[{"op": 1}]',
            "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string",
        ),
    ],
)
def test_a_body_that_is_no_patch_is_a_400(body: bytes, message: str) -> None:
    """What is no list of operations is refused in the words of Go's decoder."""
    with pytest.raises(Failure) as failure:
        json_patch.parse(body)
    assert (failure.value.code, str(failure.value)) == (400, message)


def test_too_many_operations_are_refused() -> None:
    """A patch of more than 10 000 operations is a 413."""
    with pytest.raises(Failure) as failure:
        json_patch.apply({}, [{"op": "test", "path": ""}] * (json_patch.MAX_OPERATIONS + 1))
    assert failure.value.code == 413


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
KEYS = st.text("ab/~", max_size=2)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
OBJECTS = st.dictionaries(KEYS, VALUES, max_size=4)


@given(OBJECTS, OBJECTS)
def test_a_generated_patch_turns_one_document_into_the_other(one: Any, other: Any) -> None:
    """A patch the jsonpatch library makes for two documents leads from the first to the second."""
    operations = jsonpatch.make_patch(one, other).patch
    assert json_patch.equal(json_patch.apply(one, operations), jsonpatch.apply_patch(one, operations))


POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "ab"]), max_size=3).map(
    lambda p: "".join("/" + s for s in p)
)
OPERATIONS = st.one_of(
    st.fixed_dictionaries({"op": st.sampled_from(["add", "replace", "test"]), "path": POINTERS, "value": VALUES}),
    st.fixed_dictionaries({"op": st.just("remove"), "path": POINTERS.filter(bool)}),
    st.fixed_dictionaries(
        {"op": st.sampled_from(["copy", "move"]), "path": POINTERS.filter(bool), "from": POINTERS.filter(bool)}
    ),
)


@given(OBJECTS, st.lists(OPERATIONS, max_size=4))
def test_whenever_we_succeed_the_jsonpatch_library_agrees(document: Any, operations: Any) -> None:
    """Random operations that succeed here give the same document as the library's, where the library takes them."""
    try:
        ours = json_patch.apply(document, operations)
    except Failure:
        return
    try:
        theirs = jsonpatch.apply_patch(copy.deepcopy(document), copy.deepcopy(operations))
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError):
        return
    assert json_patch.equal(ours, theirs)
