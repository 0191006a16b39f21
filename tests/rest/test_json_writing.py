"""Bodies as they are sent: JSON, and YAML as well where a server reads that."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidRequestError
from dynkube.objects import load_yaml
from dynkube.rest import encode_applied, encode_body

#: The longest key YAML takes without a mark, its quotes included.
LONGEST = 1024

_CHARACTERS = st.sampled_from('a:,{}[]"\\? \n\t\x7f\x85\u2028\uffff\u00e9😀')
_LONG = st.tuples(_CHARACTERS, st.integers(LONGEST - 4, LONGEST + 2), _CHARACTERS).map(
    lambda parts: parts[0] * parts[1] + parts[2]
)
_TEXTS = st.text(_CHARACTERS, max_size=6) | _LONG
_BODIES = st.dictionaries(
    _TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**6), 10**6) | _TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)


@given(_BODIES)
def test_what_is_applied_means_the_same_as_yaml(body: dict[str, Any]) -> None:
    """Whatever its keys and texts, a server that reads YAML reads what was written."""
    assert load_yaml(encode_applied(body).decode()) == body


@given(_BODIES)
def test_everything_else_is_json(body: dict[str, Any]) -> None:
    """Keys as long as one likes are no trouble to JSON."""
    assert json.loads(encode_body(body)) == body


def test_a_key_is_marked_only_if_it_is_too_long() -> None:
    """YAML looks for the colon of a key in 1,024 characters, the quotes among them; longer ones it has a mark for."""
    longest, longer = "k" * (LONGEST - 2), "k" * (LONGEST - 1)
    assert encode_applied({"a": [{longest: 1}]}) == f'{{"a":[{{"{longest}":1}}]}}'.encode()
    assert encode_applied({"a": [{longer: 1}]}) == f'{{"a":[{{? "{longer}":1}}]}}'.encode()


def test_long_texts_are_left_alone() -> None:
    """A value may be as long as it likes, and hold what looks like the end of a key."""
    body = {"k": 'x":' * LONGEST, "l": "y" * LONGEST}
    assert encode_applied(body) == encode_body(body)


@pytest.mark.parametrize("encode", [encode_body, encode_applied])
@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"spec": {"at": [1, object()]}}, r"at spec\.at\[1\]"),
        ({"spec": float("nan")}, "at spec"),
        ({"data": {"k": "\ud800"}}, r"at data\.k"),
        ({"data": {(1, 2): "x"}}, "at data"),
    ],
)
def test_what_has_no_form(encode: Any, body: dict[str, Any], place: str) -> None:
    """It is named by its path."""
    with pytest.raises(InvalidRequestError, match=f"cannot be written as JSON {place}: "):
        encode(body)


def test_nested_too_deeply() -> None:
    """So is what JSON has a form for, but nobody the stack."""
    body: dict[str, Any] = {}
    for _ in range(100_000):
        body = {"k": body}
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON: "):
        encode_applied(body)
