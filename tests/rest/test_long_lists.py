"""Long lists decoded in windows come out as `json.loads` has them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.rest import long_lists
from dynkube.rest.long_lists import decode_pieces

_SCALARS = st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=8)
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)
#: Items that all begin with the same key, as those of a server do; some hold others that begin so, too.
_ITEMS = st.lists(
    st.builds(lambda value, nested: {"metadata": value, "spec": nested}, _VALUES, st.lists(
        st.builds(lambda value: {"metadata": value}, _VALUES), max_size=3)),
    max_size=12,
)  # fmt: skip


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)] or [b""]


@pytest.fixture(autouse=True)
def _small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_lists, "WINDOW", 64)


@given(items=_ITEMS, size=st.integers(1, 80), spaced=st.booleans(), ascii_only=st.booleans(), last=st.booleans())
def test_a_list_in_pieces_equals_the_list_at_once(
    items: list[Any], size: int, spaced: bool, ascii_only: bool, last: bool
) -> None:
    """However a list is cut, spaced or not, with its metadata before or behind its items, it comes out the same."""
    value: dict[str, Any] = {"kind": "PodList", "metadata": {"resourceVersion": "1"}}
    value = {"items": items, **value} if last else {**value, "items": items}
    separators = (", ", ": ") if spaced else (",", ":")
    body = json.dumps(value, separators=separators, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    pieces = _cut(body, size)
    decoded = decode_pieces(pieces)
    assert decoded == value
    assert list(decoded) == list(value)
    assert pieces == []


@given(value=_VALUES, size=st.integers(1, 40))
def test_what_is_no_list_is_decoded_too(value: Any, size: int) -> None:
    """Any JSON value comes out whole, also where it has items somewhere inside."""
    nested = {"a": {"items": [{"b": value}, {"b": value}] * 4}, "c": value}
    assert decode_pieces(_cut(json.dumps(nested).encode(), size)) == nested


def test_a_seam_inside_items_does_not_cut_them() -> None:
    """Objects inside an item that begin as items do are no place to cut."""
    items = [
        {"metadata": n, "inner": [{"metadata": m, "text": 'a "},{\\"metadata\\":'} for m in range(9)]}
        for n in range(30)
    ]
    body = json.dumps({"items": items}, separators=(",", ":")).encode()
    assert decode_pieces(_cut(body, 50)) == {"items": items}


@pytest.mark.parametrize("cut", [1, 2, 100, 600, 2000])
def test_a_broken_list_is_an_error(cut: int) -> None:
    """A list that ends too soon is no JSON, wherever it ends."""
    body = json.dumps({"kind": "L", "items": [{"metadata": n} for n in range(200)]}, separators=(",", ":")).encode()
    with pytest.raises(ValueError, match=r"Expecting|Unterminated|Extra"):
        decode_pieces(_cut(body[:-cut], 50))


def test_the_place_of_an_error_counts_from_the_beginning() -> None:
    """The position told is that in the whole answer, in characters."""
    items = ",".join(f'{{"metadata":"ä{n}"}}' for n in range(100))
    text = f'{{"kind":"L","items":[{items},{{"metadata":oops}}]}}'
    with pytest.raises(json.JSONDecodeError) as caught:
        decode_pieces(_cut(text.encode(), 50))
    with pytest.raises(json.JSONDecodeError) as at_once:
        json.loads(text)
    assert caught.value.pos == at_once.value.pos


def test_items_twice_are_refused() -> None:
    """Which of two members called items is meant cannot be told: that is an error, not a guess."""
    body = json.dumps({"items": [{"metadata": n} for n in range(50)]}, separators=(",", ":"))[:-1] + ',"items":[]}'
    with pytest.raises(ValueError, match="twice"):
        decode_pieces(_cut(body.encode(), 50))
