"""What schemas do not say about single kinds, in small tables."""

from __future__ import annotations
