"""What a server serves: groups, versions, resources, and their schemas."""

from __future__ import annotations

from dynkube.discovery.cache import CachedDiscovery, Discoverer
from dynkube.discovery.client import DiscoveryClient
from dynkube.discovery.discovered import Discovered, ResourceLists
from dynkube.discovery.resources import APIGroup, APIResource

__all__ = [
    "APIGroup",
    "APIResource",
    "CachedDiscovery",
    "Discovered",
    "Discoverer",
    "DiscoveryClient",
    "ResourceLists",
]
