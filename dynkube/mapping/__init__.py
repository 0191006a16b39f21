"""From names to resources: plural, singular, kind, short name, with or without group and version."""

from __future__ import annotations

from dynkube.mapping.rest_mapper import RESTMapper, RESTMapping

__all__ = ["RESTMapper", "RESTMapping"]
