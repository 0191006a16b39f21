"""The Lease object as the record of who leads (client-go `tools/leaderelection/resourcelock/leaselock.go`)."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dynkube.controller.protocol import Objects
    from dynkube.objects import JSONObject


@dataclass(frozen=True, slots=True)
class LeaderRecord:
    """Who leads, as it is written. The times are text: they are for people and are never compared with a clock."""

    holder: str
    lease_seconds: int
    acquire_time: str
    renew_time: str
    transitions: int


def micro_time(moment: datetime) -> str:
    """Return a moment in UTC the way the API writes `MicroTime`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class LeaseLock:
    """Reads and writes one Lease; remembers the version it read, so that no write undoes somebody else's.

    `timeout` is that of connecting as well as that of each read, in seconds: an election has no time for more.
    """

    def __init__(self, leases: Objects, name: str, *, labels: Mapping[str, str] | None = None) -> None:
        self._leases = leases
        self.name = name
        self._labels = dict(labels or {})
        self._lease: JSONObject | None = None

    def read(self, timeout: float) -> LeaderRecord:
        """Return the record. Raises `NotFound` if there is no Lease."""
        self._lease = self._leases.get(self.name, timeout=(timeout, timeout))
        return _record(self._lease)

    def create(self, record: LeaderRecord, timeout: float) -> None:
        """Create the Lease with this record. Raises `AlreadyExists` if somebody was faster."""
        lease: JSONObject = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name},
            "spec": _spec(record),
        }
        if self._labels:
            lease["metadata"]["labels"] = dict(self._labels)
        self._lease = self._leases.create(lease, timeout=(timeout, timeout))

    def update(self, record: LeaderRecord, timeout: float) -> None:
        """Write the record over the version last read or written. Raises `Conflict` if that is not the present one."""
        if self._lease is None:
            self.read(timeout)
        lease: JSONObject = copy.deepcopy(self._lease or {})
        lease["spec"] = {**(lease.get("spec") or {}), **_spec(record)}
        if self._labels:
            lease["metadata"]["labels"] = {**(lease["metadata"].get("labels") or {}), **self._labels}
        self._lease = self._leases.update(lease, timeout=(timeout, timeout))


def _record(lease: Mapping[str, Any]) -> LeaderRecord:
    spec = lease.get("spec") or {}
    return LeaderRecord(
        holder=spec.get("holderIdentity") or "",
        lease_seconds=spec.get("leaseDurationSeconds") or 0,
        acquire_time=spec.get("acquireTime") or "",
        renew_time=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
    )


def _spec(record: LeaderRecord) -> JSONObject:
    return {
        "holderIdentity": record.holder,
        "leaseDurationSeconds": record.lease_seconds,
        "acquireTime": record.acquire_time,
        "renewTime": record.renew_time,
        "leaseTransitions": record.transitions,
    }
