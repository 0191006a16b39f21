"""Label and field selectors: parse, print, match, and build from a mapping.

Grammar, meaning and wording of errors are those of apimachinery's ``labels`` and ``fields`` packages, so that a
selector means the same here, in an informer's cache and on the server, and a wrong one is found before it is sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidSelectorError
from dynkube.values import OrderedValue, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_INTEGER = re.compile(r"[0-9]+")
_TOKEN = re.compile(
    r"[ \t\r\n]*(?:(?P<symbol>!=|==|[=!(),<>])|(?P<word>[^=!(),<> \t\r\n]+)|(?P<other>.)|\Z)", re.DOTALL
)
_OPERATORS = {"in": "in", "notin": "notin", "=": "=", "==": "=", "!=": "!=", ">": ">", "<": "<"}
_EXPRESSIONS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}


class Requirement(OrderedValue):
    """One condition on one label.

    ``operator`` is "=", "!=", "in", "notin", "exists", "!", ">" or "<"; ``values`` are sorted, without duplicates.
    Raises `InvalidSelectorError` for a key or value no label can have.
    """

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_key(self.key)
        object.__setattr__(self, "values", tuple(sorted(set(self.values))))
        if self.operator in ("in", "notin"):
            if not self.values:
                raise InvalidSelectorError(f"{self.key}: for 'in', 'notin' operators, values set can't be empty")
        elif self.operator in ("exists", "!"):
            if self.values:
                raise InvalidSelectorError(f"{self.key}: values set must be empty for exists and does not exist")
        elif self.operator not in ("=", "!=", ">", "<"):
            raise InvalidSelectorError(f"{self.key}: {self.operator!r} is not a valid label selector operator")
        elif len(self.values) != 1:
            raise InvalidSelectorError(f"{self.key}: operator {self.operator!r} takes exactly one value")
        for value in self.values:
            if self.operator in ("<", ">") and not _is_number(value):
                why = "for 'Gt', 'Lt' operators, the value must be an integer"
                raise InvalidSelectorError(f"values[0]: Invalid value: {_quoted(value)}: {why}")
            _check_value(self.key, value)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Tell whether the labels meet the condition; a missing label meets "!=" and "notin", as on the server."""
        value = labels.get(self.key)
        if self.operator == "!":
            return value is None
        if self.operator in ("!=", "notin"):
            return value is None or value not in self.values
        if value is None:
            return False
        if self.operator == "exists":
            return True
        if self.operator in ("=", "in"):
            return value in self.values
        if not _is_int64(value):
            return False
        return int(value) > int(self.values[0]) if self.operator == ">" else int(value) < int(self.values[0])

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        if self.operator in ("in", "notin"):
            # Servers before 1.36 read "()" as no value at all; the comma makes the empty one clear to all.
            return f"{self.key} {self.operator} ({','.join(self.values) or ','})"
        return f"{self.key}{self.operator}{self.values[0]}"


