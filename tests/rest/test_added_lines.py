"""Lines of an initial state are held and come out as the objects in them, or as they went in."""

from __future__ import annotations

import json

import pytest

from dynkube.rest.added_lines import AddedLines


def _line(text: str) -> bytes:
    return f'{{"type":"ADDED","object":{text}}}'.encode()


@pytest.mark.parametrize("head", ["", '"kind":"Pod","apiVersion":"v1",', '"apiVersion":"v1","kind":"Pod",'])
def test_blocks_come_out_as_one_list(head: str) -> None:
    """What was held in several blocks is one list of objects, in order."""
    texts = [f'{{{head}"n":{number},"s":"}}{{[]"}}' for number in range(7)]
    held = AddedLines()
    blocks = [b"\n".join(_line(text) for text in block) for block in (texts[:1], texts[1:4], texts[4:])]
    for block in blocks:
        assert held.hold(block)
    objects, lines = held.take()
    assert objects == [json.loads(text) for text in texts]
    assert lines == blocks
    assert held.size == 0


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b'{"type":"MODIFIED","object":{}}',
        b'{"type":"ADDED","object":{',
        _line("{}") + b'\n{"type":"BOOKMARK","object":{}}',
        _line("{}") + b'\n{"type":"BOOKMARK","object":{}}\n' + _line("{}"),
        _line("{}") + b"\r\n" + _line("{}"),
        _line('{"a":\n1}'),
    ],
)
def test_what_is_anything_else_is_not_held(block: bytes) -> None:
    """A block with any other line in it is refused as a whole: the end of a state must not wait."""
    held = AddedLines()
    assert not held.hold(block)
    assert held.size == 0


def test_lines_that_begin_otherwise_are_not_held_with_those_before() -> None:
    """Objects of another kind are not given the kind of the first."""
    held = AddedLines()
    assert held.hold(_line('{"kind":"Pod","apiVersion":"v1","n":1}'))
    assert not held.hold(_line('{"kind":"Node","apiVersion":"v1","n":2}'))
    assert held.take()[0] == [{"kind": "Pod", "apiVersion": "v1", "n": 1}]


@pytest.mark.parametrize(
    "texts",
    [
        ['{"a":oops}'],
        ["{},{}"],
        ['{},"more":1'],
        ["{}", '{"a":"\udcff"}'],
        ['{"kind":"A","kind":"B","n":1}'],
    ],
    ids=["no JSON", "two objects", "another member", "no UTF-8", "kind twice"],
)
def test_what_only_looks_like_it_comes_out_as_it_went_in(texts: list[str]) -> None:
    """Lines that are no such events after all are handed back, for the decoding that says what is wrong with them."""
    block = b"\n".join(f'{{"type":"ADDED","object":{text}}}'.encode("utf-8", "surrogateescape") for text in texts)
    held = AddedLines()
    assert held.hold(block)
    assert held.take() == (None, [block])
