"""The dynamic client: any resource of a cluster, custom ones included, in plain dicts."""

from __future__ import annotations

from dynkube.dynamic.client import DynamicClient, connect
from dynkube.dynamic.clientset import Clientset, GroupVersionClient
from dynkube.dynamic.events import EventsResource
from dynkube.dynamic.metadata import MetadataResource
from dynkube.dynamic.resource import Resource
from dynkube.dynamic.subresource import Subresource
from dynkube.dynamic.table import Column, Row, Table, TableView, TableWatch

__all__ = [
    "Clientset",
    "Column",
    "DynamicClient",
    "EventsResource",
    "GroupVersionClient",
    "MetadataResource",
    "Resource",
    "Row",
    "Subresource",
    "Table",
    "TableView",
    "TableWatch",
    "connect",
]
