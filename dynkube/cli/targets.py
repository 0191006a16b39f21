"""What a command is about: `deploy`, `deploy,cm`, `deploy web db` or `deploy/web cm/settings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from dynkube.cli.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Target(NamedTuple):
    """A resource as the user wrote it, and the names of its objects; no names means all of them."""

    resource: str
    names: tuple[str, ...] = ()


def parse_targets(words: Sequence[str], *, example: str) -> list[Target]:
    """Return what `words` mean, in their order.

    `example` is a complete command shown when they mean nothing. Raises UsageError.
    """
    if not words:
        raise UsageError(f"which resource? For example: {example}")
    if "/" in words[0]:
        return _pairs(words)
    resources = words[0].split(",")
    if not all(resources):
        raise UsageError(f"{words[0]!r} names no resource before or after a comma")
    for name in words[1:]:
        if not name:
            raise UsageError("an object's name cannot be empty")
        if "/" in name:
            raise UsageError(
                f"{name!r} cannot be the name of an object: write the resource once and then names, "
                "or every argument as resource/name"
            )
    return [Target(resource, tuple(words[1:])) for resource in resources]


def _pairs(words: Sequence[str]) -> list[Target]:
    targets = []
    for word in words:
        resource, slash, name = word.partition("/")
        if not slash:
            raise UsageError(
                f"{word!r} has no '/': write every argument as resource/name, or the resource once and then names"
            )
        if not resource or not name or "/" in name or "," in word:
            raise UsageError(f"{word!r} is not resource/name")
        targets.append(Target(resource, (name,)))
    return targets
