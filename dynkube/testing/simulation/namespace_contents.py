"""What every namespace is given: the default service account, and the certificate authority to trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.testing.simulation.controller import Controller
from dynkube.testing.simulation.world import NAMESPACES, terminating

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.storage.store import Collection, Key

_ACCOUNTS: Collection = ("", "serviceaccounts")
_MAPS: Collection = ("", "configmaps")
_DEFAULT = "default"
_CERTIFICATES = "kube-root-ca.crt"


class NamespaceContents(Controller):
    """Makes both where they are missing, as two controllers of kube-controller-manager do."""

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow namespaces, and what was made in them in case it is deleted."""

        def named(name: str) -> Concerns:
            def concerned(obj: JSONObject) -> Iterable[Key]:
                metadata = obj["metadata"]
                return (("", metadata["namespace"]),) if metadata["name"] == name else ()

            return concerned

        return {
            NAMESPACES: lambda obj: (("", obj["metadata"]["name"]),),
            _ACCOUNTS: named(_DEFAULT),
            _MAPS: named(_CERTIFICATES),
        }

    def reconcile(self, key: Key) -> float | None:
        """Make what is missing in one namespace."""
        namespace = self.world.get(NAMESPACES, key)
        if namespace is None or terminating(namespace):
            return None
        name = key[1]
        if self.world.get(_ACCOUNTS, (name, _DEFAULT)) is None:
            self.world.create(_ACCOUNTS, {"metadata": {"name": _DEFAULT, "namespace": name}})
        if self.world.get(_MAPS, (name, _CERTIFICATES)) is None:
            note = {"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver."}
            metadata = {"name": _CERTIFICATES, "namespace": name, "annotations": note}
            self.world.create(_MAPS, {"metadata": metadata, "data": {"ca.crt": ""}})
        return None
