"""Targets: the forms in which kubectl's users name what a command is about."""

from __future__ import annotations

import pytest

from dynkube.cli.exits import UsageError
from dynkube.cli.targets import Target, parse_targets

EXAMPLE = "dynkube get deployments"


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        (["deploy"], [Target("deploy")]),
        (["deploy,cm"], [Target("deploy"), Target("cm")]),
        (["deploy", "web"], [Target("deploy", ("web",))]),
        (["deploy", "web", "db"], [Target("deploy", ("web", "db"))]),
        (["deploy,cm", "web"], [Target("deploy", ("web",)), Target("cm", ("web",))]),
        (["deploy/web"], [Target("deploy", ("web",))]),
        (["deploy/web", "cm/settings"], [Target("deploy", ("web",)), Target("cm", ("settings",))]),
        (["deployments.v1.apps/web"], [Target("deployments.v1.apps", ("web",))]),
    ],
)
def test_forms(words: list[str], targets: list[Target]) -> None:
    """Each form kubectl takes means the same here."""
    assert parse_targets(words, example=EXAMPLE) == targets


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "which resource? For example: dynkube get deployments"),
        (["deploy,"], "names no resource before or after a comma"),
        ([",cm"], "names no resource before or after a comma"),
        ([""], "names no resource"),
        (["deploy", ""], "an object's name cannot be empty"),
        (["deploy/web", "db"], "'db' has no '/'"),
        (["deploy", "cm/x"], "'cm/x' cannot be the name of an object"),
        (["deploy", "../x"], "'../x' cannot be the name of an object"),
        (["deploy/"], "'deploy/' is not resource/name"),
        (["/web"], "'/web' is not resource/name"),
        (["deploy/a/b"], "'deploy/a/b' is not resource/name"),
        (["deploy,cm/web"], "'deploy,cm/web' is not resource/name"),
    ],
)
def test_mistakes(words: list[str], message: str) -> None:
    """What cannot be meant is refused with the words at fault."""
    with pytest.raises(UsageError) as caught:
        parse_targets(words, example=EXAMPLE)
    assert message in str(caught.value)
