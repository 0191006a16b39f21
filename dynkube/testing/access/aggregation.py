"""Cluster roles made of others: what their selectors gather, and the controller that writes it into them.

kube-controller-manager's clusterrole-aggregation: rules of every selected role, by selector and name, each once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dynkube.errors import InvalidSelectorError
from dynkube.selectors import LabelSelector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.storage.store import Collection

ROLES: Collection = ("rbac.authorization.k8s.io", "clusterroles")


def gathered(cluster: Cluster, role: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rules a role with an aggregationRule should hold."""
    found: list[dict[str, Any]] = []
    for spec in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
        try:
            selector = LabelSelector.from_spec(spec)
        except InvalidSelectorError:
            continue  # selects nothing
        for key, record in cluster.store.objects(ROLES)[0]:
            if key[1] != role["metadata"]["name"] and selector.matches(record.object["metadata"].get("labels")):
                found += [rule for rule in record.object.get("rules") or () if rule not in found]
    return found


def settle(cluster: Cluster) -> None:
    """Write into every aggregating role the rules it should hold, until nothing changes any more."""
    changed = True
    while changed:
        changed = False
        with cluster.store.transaction():
            for key, record in cluster.store.objects(ROLES)[0]:
                if not record.object.get("aggregationRule"):
                    continue
                rules = gathered(cluster, record.object)
                if rules != (record.object.get("rules") or []):
                    cluster.store.replace(ROLES, key, {**record.object, "rules": rules})
                    changed = True
