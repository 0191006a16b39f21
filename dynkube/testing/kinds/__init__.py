"""What schemas do not say about single kinds, in small tables; `kind_rules` finds a kind's."""

from __future__ import annotations

from dynkube.testing.kinds.rules import KindRules, kind_rules

__all__ = ["KindRules", "kind_rules"]
