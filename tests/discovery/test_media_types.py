"""Telling the aggregated form of discovery from the plain one by its Content-Type."""

from __future__ import annotations

import pytest

from dynkube.discovery.media_types import AGGREGATED, is_aggregated


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json;as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io",
        "application/json; charset=utf-8; g=apidiscovery.k8s.io; v=v2; as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList;profile=nopeer",
        'Application/JSON;G=apidiscovery.k8s.io;V="v2";AS=APIGroupDiscoveryList',
    ],
)
def test_aggregated(content_type: str) -> None:
    """The parameters may come in any order, with others between them."""
    assert is_aggregated(content_type)


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "text/html; charset=utf-8",
        "application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2",
        "application/json;g=meta.k8s.io;v=v1;as=Table",
        "application/yaml;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g;v;as",
        ";;;",
    ],
)
def test_plain(content_type: str) -> None:
    """Anything else is the plain form, or no discovery at all; so is a version not known here."""
    assert not is_aggregated(content_type)


def test_accept_header() -> None:
    """Discovery asks for v2, then v2beta1, then plain JSON, with the parameters in the order servers compare them."""
    assert AGGREGATED.split(",") == [
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList",
        "application/json",
    ]
