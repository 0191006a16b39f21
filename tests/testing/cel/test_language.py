"""The language: literals, operators, macros, errors that do not matter, and what is no expression."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.testing.cel import types
from dynkube.testing.cel.environment import compile_expression
from dynkube.testing.cel.escaping import escape, unescape
from dynkube.testing.cel.source import CompilationError
from dynkube.testing.cel.values import EvaluationError, Optional, UInt, plain

VARIABLES = {"d": types.DYN, "i": types.INT, "s": types.STRING}
INTEGERS = st.integers(-(2**63), 2**63 - 1)


def evaluated(text: str, **variables: Any) -> Any:
    """Return the value of an expression over a dynamic ``d``, an int ``i`` and a string ``s``."""
    found = compile_expression(text, VARIABLES).evaluate(variables)
    return plain(found.value) if isinstance(found, Optional) and found.present else plain(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7.0 / 2.0", 3.5),
        ("1.0 / 0.0", math.inf),
        ("0x1F", 31),
        ("-9223372036854775808", -(2**63)),
        ("1u + 2u", 3),
        ("'a' + \"b\"", "ab"),
        (r"'\u00e9\x41\101\n'", "éAA\n"),
        (r"r'\d'", r"\d"),
        ("'''a'b\nc'''", "a'b\nc"),
        ("b'é'", "é".encode()),
        (r"b'\xff\377'", b"\xff\xff"),
        ("[1, 2] + [3]", [1, 2, 3]),
        ("{'a': 1}['a']", 1),
        ("{'a': 1}.a", 1),
        ("{1: 'a'}[dyn(1u)]", "a"),
        ("'a' in {'a': 1}", True),
        ("2 in [1, 2]", True),
        ("dyn(1) == 1.0", True),
        ("1u < 2.5", True),
        ("dyn(9223372036854775807) == 9223372036854775808.0", True),
        ("dyn(1) == 'a'", False),
        ("[1, 2] == [1, 2]", True),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
        ("double('NaN') == double('NaN')", False),
        ("true ? 1 : 2", 1),
        ("!!true", True),
        ("type(1) == int && type(type(1)) == type", True),
        ("has({'a': 1}.a) && !has({'a': 1}.b)", True),
        ("[1, 2, 3].all(x, x > 0)", True),
        ("[1, 2, 3].exists(x, x > 2)", True),
        ("[1, 2, 3].exists_one(x, x > 2)", True),
        ("[1, 2, 3].existsOne(x, x > 1)", False),
        ("[1, 2, 3].filter(x, x > 1)", [2, 3]),
        ("[1, 2, 3].map(x, x * 2)", [2, 4, 6]),
        ("[1, 2, 3].map(x, x > 1, x * 2)", [4, 6]),
        ("{'a': 1}.map(k, k + 'b')", ["ab"]),
        ("[4, 5].all(i, x, x == i + 4)", True),
        ("{'a': 1}.exists(k, v, k == 'a' && v == 1)", True),
        ("[4, 5].transformList(i, x, i + x)", [4, 6]),
        ("{'a': 1, 'b': 2}.transformMap(k, v, v > 1, k)", {"b": "b"}),
        ("{'a': 'b'}.transformMapEntry(k, v, {v: k})", {"b": "a"}),
        ("[[1], [2]].map(x, x.map(y, y + x[0]))", [[2], [4]]),
        ("['bb', 'a'].sortBy(x, x.size())", ["a", "bb"]),
        ("{'a': 1}.?a.orValue(2) + {'a': 1}.?b.orValue(2)", 3),
        ("[1][?0].or(optional.of(3)).value() + [1][?5].or(optional.of(3)).value()", 4),
        ("optional.of(2).optMap(x, x + 1)", 3),
        ("optional.of([5]).optFlatMap(x, x[?0])", 5),
        ("optional.none().optMap(x, x).hasValue()", False),
        ("[?optional.of(1), ?optional.none(), 2]", [1, 2]),
        ("{?'a': optional.of(1), ?'b': optional.none()}", {"a": 1}),
        ("{'a': {'b': 1}}.?a.b.value()", 1),
        (" && ".join(["true"] * 300), True),
        ("1 // a comment", 1),
    ],
)
def test_an_expression_has_a_value(text: str, value: Any) -> None:
    """The value of an expression, and its type: uints are ints to the eye."""
    found = evaluated(text)
    assert found == value
    assert type(found) is type(value) or isinstance(found, UInt)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1 / 0", "division by zero"),
        ("1 % 0", "modulus by zero"),
        ("9223372036854775807 + 1", "integer overflow"),
        ("-(-9223372036854775808)", "integer overflow"),
        ("-9223372036854775808 / -1", "integer overflow"),
        ("0u - 1u", "unsigned integer overflow"),
        ("[1][1]", "index out of bounds: 1"),
        ("{'a': 1}['b']", "no such key: b"),
        ("{'a': 1}.b", "no such key: b"),
        ("dyn('a') < 1", "no such overload"),
        ("dyn(true) + 1", "no such overload: _+_(bool, int)"),
        ("double('NaN') < 1.0", "NaN values cannot be ordered"),
        ("optional.none().value()", "optional.none() dereference"),
        ("[1, 0].map(x, 1 / x)", "division by zero"),
        ("[1, 0].exists_one(x, 1 / x > 5)", "division by zero"),
        ("[2, 0].all(x, 1 / x < 5)", "division by zero"),
        ("{'a': 1, 'b': 1}.transformMapEntry(k, v, {v: k})", "insert failed: key 1 already exists"),
        ("dyn(1).all(x, x)", "got 'types.Int', expected iterable type"),
    ],
)
def test_an_expression_may_have_no_value(text: str, error: str) -> None:
    """What goes wrong is told in cel-go's words."""
    with pytest.raises(EvaluationError) as caught:
        evaluated(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 / 0 == 1 || true", True),
        ("true || 1 / 0 == 1", True),
        ("1 / 0 == 1 && false", False),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 1].all(x, 1 / x == 2)", False),
        ("true ? 1 : 1 / 0", 1),
        ("optional.of(1).orValue(1 / 0)", 1),
    ],
)
def test_errors_that_do_not_matter_are_forgotten(text: str, value: Any) -> None:
    """An outcome that is decided without an error is not spoilt by it."""
    assert evaluated(text) == value


