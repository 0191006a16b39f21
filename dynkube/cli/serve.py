"""`dynkube serve`: the embedded API server as a process, for kubectl, other clients and controllers to work on."""

from __future__ import annotations

import contextlib
import ipaddress
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import OK, complain

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from dynkube.cli.parsing import Parser
    from dynkube.testing import Simulation


def configure(parser: Parser) -> None:
    """Declare the options of `serve`."""
    add = parser.add_argument
    add("--address", default="127.0.0.1", metavar="IP", help="where to listen (default: %(default)s)")
    add("--port", type=int, default=0, metavar="N", help="0, the default, takes any free port")
    parser.switch("--tls", text="HTTPS, with a certificate authority made for this run")
    add("--token-auth-file", metavar="FILE", help='who may come in, a line each: token,user,uid,"group1,group2"')
    add("--kubeconfig-out", metavar="FILE", help="write a kubeconfig for this server")
    add("--load", action="append", default=[], metavar="MANIFEST", help="create these objects before it is ready")
    add("--data", metavar="DIR", help="keep the objects in this folder: they survive a restart, and a kill")
    add("--advertise-address", metavar="HOST:PORT", help="the address to tell clients, where it is another one")
    parser.switch("--no-controllers", text="no garbage collector, and namespaces are not emptied")
    parser.switch("--simulate", text="workloads make pods, and pods run on nodes that are not there")
    parser.add_argument(
        "--simulate-delay",
        type=float,
        metavar="SECONDS",
        help="how long each step of a simulated pod takes (default: 0.1); implies --simulate",
    )
    parser.add_argument(
        "--simulate-nodes", type=int, metavar="N", help="how many nodes there are (default: 2); implies --simulate"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; prints one line when the server is ready."""
    from dynkube.testing import APIServer

    _warn_if_exposed(options.address, guarded=options.token_auth_file is not None)
    with (
        _told_to_stop() as stop,
        APIServer(
            address=options.address,
            port=options.port,
            tls=options.tls,
            token_auth_file=options.token_auth_file,
            load=[Path(each) for each in options.load],
            simulate=_simulation(options),
            data=options.data,
            advertise_address=options.advertise_address,
            controllers=not options.no_controllers,
        ) as server,
    ):
        if options.kubeconfig_out:
            server.write_kubeconfig(options.kubeconfig_out)
        print(f"dynkube: serving {server.url}", flush=True)
        stop.wait()
    return OK


def _simulation(options: argparse.Namespace) -> bool | Simulation:
    """Return what the options say about simulated life."""
    wanted = {"delay": options.simulate_delay, "nodes": options.simulate_nodes}
    given = {name: value for name, value in wanted.items() if value is not None}
    if not given:
        return bool(options.simulate)
    from dynkube.testing import Simulation as Choices

    return Choices(**given)


@contextlib.contextmanager
def _told_to_stop() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set, from the very start on; a second SIGINT interrupts the stopping."""
    stop = threading.Event()
    previous: dict[signal.Signals, Any] = {}

    def told(number: int, _frame: object) -> None:
        stop.set()
        signal.signal(number, previous[signal.Signals(number)])

    for each in (signal.SIGTERM, signal.SIGINT):
        previous[each] = signal.signal(each, told)
    try:
        yield stop
    finally:
        for each, handler in previous.items():
            signal.signal(each, handler)


def _warn_if_exposed(address: str, *, guarded: bool) -> None:
    """Say what it means to listen where other machines can reach."""
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(address).is_loopback:
            return
    if address == "localhost":
        return
    who = "Tokens guard it, but it is made for tests" if guarded else "Whoever reaches it is its administrator"
    complain(f"dynkube: warning: {address} can be reached from other machines. {who}.")
