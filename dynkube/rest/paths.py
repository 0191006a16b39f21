"""URL paths and queries of the Kubernetes API, built and validated without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from dynkube.errors import InvalidRequestError
from dynkube.names import check_path_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.names import GroupVersion

#: What stays literal in a path segment beside letters, digits and `-._~`: what Go's `url.PathEscape` leaves (facts of
#: RFC 3986).
_SEGMENT_SAFE = "$&+:=@"


def quote_segment(value: str, what: str) -> str:
    """Return `value` as one encoded path segment; `what` names it in the message.

    Raises InvalidNameError for an empty value, `.`, `..`, and anything with `/`, `%` or a control character: quoting
    alone does not help, since proxies and servers decode and resolve such segments.
    """
    return quote(check_path_segment(value, what), safe=_SEGMENT_SAFE)


def resource_path(
    group_version: GroupVersion,
    resource: str,
    *,
    namespace: str | None = None,
    name: str | None = None,
    subresource: str | None = None,
) -> str:
    """Return the encoded path of a resource, one of its objects, or a subresource of that object.

    The core group lives under `/api`, every other under `/apis`. A subresource may have several parts
    (`proxy/some/path`); each is validated. Raises InvalidNameError for a part that cannot be a path segment, and
    InvalidRequestError for a subresource without a name.
    """
    version = quote_segment(group_version.version, "API version")
    parts = (
        ["/apis", quote_segment(group_version.group, "API group"), version]
        if group_version.group
        else ["/api", version]
    )
    if namespace is not None:
        parts += ("namespaces", quote_segment(namespace, "namespace"))
    parts.append(quote_segment(resource, "resource"))
    if name is not None:
        parts.append(quote_segment(name, f"name of {resource}"))
    if subresource is not None:
        if name is None:
            raise InvalidRequestError(f"subresource {subresource!r} of {resource} needs the name of an object")
        parts += (quote_segment(part, "subresource") for part in subresource.split("/"))
    return "/".join(parts)


def encode_query(params: Mapping[str, str | int | bool | Sequence[str] | None]) -> str:
    """Return the query for `params`, without the `?`; `""` when nothing is set.

    Keys are sorted, `None` is left out, `True` and `False` are `true` and `false`, a sequence repeats its key, a space
    is `+`: the form client-go puts on the wire (apimachinery `conversion/queryparams`).
    """
    pairs: list[str] = []
    for key in sorted(params):
        value = params[key]
        if value is None:
            continue
        items = value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else (value,)
        pairs += [f"{quote_plus(key)}={quote_plus(_text(key, item))}" for item in items]
    return "&".join(pairs)


def _text(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise InvalidRequestError(f"query parameter {key!r} must be text, a number, a truth value or a list, not {value!r}")
