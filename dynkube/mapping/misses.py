"""What to tell a caller whose name matches nothing: why, and what may have been meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.errors import DiscoveryError, DynkubeError, NoMatchError
from dynkube.mapping.query import Query

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.mapping.index import Place, ResourceIndex
    from dynkube.names import GroupVersion

#: How many near names an error lists.
NEAREST = 3


def no_match(index: ResourceIndex, name: str, group_version: GroupVersion | None = None) -> DynkubeError:
    """Return the error for ``name``, looked for in ``group_version`` or, with None, everywhere.

    DiscoveryError where the very group version asked for could not be discovered; its cause is why not. NoMatchError
    otherwise.
    """
    failed = index.discovered.failed
    if group_version is not None and group_version in failed:
        cause = failed[group_version]
        error = DiscoveryError(
            f"{name!r} cannot be looked up: {group_version} could not be discovered ({cause})",
            group_version=str(group_version),
        )
        error.__cause__ = cause
        return error
    if "/" in name:
        parent, _, subresource = name.partition("/")
        return NoMatchError(
            f"{name!r} is no resource of its own: subresource {subresource!r} is reached through {parent!r}",
            candidates=[parent],
        )
    if group_version is None:
        members = index.category(name)
        if members:
            listed = ", ".join(str(each.group_resource) for each in members)
            return NoMatchError(
                f"{name!r} is a category, not a resource: it stands for {listed}",
                candidates=[str(each.group_resource) for each in members],
            )
        first = name.partition(".")[0]
        candidates = _displayed(index, index.find(Query(first))) if first != name else []
        return _error(f"the server serves no resource {name!r}", candidates or _nearest(index, first, None), index)
    if group_version not in index.discovered.resources:
        text = f"the server does not serve {group_version}, and so no {name!r} in it"
    else:
        text = f"the server serves no {name!r} in {group_version}"
    elsewhere = index.find(Query(name))
    if elsewhere:
        versions = dict.fromkeys(str(index.group_version(place)) for place in elsewhere)
        text += f"; it serves {index.resource(elsewhere[0]).name} in {', '.join(versions)}"
        return NoMatchError(text, candidates=_displayed(index, elsewhere))
    return _error(text, _nearest(index, name, group_version) or _nearest(index, name, None), index)


def _error(text: str, candidates: list[str], index: ResourceIndex) -> NoMatchError:
    if candidates:
        text += f"; did you mean {' or '.join(candidates)}?"
    if index.discovered.failed:
        text += f" (not all is known: discovery failed for {', '.join(map(str, index.discovered.failed))})"
    return NoMatchError(text, candidates=candidates)


def _nearest(index: ResourceIndex, name: str, group_version: GroupVersion | None) -> list[str]:
    from difflib import get_close_matches  # for an error only: not worth loading otherwise

    known = index.known_names(group_version)
    return _displayed(index, (known[near] for near in get_close_matches(name.lower(), known, NEAREST)))


def _displayed(index: ResourceIndex, places: Iterable[Place]) -> list[str]:
    return list(dict.fromkeys(str(index.resource(place).group_resource) for place in places))
