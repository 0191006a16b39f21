"""What the server serves, as one client remembers it, and what it learns from its own requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.discovery import CachedDiscovery
from dynkube.names import GroupVersionResource

if TYPE_CHECKING:
    from dynkube.objects import JSONObject
    from dynkube.transport import HTTPRequest

#: How long the server may take until discovery lists a definition that was written, in seconds. It is established at
#: once by a single server and after five seconds where there are several (apiextensions establishing_controller).
ESTABLISHING = 10.0

#: How long after a change what discovery says is taken for provisional, in seconds.
SETTLING: Final = 5.0


class RememberedSurface(CachedDiscovery):
    """What the server serves, as remembered, and asked about anew before something is refused for it."""

    def changed(self, since: float) -> bool:
        """Ask the server again unless it was asked after `since`; tell whether it differs. Rationed as misses are."""
        loaded = self.load()
        return self.refresh(loaded, since=since).discovered is not loaded.discovered

    def wrote(self, resource: GroupVersionResource, request: HTTPRequest, answer: JSONObject) -> None:
        """Take note that this client wrote a definition or an APIService, and how the server answered.

        What was remembered is forgotten. The resources a definition defines are expected: a lookup of one that is not
        listed yet waits for it, so that a new kind can be used in the next line.
        """
        if "dryRun=" in request.target:
            return
        if resource.resource == "customresourcedefinitions":
            if request.method == "DELETE":
                self.expect_nothing()
            else:
                self.expect(_defined(answer), within=ESTABLISHING)
        self.invalidate(settling=SETTLING)


def _defined(answer: JSONObject) -> list[GroupVersionResource]:
    """Return the resources a definition has served; none for an answer without a spec, as metadata alone."""
    spec: Any = answer.get("spec")
    if not isinstance(spec, dict):
        return []
    status: Any = answer.get("status") or {}
    if any(
        each.get("type") == "NamesAccepted" and each.get("status") == "False" for each in status.get("conditions") or ()
    ):
        return []  # its names clash with another's: it is not going to be served
    plural = (spec.get("names") or {}).get("plural", "")
    versions = [each for each in spec.get("versions") or () if each.get("served")]
    return [GroupVersionResource(spec.get("group", ""), each["name"], plural) for each in versions]
