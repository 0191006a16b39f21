"""What can go wrong, and how it is told apart: the call, the server, the way there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dynkube

if TYPE_CHECKING:
    from collections.abc import Callable


def refused(attempt: Callable[[], object]) -> None:
    """Make an attempt that cannot be right, and show why."""
    try:
        attempt()
    except dynkube.InvalidRequestError as error:
        print(f"{type(error).__name__}: {error}")


def main(dyn: dynkube.DynamicClient) -> None:
    """Make mistakes of each sort, and show what is raised."""
    config_maps = dyn.resource("v1", "configmaps").namespace("default")

    # The call is wrong: nothing was sent.
    refused(lambda: config_maps.get("../secrets"))
    refused(lambda: config_maps.all_namespaces().get("x"))
    refused(lambda: dyn.resource("nodes").namespace("default").list())
    refused(lambda: config_maps.create({"kind": "Secret", "metadata": {"name": "x"}}))
    refused(lambda: config_maps.list(label_selector="app in"))

    # The name is wrong: the nearest ones are in the message.
    try:
        dyn.resource("deploymnts").list()
    except dynkube.NoMatchError as error:
        print(f"{type(error).__name__}: {error}")

    # The server said no.
    try:
        config_maps.get("not-there")
    except dynkube.NotFound as error:
        print(f"{type(error).__name__}: {error.code} {error.reason} {error.details['name']}")
    try:
        config_maps.create({"metadata": {"name": "Not A Name"}})
    except dynkube.Invalid as error:
        print(f"{type(error).__name__}: {[cause['field'] for cause in error.causes]}")


if __name__ == "__main__":
    with dynkube.connect() as client:
        main(client)