class LabelSelector(Value):
    """Conditions that must all hold; none at all matches everything. Requirements are sorted, so equal means equal."""

    requirements: tuple[Requirement, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "requirements", tuple(sorted(self.requirements)))

    @classmethod
    def parse(cls, text: str) -> LabelSelector:
        """Return the selector written in kubectl's syntax: ``a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1``.

        Raises `InvalidSelectorError`, worded as the server would.
        """
        if not isinstance(text, str):
            raise InvalidSelectorError(f"a label selector is a string or a mapping, not {text!r}")
        return cls(tuple(_Parser(text).requirements()))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str | Iterable[str] | None]) -> LabelSelector:
        """Return the selector for ``{"app": "web", "tier": ["a", "b"], "x": None}``: equal, one of, exists.

        Raises `InvalidSelectorError` for other values (a number or boolean is no label value: quote it).
        """
        return cls(tuple(_requirement_for(key, value) for key, value in mapping.items()))

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> LabelSelector:
        """Return the selector an object holds, with ``matchLabels`` and ``matchExpressions`` (metav1.LabelSelector).

        An empty one matches everything. Raises `InvalidSelectorError`.
        """
        unknown = set(spec) - {"matchLabels", "matchExpressions"}
        if unknown:
            raise InvalidSelectorError(f"a selector has matchLabels and matchExpressions, not {sorted(unknown)}")
        requirements = [Requirement(key, "=", (value,)) for key, value in (spec.get("matchLabels") or {}).items()]
        for expression in spec.get("matchExpressions") or ():
            operator = _EXPRESSIONS.get(expression.get("operator"))
            if operator is None:
                raise InvalidSelectorError(
                    f"{expression.get('operator')!r} is not a valid label selector operator: {', '.join(_EXPRESSIONS)}"
                )
            requirements.append(Requirement(expression.get("key"), operator, tuple(expression.get("values") or ())))
        return cls(tuple(requirements))

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Tell whether the labels of an object meet all conditions; None counts as no labels."""
        labels = labels or {}
        return all(requirement.matches(labels) for requirement in self.requirements)

    def __bool__(self) -> bool:
        return bool(self.requirements)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))


class FieldTerm(OrderedValue):
    """One condition on one field: ``operator`` is "=" or "!="."""

    field: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        for what, text in (("field", self.field), ("value", self.value)):
            if not isinstance(text, str):
                raise InvalidSelectorError(f"invalid field selector: the {what} {text!r} must be a string")
        if not self.field or re.search(r"[=!,\\\s]", self.field):
            raise InvalidSelectorError(f"invalid field selector: {self.field!r} is no field path")
        if self.operator not in ("=", "!="):
            raise InvalidSelectorError(f"invalid field selector: {self.operator!r} is neither '=' nor '!='")

    def __str__(self) -> str:
        return self.field + self.operator + re.sub(r"([\\,=])", r"\\\1", self.value)


class FieldSelector(Value):
    """Conditions on fields that must all hold; none at all matches everything.

    Which fields a resource can be selected by only the server knows: metadata.name and metadata.namespace always,
    others by kind.
    """

    terms: tuple[FieldTerm, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "terms", tuple(sorted(self.terms)))

    @classmethod
    def parse(cls, text: str) -> FieldSelector:
        r"""Return the selector written ``a.b=c,d.e!=f``; a backslash escapes ``,``, ``=`` and itself in values.

        Raises `InvalidSelectorError`, worded as the server would.
        """
        if not isinstance(text, str):
            raise InvalidSelectorError(f"a field selector is a string or a mapping, not {text!r}")
        terms = []
        for term in re.findall(r"(?:\\.|[^,\\]|\\$)+", text, re.DOTALL):
            found = re.fullmatch(r"([^=!\\]*)(!=|==|=)(.*)", term, re.DOTALL)
            if found is None:
                raise InvalidSelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
            field, operator, value = found.groups()
            terms.append(FieldTerm(field, "!=" if operator == "!=" else "=", _unescape(value)))
        return cls(tuple(terms))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, str]) -> FieldSelector:
        """Return the selector for ``{"status.phase": "Running"}``; raises `InvalidSelectorError` for other values."""
        return cls(tuple(FieldTerm(field, "=", value) for field, value in mapping.items()))

    def matches(self, fields: Mapping[str, str] | Callable[[str], str | None]) -> bool:
        """Tell whether the fields meet all conditions; they are given by path, and a missing one is ""."""
        get = fields.get if isinstance(fields, Mapping) else fields
        return all(((get(term.field) or "") == term.value) == (term.operator == "=") for term in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))


def label_selector(value: str | Mapping[str, Any] | LabelSelector | None) -> str | None:
    """Return the ``labelSelector`` parameter for a selector in any form, or None if it selects everything.

    Text is checked and sent as it was written. Raises `InvalidSelectorError`.
    """
    if isinstance(value, str):
        try:
            LabelSelector.parse(value)
        except InvalidSelectorError as error:
            raise InvalidSelectorError(f"label selector {value!r}: {error}") from None
        return value.strip() or None
    if isinstance(value, Mapping):
        value = LabelSelector.from_mapping(value)
    elif value is not None and not isinstance(value, LabelSelector):
        raise InvalidSelectorError(f"a label selector is a string or a mapping, not {value!r}")
    return str(value) if value else None


def field_selector(value: str | Mapping[str, str] | FieldSelector | None) -> str | None:
    """Return the ``fieldSelector`` parameter for a selector in any form, or None if it selects everything.

    Text is checked and sent as it was written. Raises `InvalidSelectorError`.
    """
    if isinstance(value, str):
        try:
            FieldSelector.parse(value)
        except InvalidSelectorError as error:
            raise InvalidSelectorError(f"field selector {value!r}: {error}") from None
        return value.strip() or None
    if isinstance(value, Mapping):
        value = FieldSelector.from_mapping(value)
    elif value is not None and not isinstance(value, FieldSelector):
        raise InvalidSelectorError(f"a field selector is a string or a mapping, not {value!r}")
    return str(value) if value else None


class _Parser:
    """Recursive descent over the tokens of a label selector (apimachinery ``labels.Parser``)."""

    def __init__(self, text: str) -> None:
        self.tokens = [(match["word"] is not None, match[0].strip(" \t\r\n")) for match in _TOKEN.finditer(text)]
        self.position = 0

    def look(self) -> tuple[bool, str]:
        return self.tokens[self.position] if self.position < len(self.tokens) else (False, "")

    def take(self) -> tuple[bool, str]:
        token = self.look()
        self.position += 1
        return token

    def requirements(self) -> Iterator[Requirement]:
        if self.look() == (False, ""):
            return
        is_word, text = self.look()
        if not is_word and text != "!":
            raise InvalidSelectorError(f"found '{text}', expected: !, identifier, or 'end of string'")
        while True:
            try:
                yield self.requirement()
            except InvalidSelectorError as error:
                raise InvalidSelectorError(f"unable to parse requirement: {error}") from None
            _, text = self.take()
            if text == "":
                return
            if text != ",":
                raise InvalidSelectorError(f"found '{text}', expected: ',' or 'end of string'")
            is_word, text = self.look()
            if not is_word and text != "!":
                raise InvalidSelectorError(f"found '{text}', expected: identifier after ','")

    def requirement(self) -> Requirement:
        absent = self.look() == (False, "!")
        if absent:
            self.take()
        is_word, key = self.take()
        if not is_word:
            raise InvalidSelectorError(f"found '{key}', expected: identifier")
        _check_key(key)
        if absent or self.look() in ((False, ""), (False, ",")):
            return Requirement(key, "!" if absent else "exists")
        _, text = self.take()
        operator = _OPERATORS.get(text)
        if operator is None:
            raise InvalidSelectorError(f"found '{text}', expected: in, notin, =, ==, !=, gt, lt")
        values = self.values() if operator in ("in", "notin") else (self.value(),)
        return Requirement(key, operator, tuple(values))

    def value(self) -> str:
        if self.look() in ((False, ""), (False, ",")):
            return ""
        is_word, text = self.take()
        if not is_word:
            raise InvalidSelectorError(f"found '{text}', expected: identifier")
        return text

    def values(self) -> list[str]:
        _, text = self.take()
        if text != "(":
            raise InvalidSelectorError(f"found '{text}' expected: '('")
        if self.look() == (False, ")"):
            self.take()
            return [""]
        values = []
        while True:
            is_word, text = self.look()
            if is_word:
                self.take()
                values.append(text)
            elif text in (",", ")"):
                values.append("")  # "(,a)" and "(a,)" name the empty value, too
            else:
                raise InvalidSelectorError(f"found '{text}', expected: ',', ')' or identifier")
            _, text = self.take()
            if text == ")":
                return values
            if text != ",":
                raise InvalidSelectorError(f"found '{text}', expected: ',' or ')'")


def _requirement_for(key: str, value: Any) -> Requirement:
    if value is None:
        return Requirement(key, "exists")
    if isinstance(value, str):
        return Requirement(key, "=", (value,))
    if isinstance(value, bool | int | float | Mapping | bytes):
        raise InvalidSelectorError(f"{key}: {value!r} is no label value; give a string, a list of strings or None")
    return Requirement(key, "in", tuple(value))


#: What apimachinery says about names, prefixes and values that are none.
_NAME_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    f"'{_NAME.pattern}')"
)
_PREFIX_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    f"end with an alphanumeric character (e.g. 'example.com', regex used for validation is '{_PREFIX.pattern}')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'({_NAME.pattern})?')"
)


def _key_problems(key: Any) -> list[str]:
    if not isinstance(key, str):
        return ["must be a string"]
    prefix, slash, name = key.rpartition("/")
    if "/" in prefix:
        optional = "with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a valid label key {_NAME_TEXT} {optional}"]
    problems = []
    if slash and not prefix:
        problems.append("prefix part must be non-empty")
    elif slash:
        problems += ["prefix part must be no more than 253 bytes"] * (len(prefix.encode()) > 253)
        problems += [f"prefix part {_PREFIX_TEXT}"] * (_PREFIX.fullmatch(prefix) is None)
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode()) > 63:
        problems.append("name part must be no more than 63 bytes")
    if not _NAME.fullmatch(name):
        problems.append(f"name part {_NAME_TEXT}")
    return problems


def _check_key(key: Any) -> None:
    problems = _key_problems(key)
    if problems:
        raise InvalidSelectorError(f"<nil>: Invalid value: {_quoted(key)}: {'; '.join(problems)}")


def _check_value(key: str, value: Any) -> None:
    if not isinstance(value, str):
        problems = ["must be a string"]
    else:
        problems = ["must be no more than 63 bytes"] * (len(value.encode()) > 63)
        problems += [_VALUE_TEXT] * bool(value and not _NAME.fullmatch(value))
    if problems:
        raise InvalidSelectorError(f"values[0][{key}]: Invalid value: {_quoted(value)}: {'; '.join(problems)}")


def _quoted(value: Any) -> str:
    return '"' + value.replace('"', '\\"') + '"' if isinstance(value, str) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _is_int64(value.removeprefix("-"))


def _is_int64(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and int(text) < 2**63


def _unescape(value: str) -> str:
    wrong = re.search(r"\\(?![\\,=]).?", re.sub(r"\\\\", "", value), re.DOTALL)
    if wrong:
        raise InvalidSelectorError(f"invalid field selector: invalid escape sequence: {wrong[0]}")
    bare = re.search(r"[,=]", re.sub(r"\\.", "", value, flags=re.DOTALL))
    if bare:
        raise InvalidSelectorError(f"invalid field selector: unescaped character in value: {ord(bare[0])}")
    return re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
