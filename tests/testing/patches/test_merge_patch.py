"""JSON merge patch, RFC 7386."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.testing.http.failures import Failure
from dynkube.testing.patches import merge_patch


# The cases of RFC 7386, appendix A.
@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc_hold(document: Any, patch: Any, expected: Any) -> None:
    """Each example of RFC 7386 appendix A gives the printed result and leaves its input alone."""
    before = copy.deepcopy((document, patch))
    assert merge_patch.apply(document, patch) == expected
    assert (document, patch) == before


VALUES = st.recursive(
    st.none() | st.integers(0, 3) | st.text("ab", max_size=1),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_a_merge_patch_applied_twice_changes_nothing_more(document: Any, patch: Any) -> None:
    """Merge patches are idempotent."""
    once = merge_patch.apply(document, patch)
    assert merge_patch.apply(once, patch) == once


@given(st.dictionaries(st.text("abc", max_size=1), VALUES, max_size=3))
def test_null_for_every_key_empties_the_document(document: dict[str, Any]) -> None:
    """A patch of nothing but nulls removes exactly the keys it names."""
    assert merge_patch.apply(document, dict.fromkeys(document)) == {}


def test_a_body_that_is_no_object_is_a_400() -> None:
    """A list is no merge patch for an API object."""
    with pytest.raises(Failure, match="cannot unmarshal array into Go value of type map"):
        merge_patch.parse(b"[]")


def test_the_body_may_be_given_as_bytes() -> None:
    """`apply` reads the request's body itself."""
    assert merge_patch.apply({"a": 1}, b'{"b": 2}') == {"a": 1, "b": 2}