def test_an_issue_is_marked_in_its_line() -> None:
    """The place of an error is shown below its own line, tabs as one place and wide signs as wide ones."""
    with pytest.raises(CompilationError) as caught:
        evaluated("i == 1 &&\n\t'é' + i == s")
    assert str(caught.value) == (
        "ERROR: <input>:2:6: found no matching overload for '_+_' applied to '(string, int)'\n"
        " |  'é' + i == s\n | ..\uff0e..^"
    )


def test_parts_may_not_stand_too_deep_inside_one_another() -> None:
    """An expression of hundreds of brackets is refused, and does no harm."""
    with pytest.raises(CompilationError, match="recursion limit exceeded"):
        evaluated("(" * 400 + "1" + ")" * 400)


@given(INTEGERS, INTEGERS)
def test_integers_are_those_of_64_bits(one: int, other: int) -> None:
    """Sums and products are Python's, as long as 64 bits hold them; quotients are cut off, as Go does."""
    for sign, value in (("+", one + other), ("-", one - other), ("*", one * other)):
        text = f"d {sign} i"
        if -(2**63) <= value < 2**63:
            assert evaluated(text, d=one, i=other) == value
        else:
            with pytest.raises(EvaluationError, match="integer overflow"):
                evaluated(text, d=one, i=other)
    if other and (one, other) != (-(2**63), -1):
        quotient, rest = evaluated("d / i", d=one, i=other), evaluated("d % i", d=one, i=other)
        assert quotient * other + rest == one
        assert abs(rest) < abs(other)


@given(st.text())
def test_a_quoted_text_is_that_text(text: str) -> None:
    """What ``strings.quote`` writes can be read again."""
    quoted = evaluated("strings.quote(s)", s=text)
    assert evaluated(quoted) == text


@given(st.lists(st.sampled_from(["true", "false", "1 / 0 == 0"]), min_size=1, max_size=9))
def test_the_order_of_conditions_does_not_matter(terms: list[str]) -> None:
    """``&&`` is false when any condition is, true when all are, and fails else; ``||`` is its mirror."""
    for sign, decisive in (("&&", "false"), ("||", "true")):
        text = f" {sign} ".join(terms)
        if decisive in terms:
            assert evaluated(text) is (decisive == "true")
        elif "1 / 0 == 0" in terms:
            with pytest.raises(EvaluationError, match="division by zero"):
                evaluated(text)
        else:
            assert evaluated(text) is (decisive != "true")


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_./-]{0,20}", fullmatch=True))
def test_a_property_is_found_by_its_identifier(name: str) -> None:
    """Every name of the documented form has an identifier, which stands for it alone."""
    identifier = escape(name)
    assert identifier is not None
    assert identifier.replace("_", "a").isalnum()
    # Runs of three and more underscores are read in another way than they are written: so are the server's.
    if "___" not in name:
        assert unescape(identifier) == name


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("namespace", "__namespace__"),
        ("x-prop", "x__dash__prop"),
        ("redact__d", "redact__underscores__d"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("self", "self"),
        ("1a", None),
        ("a b", None),
        ("é", None),
        ("", None),
    ],
)
def test_names_are_escaped_as_documented(name: str, identifier: str | None) -> None:
    """Signs and reserved words get names of their own; other signs cannot be used."""
    assert escape(name) == identifier
