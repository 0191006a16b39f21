"""``format.dns1123Label().validate(text)`` and the other forms of names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from dynkube.testing.cel import types
from dynkube.testing.cel.declarations import Overload, member, plain
from dynkube.testing.cel.library import urls
from dynkube.testing.cel.values import NONE, ListValue, Optional
from dynkube.testing.objects import formats, schema_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dynkube.testing.cel.types import Type


@dataclass(frozen=True)
class Format:
    """A form by name; ``problems`` says what is wrong with a text."""

    name: str
    problems: Callable[[str], list[str]]
    cel_type: ClassVar[Type] = types.FORMAT


def _prefix(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Return a check of the beginning of a name: a hyphen at its end is followed by more."""
    return lambda text: check(f"{text[:-1]}a" if len(text) > 1 and text.endswith("-") else text)


def _openapi(form: str, why: str) -> Callable[[str], list[str]]:
    return lambda text: [] if schema_rules.has_format(text, form) else [why]


def _uri(text: str) -> list[str]:
    why = urls.problem(text)
    return [why] if why else []


_FORMATS: Final[dict[str, Callable[[str], list[str]]]] = {
    "dns1123Label": formats.label,
    "dns1123Subdomain": formats.subdomain,
    "dns1035Label": formats.label_1035,
    "qualifiedName": formats.qualified_name,
    "dns1123LabelPrefix": _prefix(formats.label),
    "dns1123SubdomainPrefix": _prefix(formats.subdomain),
    "dns1035LabelPrefix": _prefix(formats.label_1035),
    "labelValue": formats.label_value,
    "uri": _uri,
    "uuid": _openapi("uuid", "does not match the UUID format"),
    "byte": _openapi("byte", "invalid base64"),
    "date": _openapi("date", "invalid date"),
    "datetime": _openapi("datetime", "invalid datetime"),
}


def overloads() -> Iterator[Overload]:
    """Yield the functions of forms."""
    for name, problems in _FORMATS.items():
        yield plain(f"format.{name}", "", "format", _constant(Format(name, problems)))
    yield plain("format.named", "string", "optional(format)", _named)
    yield member("validate", "format, string", "optional(list(string))", _validate)


def _constant(form: Format) -> Callable[[], Format]:
    return lambda: form


def _named(name: str) -> Optional:
    found = _FORMATS.get(name)
    return NONE if found is None else Optional(Format(name, found))


def _validate(form: Format, text: str) -> Optional:
    found = form.problems(text)
    return Optional(ListValue(found)) if found else NONE
