"""The simulation as one thing: all its controllers, started and stopped with the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.testing.simulation import nodes
from dynkube.testing.simulation.budgets import Budgets
from dynkube.testing.simulation.cron_jobs import CronJobs
from dynkube.testing.simulation.daemon_sets import DaemonSets
from dynkube.testing.simulation.deployments import Deployments
from dynkube.testing.simulation.endpoints import Endpoints
from dynkube.testing.simulation.jobs import Jobs
from dynkube.testing.simulation.kubelet import Kubelet
from dynkube.testing.simulation.loop import Loop
from dynkube.testing.simulation.namespace_contents import NamespaceContents
from dynkube.testing.simulation.replica_sets import ReplicaSets, ReplicationControllers
from dynkube.testing.simulation.scheduler import Scheduler
from dynkube.testing.simulation.stateful_sets import StatefulSets
from dynkube.testing.simulation.world import World

if TYPE_CHECKING:
    from collections.abc import Callable

    from dynkube.testing.flows.cluster import Cluster
    from dynkube.testing.simulation.options import Simulation


class Life:
    """What kube-controller-manager, the scheduler and the kubelets would do on a real cluster, in one thread."""

    def __init__(self, cluster: Cluster, simulation: Simulation, after_write: Callable[[], None]) -> None:
        self._simulation = simulation
        self._world = World(cluster)
        world = self._world
        controllers = [
            NamespaceContents(world),
            nodes.Nodes(world),
            Scheduler(world, simulation),
            Kubelet(world, simulation),
            ReplicaSets(world),
            ReplicationControllers(world),
            Deployments(world),
            StatefulSets(world),
            DaemonSets(world),
            Jobs(world),
            CronJobs(world),
            Endpoints(world),
            Budgets(world),
        ]
        self._loop = Loop(world, controllers, after_write)

    def start(self) -> None:
        """Make the nodes and begin."""
        with self._world.cluster.store.transaction():
            nodes.fill(self._world, self._simulation)
        self._loop.start()

    def stop(self) -> bool:
        """End, and return whether the thread has ended."""
        return self._loop.stop()

    def reload(self) -> None:
        """Look at everything anew, after a restore."""
        self._loop.reload()
