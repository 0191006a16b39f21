"""REST: Kubernetes requests built without I/O, sent through one shared client, answered with dicts or exceptions."""

from __future__ import annotations

from dynkube.rest.client import RESTClient
from dynkube.rest.events import EventStream
from dynkube.rest.json_text import encode_applied, encode_body
from dynkube.rest.paths import encode_query, quote_segment, resource_path
from dynkube.rest.request import PATCH_TYPES, Request, Result, patch_media_type

__all__ = [
    "PATCH_TYPES",
    "EventStream",
    "RESTClient",
    "Request",
    "Result",
    "encode_applied",
    "encode_body",
    "encode_query",
    "patch_media_type",
    "quote_segment",
    "resource_path",
]
