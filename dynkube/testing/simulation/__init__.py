"""Life for the embedded server: workloads make pods, pods run on nodes that are not there.

`APIServer(simulate=True)`, or `simulate=Simulation(delay=0.5, nodes=5)`. One controller a module, named after what
it does; all run in one thread over the server's own store (see `dynkube.testing.simulation.world`).
"""

from __future__ import annotations

from dynkube.testing.simulation.options import DELAY, OUTCOME, OUTCOMES, Simulation

__all__ = ["DELAY", "OUTCOME", "OUTCOMES", "Simulation"]
