"""Label and field selectors."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidSelectorError
from dynkube.selectors import (
    FieldSelector,
    FieldTerm,
    LabelSelector,
    Requirement,
    field_selector,
    label_selector,
)

WEB = {"app": "web", "tier": "front", "replicas": "3", "empty": "", "example.com/x": "1"}

keys = st.sampled_from(["a", "b", "c", "in", "notin", "example.com/a"])
values = st.sampled_from(["", "x", "y", "1", "2", "30", "in", "a.b_c-d"])
integers = st.integers(0, 2**63 - 1).map(str)
requirements = st.one_of(
    st.builds(Requirement, keys, st.sampled_from(["exists", "!"])),
    st.builds(Requirement, keys, st.sampled_from(["=", "!="]), st.tuples(values)),
    st.builds(Requirement, keys, st.sampled_from(["in", "notin"]), st.lists(values, min_size=1).map(tuple)),
    st.builds(Requirement, keys, st.sampled_from([">", "<"]), st.tuples(integers)),
)
selectors = st.lists(requirements, max_size=5).map(lambda items: LabelSelector(tuple(items)))
label_sets = st.dictionaries(keys, values | integers)


def brute_force(requirement: Requirement, labels: dict[str, str]) -> bool:
    """Decide by the sentence of the API documentation, one operator after the other."""
    there = requirement.key in labels
    value = labels.get(requirement.key, "")
    number = None
    if there:
        try:
            number = int(value)
        except ValueError:
            number = None
    return {
        "exists": there,
        "!": not there,
        "=": there and value == requirement.values[:1][0] if requirement.operator == "=" else False,
        "!=": not there or value != requirement.values[:1][0] if requirement.operator == "!=" else False,
        "in": there and value in requirement.values,
        "notin": not there or value not in requirement.values,
        ">": number is not None and requirement.operator == ">" and number > int(requirement.values[0]),
        "<": number is not None and requirement.operator == "<" and number < int(requirement.values[0]),
    }[requirement.operator]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("  ", ""),
        ("app=web", "app=web"),
        ("app==web", "app=web"),
        ("app = web", "app=web"),
        ("app!=web", "app!=web"),
        ("app in (web,db)", "app in (db,web)"),
        ("app in ( web , db, web )", "app in (db,web)"),
        ("app in(web)", "app in (web)"),
        ("app notin (web)", "app notin (web)"),
        ("app", "app"),
        ("!app", "!app"),
        ("! app", "!app"),
        ("x>1", "x>1"),
        ("x < 5", "x<5"),
        ("b=2,a=1", "a=1,b=2"),
        ("app=", "app="),
        ("app=,b=1", "app=,b=1"),
        ("app!=", "app!="),
        ("app in (,)", "app in (,)"),
        ("app in ()", "app in (,)"),
        ("app in (a,)", "app in (,a)"),
        ("app in (a,,b)", "app in (,a,b)"),
        ("in in (in,notin)", "in in (in,notin)"),
        ("in", "in"),
        ("notin=in", "notin=in"),
        ("example.com/a.b-c=1", "example.com/a.b-c=1"),
        ("a,b,!c", "a,b,!c"),
        ("a\n,\tb", "a,b"),
    ],
)
def test_label_selector_parses_and_prints(text: str, printed: str) -> None:
    """Every form of the syntax is read and printed in one canonical form."""
    assert str(LabelSelector.parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a===b", "unable to parse requirement: found '=', expected: identifier"),
        (",", "found ',', expected: !, identifier, or 'end of string'"),
        (",a", "found ',', expected: !, identifier, or 'end of string'"),
        ("=a", "found '=', expected: !, identifier, or 'end of string'"),
        ("a,", "found '', expected: identifier after ','"),
        ("a,,b", "found ',', expected: identifier after ','"),
        ("a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"),
        ("a in b", r"unable to parse requirement: found 'b' expected: '\('"),
        ("a in (b", "unable to parse requirement: found '', expected: ',' or '\\)'"),
        ("a in (", "unable to parse requirement: found '', expected: ',', '\\)' or identifier"),
        ("a in (b c)", "found 'c', expected: ',' or '\\)'"),
        ("a=b c", "found 'c', expected: ',' or 'end of string'"),
        ("!a=b", "found '=', expected: ',' or 'end of string'"),
        ("!", "found '', expected: identifier"),
        ("!!a", "found '!', expected: identifier"),
        ("a>", "the value must be an integer"),
        ("a>-5", "a valid label must be"),
        ("a>x", r'values\[0\]: Invalid value: "x": for .Gt., .Lt. operators, the value must be an integer'),
        ("a<9223372036854775808", "the value must be an integer"),
        ("-a=b", "name part must consist of"),
        ("a/b/c=d", "a valid label key must consist of"),
        ("/a=b", "prefix part must be non-empty"),
        ("a/=b", "name part must be non-empty"),
        ("A.com/x=b", '<nil>: Invalid value: "A.com/x": prefix part a lowercase RFC 1123 subdomain must consist of'),
        ("a=b:c", "a valid label must be"),
        ("a=-b", "a valid label must be"),
        (f"{'a' * 64}=b", "no more than 63"),
        (f"a={'b' * 64}", "no more than 63"),
        (f"{'a' * 254}/x=b", "253"),
        ("a=(b)", r"found '\(', expected: identifier"),
        ("a=ü", "a valid label must be"),
    ],
)
def test_label_selector_refuses_what_the_server_refuses(text: str, message: str) -> None:
    """A selector the server would answer with 400 is refused in its words, before it is sent."""
    with pytest.raises(InvalidSelectorError, match=message):
        LabelSelector.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("app=web", True),
        ("app=db", False),
        ("app!=db", True),
        ("app!=web", False),
        ("none!=x", True),
        ("app in (web,db)", True),
        ("none in (web)", False),
        ("app notin (db)", True),
        ("none notin (db)", True),
        ("app,tier", True),
        ("app,none", False),
        ("!none", True),
        ("!app", False),
        ("replicas>2", True),
        ("replicas>3", False),
        ("replicas<4", True),
        ("app>1", False),
        ("none<1", False),
        ("empty=", True),
        ("empty", True),
        ("none=", False),
        ("app=web,tier in (front),!none", True),
        ("app=web,tier=back", False),
        ("example.com/x=1", True),
    ],
)
def test_label_selector_matches(text: str, expected: bool) -> None:
    """All conditions must hold; a missing label meets only !=, notin and !."""
    assert LabelSelector.parse(text).matches(WEB) is expected


def test_no_labels_at_all_can_match() -> None:
    """An object without labels is one whose labels are all missing."""
    assert LabelSelector.parse("!a").matches(None)
    assert not LabelSelector.parse("a").matches(None)


@given(selectors)
def test_printed_label_selector_parses_to_itself(selector: LabelSelector) -> None:
    """Parsing what is printed gives an equal selector."""
    assert LabelSelector.parse(str(selector)) == selector


@given(selectors, label_sets)
def test_label_selector_agrees_with_brute_force(selector: LabelSelector, labels: dict[str, str]) -> None:
    """Matching is the conjunction of each requirement taken word by word."""
    assert selector.matches(labels) == all(brute_force(item, labels) for item in selector.requirements)


@given(st.text(alphabet="ab=!(),<> in/.\\\t", max_size=20) | st.text(max_size=20))
def test_any_text_is_a_label_selector_or_an_error(text: str) -> None:
    """No text ends in another exception, and what is accepted keeps its meaning when printed."""
    try:
        selector = LabelSelector.parse(text)
    except InvalidSelectorError:
        return
    assert LabelSelector.parse(str(selector)) == selector


@pytest.mark.parametrize(
    ("mapping", "printed"),
    [
        ({}, ""),
        ({"app": "web"}, "app=web"),
        ({"app": ["web", "db"]}, "app in (db,web)"),
        ({"app": {"web"}}, "app in (web)"),
        ({"app": None}, "app"),
        ({"b": "1", "a": ""}, "a=,b=1"),
    ],
)
def test_label_selector_from_a_mapping(mapping: dict[str, Any], printed: str) -> None:
    """A string is equality, a list is "one of", None is existence."""
    assert str(LabelSelector.from_mapping(mapping)) == printed


@pytest.mark.parametrize(
    "mapping",
    [{"a": True}, {"a": 1}, {"a": 1.5}, {"a": {}}, {"a": b"x"}, {"a": []}, {"a": [1]}, {"a b": "x"}, {1: "x"}],
)
def test_label_selector_mapping_is_strict(mapping: dict[Any, Any]) -> None:
    """A number or boolean is not silently turned into text."""
    with pytest.raises(InvalidSelectorError):
        LabelSelector.from_mapping(mapping)


def test_label_selector_from_the_spec_of_an_object() -> None:
    """The matchLabels and matchExpressions of a Deployment or PodDisruptionBudget become one selector."""
    selector = LabelSelector.from_spec(
        {
            "matchLabels": {"app": "web"},
            "matchExpressions": [
                {"key": "tier", "operator": "In", "values": ["b", "a"]},
                {"key": "old", "operator": "DoesNotExist"},
                {"key": "x", "operator": "Exists", "values": []},
                {"key": "y", "operator": "NotIn", "values": ["z"]},
            ],
        }
    )
    assert str(selector) == "app=web,!old,tier in (a,b),x,y notin (z)"
    assert LabelSelector.from_spec({}) == LabelSelector()


@pytest.mark.parametrize(
    "spec",
    [
        {"app": "web"},
        {"matchExpressions": [{"key": "a", "operator": "Like", "values": ["b"]}]},
        {"matchExpressions": [{"key": "a", "operator": "In"}]},
        {"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]},
        {"matchExpressions": [{"operator": "Exists"}]},
        {"matchLabels": {"a": 1}},
    ],
)
def test_label_selector_spec_is_checked(spec: dict[str, Any]) -> None:
    """A spec the server would refuse is refused."""
    with pytest.raises(InvalidSelectorError):
        LabelSelector.from_spec(spec)


def test_label_selector_is_a_value() -> None:
    """Equal selectors are one key whatever the order they were written in; an empty one is false."""
    assert len({LabelSelector.parse("a=1,b=2"), LabelSelector.parse("b==2, a = 1")}) == 1
    assert not LabelSelector()
    assert LabelSelector.parse("a")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (" ", None),
        ({}, None),
        (LabelSelector(), None),
        ("b==2, a = 1", "b==2, a = 1"),
        ({"a": "1"}, "a=1"),
        (LabelSelector.parse("!a"), "!a"),
    ],
)
def test_label_selector_parameter(value: Any, expected: str | None) -> None:
    """Any form becomes the query parameter; text is sent as written, nothing to select sends nothing."""
    assert label_selector(value) == expected


@pytest.mark.parametrize("value", ["a===b", {"a": 1}, 3, ["a"], b"a"])
def test_label_selector_parameter_is_checked(value: Any) -> None:
    """A wrong selector never becomes a parameter."""
    with pytest.raises(InvalidSelectorError):
        label_selector(value)


def test_error_about_a_parameter_quotes_the_selector() -> None:
    """What the server would say comes after the text it is about."""
    with pytest.raises(InvalidSelectorError, match=r"^label selector 'a=b=c': found '=', expected: ',' or 'end of"):
        label_selector("a=b=c")
    with pytest.raises(InvalidSelectorError, match=r"^field selector 'a': invalid selector"):
        field_selector("a")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("", ""),
        ("metadata.name=a", "metadata.name=a"),
        ("metadata.name==a", "metadata.name=a"),
        ("status.phase!=Running", "status.phase!=Running"),
        ("b=1,a=2", "a=2,b=1"),
        ("a=", "a="),
        (",a=1,,", "a=1"),
        (r"a=x\,y\=z\\", r"a=x\,y\=z\\"),
        ("a=x y", "a=x y"),
        ("a=!b", "a=!b"),
        ("involvedObject.name=p,involvedObject.kind=Pod", "involvedObject.kind=Pod,involvedObject.name=p"),
    ],
)
def test_field_selector_parses_and_prints(text: str, printed: str) -> None:
    """The three operators and the escapes of values are read and printed."""
    assert str(FieldSelector.parse(text)) == printed


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "invalid selector: 'a'; can't understand 'a'"),
        ("a=1,b", "can't understand 'b'"),
        ("a in (b)", "can't understand"),
        ("a=b=c", "unescaped character in value: 61"),
        ("a===b", "unescaped character in value: 61"),
        (r"a=\x", "invalid escape sequence"),
        ("a=b\\", "invalid escape sequence"),
        ("=b", "is no field path"),
        ("a b=c", "is no field path"),
        ("a>1", "can't understand"),
    ],
)
def test_field_selector_refuses_what_the_server_refuses(text: str, message: str) -> None:
    """A field selector the server cannot parse is refused in its words."""
    with pytest.raises(InvalidSelectorError, match=message):
        FieldSelector.parse(text)


def test_field_selector_matches_mappings_and_functions() -> None:
    """Fields come by path from a mapping or a function; a missing one is the empty string."""
    selector = FieldSelector.parse("metadata.name=a,status.phase!=Running")
    assert selector.matches({"metadata.name": "a", "status.phase": "Pending"})
    assert selector.matches({"metadata.name": "a"}.get)
    assert not selector.matches({"metadata.name": "a", "status.phase": "Running"})
    assert not selector.matches({})
    assert FieldSelector.parse("x=").matches({})
    assert FieldSelector().matches({})


terms = st.builds(
    FieldTerm, st.sampled_from(["a", "a.b", "metadata.name"]), st.sampled_from(["=", "!="]), st.text(max_size=6)
)
special_terms = st.builds(FieldTerm, st.just("a"), st.sampled_from(["=", "!="]), st.text("\\,=!a", max_size=8))


@given(st.lists(terms | special_terms, max_size=4))
def test_printed_field_selector_parses_to_itself(items: list[FieldTerm]) -> None:
    """Values with commas, equals signs and backslashes survive being printed and parsed."""
    selector = FieldSelector(tuple(items))
    assert FieldSelector.parse(str(selector)) == selector


@given(st.text(alphabet="ab.=!\\, ", max_size=16) | st.text(max_size=16))
def test_any_text_is_a_field_selector_or_an_error(text: str) -> None:
    """No text ends in another exception, and what is accepted keeps its meaning when printed."""
    try:
        selector = FieldSelector.parse(text)
    except InvalidSelectorError:
        return
    assert FieldSelector.parse(str(selector)) == selector


@given(
    st.lists(terms, max_size=4), st.dictionaries(st.sampled_from(["a", "a.b", "metadata.name"]), st.text(max_size=2))
)
def test_field_selector_agrees_with_brute_force(items: list[FieldTerm], fields: dict[str, str]) -> None:
    """Matching is the conjunction of each term taken word by word."""
    expected = True
    for term in items:
        equal = fields.get(term.field, "") == term.value
        expected = expected and (equal if term.operator == "=" else not equal)
    assert FieldSelector(tuple(items)).matches(fields) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ({}, None),
        ("a==b", "a==b"),
        ({"metadata.name": "a,b"}, r"metadata.name=a\,b"),
        (FieldSelector.parse("a!=b"), "a!=b"),
    ],
)
def test_field_selector_parameter(value: Any, expected: str | None) -> None:
    """Any form becomes the query parameter; text is sent as written, nothing to select sends nothing."""
    assert field_selector(value) == expected


@pytest.mark.parametrize("value", ["a", {"a": 1}, {"a": None}, {"a": ["b"]}, 3, {"": "x"}])
def test_field_selector_parameter_is_checked(value: Any) -> None:
    """A wrong selector never becomes a parameter."""
    with pytest.raises(InvalidSelectorError):
        field_selector(value)


@pytest.mark.parametrize("operator", ["like", "==", "Gt", ""])
def test_requirements_know_their_operators(operator: str) -> None:
    """An operator that is none is refused when the requirement is built."""
    with pytest.raises(InvalidSelectorError, match="not a valid label selector operator"):
        Requirement("a", operator, ("b",))


def test_requirement_with_one_value_takes_one() -> None:
    """Equality with two values says nothing."""
    with pytest.raises(InvalidSelectorError, match="exactly one value"):
        Requirement("a", "=", ("b", "c"))


def test_selectors_must_be_text_to_be_parsed() -> None:
    """Parsing something else is a clear error."""
    for parse in (LabelSelector.parse, FieldSelector.parse):
        with pytest.raises(InvalidSelectorError, match="is a string or a mapping"):
            parse(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidSelectorError, match="neither '=' nor '!='"):
        FieldTerm("a", ">", "b")
