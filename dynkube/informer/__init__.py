"""A local copy of what the server has, kept up to date: reflector, store, handlers, listers and their factory."""

from __future__ import annotations

from dynkube.informer.delta_fifo import Delta, DeltaFIFO, DeltaType
from dynkube.informer.factory import InformerFactory, Selection
from dynkube.informer.handler import HandlerRegistration
from dynkube.informer.indexer import NAMESPACE_INDEX, Indexer, index_by_namespace
from dynkube.informer.lister import Lister
from dynkube.informer.mutation import MutationDetector
from dynkube.informer.reflector import Reflector
from dynkube.informer.shared import SharedInformer
from dynkube.informer.transforms import drop_managed_fields, only_metadata
from dynkube.watch.reading import object_key, split_key

__all__ = [
    "NAMESPACE_INDEX",
    "Delta",
    "DeltaFIFO",
    "DeltaType",
    "HandlerRegistration",
    "Indexer",
    "InformerFactory",
    "Lister",
    "MutationDetector",
    "Reflector",
    "Selection",
    "SharedInformer",
    "drop_managed_fields",
    "index_by_namespace",
    "object_key",
    "only_metadata",
    "split_key",
]
