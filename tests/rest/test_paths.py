"""Paths and queries, built without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dynkube.errors import InvalidNameError, InvalidRequestError
from dynkube.names import GroupVersion
from dynkube.rest import encode_query, quote_segment, resource_path

if TYPE_CHECKING:
    from collections.abc import Mapping

CORE = GroupVersion("", "v1")
APPS = GroupVersion("apps", "v1")


@pytest.mark.parametrize(
    ("group_version", "resource", "options", "path"),
    [
        (CORE, "pods", {}, "/api/v1/pods"),
        (CORE, "pods", {"namespace": "a"}, "/api/v1/namespaces/a/pods"),
        (CORE, "pods", {"namespace": "a", "name": "b"}, "/api/v1/namespaces/a/pods/b"),
        (CORE, "namespaces", {"name": "a"}, "/api/v1/namespaces/a"),
        (CORE, "namespaces", {"name": "a", "subresource": "finalize"}, "/api/v1/namespaces/a/finalize"),
        (APPS, "deployments", {"namespace": "a", "name": "b"}, "/apis/apps/v1/namespaces/a/deployments/b"),
        (APPS, "deployments", {"namespace": "a", "name": "b", "subresource": "scale"},
         "/apis/apps/v1/namespaces/a/deployments/b/scale"),
        (CORE, "services", {"namespace": "a", "name": "https:b:443", "subresource": "proxy/x y/z"},
         "/api/v1/namespaces/a/services/https:b:443/proxy/x%20y/z"),
        (CORE, "clusterroles", {"name": "system:node@$&+=,;?#"}, "/api/v1/clusterroles/system:node@$&+=%2C%3B%3F%23"),
        (CORE, "pods", {"name": "größe"}, "/api/v1/pods/gr%C3%B6%C3%9Fe"),
    ],
)  # fmt: skip
def test_paths_are_built(group_version: GroupVersion, resource: str, options: dict[str, str], path: str) -> None:
    """Core and named groups, namespaces, names and subresources make the paths client-go makes."""
    assert resource_path(group_version, resource, **options) == path


@pytest.mark.parametrize("bad", ["", ".", "..", "a/b", "../x", "a%2fb", "%", "a\nb", "a\0"])
@pytest.mark.parametrize("place", ["resource", "namespace", "name", "subresource"])
def test_segments_that_change_the_path_are_refused(bad: str, place: str) -> None:
    """No part can be empty, climb, or smuggle a slash; the message says which part it was."""
    parts: dict[str, Any] = {"namespace": "a", "name": "b"}
    resource = bad if place == "resource" else "pods"
    if place != "resource":
        parts[place] = bad
    if place == "subresource" and bad == "a/b":
        assert resource_path(CORE, resource, **parts).endswith("/a/b")
        return
    with pytest.raises(InvalidNameError, match=place):
        resource_path(CORE, resource, **parts)


def test_a_subresource_needs_a_name() -> None:
    """Without a name there is nothing a subresource could belong to."""
    with pytest.raises(InvalidRequestError, match="needs the name"):
        resource_path(CORE, "pods", subresource="status")


@given(st.text(min_size=1, max_size=40))
def test_a_quoted_segment_is_one_segment_and_decodes_to_itself(text: str) -> None:
    """Whatever is let through stays one ASCII segment without query or fragment, and decodes to what it was."""
    try:
        quoted = quote_segment(text, "name")
    except InvalidNameError:
        return
    assert quoted.isascii()
    assert not set("/?# \r\n") & set(quoted)
    assert unquote(quoted) == text


@pytest.mark.parametrize(
    ("params", "query"),
    [
        ({}, ""),
        ({"b": "2", "a": "1"}, "a=1&b=2"),
        ({"a": None, "b": True, "c": False, "d": 5}, "b=true&c=false&d=5"),
        ({"dryRun": ["All"], "x": ("1", "2")}, "dryRun=All&x=1&x=2"),
        ({"labelSelector": "app in (a,b),c!=d e"}, "labelSelector=app+in+%28a%2Cb%29%2Cc%21%3Dd+e"),
        ({"a": ""}, "a="),
        ({"a": []}, ""),
        ({"ä": "ö"}, "%C3%A4=%C3%B6"),
    ],
)
def test_queries_are_encoded_as_by_client_go(params: Mapping[str, Any], query: str) -> None:
    """Sorted keys, repeated lists, Go's escaping, None left out."""
    assert encode_query(params) == query


@given(
    st.dictionaries(st.text(max_size=10), st.one_of(st.text(max_size=10), st.lists(st.text(max_size=5), max_size=3)))
)
def test_queries_decode_to_what_they_were(params: dict[str, Any]) -> None:
    """Any text survives the query."""
    try:
        query = encode_query(params)
    except UnicodeEncodeError:
        return
    expected = [
        (key, item)
        for key in sorted(params)
        for item in (params[key] if isinstance(params[key], list) else [params[key]])
    ]
    assert parse_qsl(query, keep_blank_values=True) == expected


@pytest.mark.parametrize("value", [1.5, {"a": 1}, b"x", [None], object()])
def test_values_with_no_query_form_are_refused(value: Any) -> None:
    """What has no obvious form as text is an error that names the parameter."""
    with pytest.raises(InvalidRequestError, match="'limit'"):
        encode_query({"limit": value})
