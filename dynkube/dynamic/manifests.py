"""Many manifests applied as one: in the order of their kinds, definitions first, and what left the set removed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from dynkube.dynamic import bodies, client_side_apply
from dynkube.dynamic.crds import CRD
from dynkube.dynamic.kind_order import CRD_KIND, in_kind_order
from dynkube.dynamic.pruning import Pruning
from dynkube.errors import BodyMismatchError, Forbidden, InvalidRequestError, ManifestError, NoMatchError
from dynkube.names import GroupKind, GroupVersionKind
from dynkube.objects import load_manifests
from dynkube.selectors import LabelSelector, label_selector

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dynkube.discovery import APIResource
    from dynkube.dynamic.client import DynamicClient
    from dynkube.dynamic.options import FieldValidation, LabelSelectorLike
    from dynkube.dynamic.reading import Reading
    from dynkube.dynamic.resource import Resource
    from dynkube.objects import JSONObject

_log = logging.getLogger("dynkube.dynamic")

Outcome = Literal["created", "configured", "unchanged", "applied", "pruned"]

#: In place of the state before an apply where the user may not look: applying takes the right to patch, not to get.
_UNSEEN: Final[JSONObject] = {}


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of one object."""

    outcome: Outcome
    #: The object as stored; of a pruned one, its metadata as last seen.
    object: JSONObject

    def __str__(self) -> str:
        metadata = self.object.get("metadata") or {}
        return f"{self.object.get('kind', '')}/{metadata.get('name', '')} {self.outcome}"


def apply_manifests(
    client: DynamicClient,
    source: Path | str | bytes | list[JSONObject],
    *,
    field_manager: str,
    force: bool = False,
    namespace: str | None = None,
    prune: LabelSelectorLike = None,
    prune_kinds: Iterable[GroupKind] = (),
    dry_run: bool = False,
    field_validation: FieldValidation | None = None,
    timeout: float | None = 60,
) -> list[Applied]:
    """Apply every manifest; see `DynamicClient.apply_manifests`."""
    manifests = source if isinstance(source, list) else load_manifests(source)
    if not manifests and not isinstance(source, list):
        raise ManifestError(f"there is no manifest in {source}" if isinstance(source, Path) else "there is no manifest")
    selector = _prune_selector(prune)
    prune_kinds = tuple(prune_kinds)
    for kind in prune_kinds:
        if not isinstance(kind, GroupKind):
            raise InvalidRequestError(
                f"prune_kinds are GroupKind values, as GroupKind('apps', 'Deployment'), not {kind!r}"
            )
    _check(manifests, selector)
    manifests = in_kind_order(manifests)
    deadline = None if timeout is None else time.monotonic() + timeout
    done: list[Applied] = []
    kept: set[str] = set()
    places: dict[APIResource, set[str]] = {}
    definitions = [manifest for manifest in manifests if manifest["kind"] == CRD_KIND]
    for index, manifest in enumerate(manifests):
        if index == len(definitions) and not dry_run:
            _await(client, definitions, deadline)
        try:
            view, body = _target(client, manifest, namespace)
        except NoMatchError as error:
            if dry_run and any(CRD.of(each).group == GroupVersionKind.of(manifest).group for each in definitions):
                error.args = (f"{error}; its definition is among the manifests, but a dry run does not install it",)
            raise
        name = bodies.name_of(body, why="a manifest is applied to the object of that name")
        before = state_before(view if dry_run else view.metadata(), name)
        after = client_side_apply.apply_taking_over(
            view, body, field_manager=field_manager, force=force, dry_run=dry_run, field_validation=field_validation
        )
        done.append(Applied(outcome(before, after, dry_run=dry_run), after))
        api = view.api_resource()
        if api is not None:
            places.setdefault(api, set()).add((after.get("metadata") or {}).get("namespace", ""))
            if manifest["kind"] == "Namespace":
                # It is looked through although nothing of the set may be left in it.
                places[api].add(name)
        kept.add(_uid(after))
    if manifests and len(definitions) == len(manifests) and not dry_run:
        _await(client, definitions, deadline)
    if selector is not None:
        pruning = Pruning(client, selector, field_manager, prune_kinds, dry_run)
        done += [Applied("pruned", obj) for obj in pruning.run(kept, places)]
    return done


def _prune_selector(prune: LabelSelectorLike) -> LabelSelector | None:
    if prune is None:
        return None
    text = label_selector(prune)
    if not text:
        raise InvalidRequestError("prune needs a label selector that selects something: an empty one is everything")
    return LabelSelector.parse(text)


def _check(manifests: list[JSONObject], selector: LabelSelector | None) -> None:
    """Refuse what is certain to be wrong before the first request: half an applied set is worse than none."""
    seen: set[tuple[str, str, str, str]] = set()
    for manifest in manifests:
        if not isinstance(manifest, dict):
            raise InvalidRequestError(f"an object is a dict, not {type(manifest).__name__}")
        if not manifest.get("apiVersion") or not manifest.get("kind"):
            raise BodyMismatchError("each manifest needs apiVersion and kind")
        kind = GroupVersionKind.of(manifest)
        name = bodies.name_of(manifest, why=f"{kind.kind} cannot be applied without")
        metadata = manifest["metadata"]
        key = (kind.group, kind.kind, metadata.get("namespace") or "", name)
        if key in seen:
            raise ManifestError(f"{kind.kind} {name!r} is in the manifests twice")
        seen.add(key)
        if selector is not None and not selector.matches(metadata.get("labels") or {}):
            raise InvalidRequestError(
                f"{kind.kind} {name!r} does not have the labels {str(selector)!r} that prune goes by: "
                "it would be created and never removed"
            )


def _target(client: DynamicClient, manifest: JSONObject, namespace: str | None) -> tuple[Resource, JSONObject]:
    """Return the view a manifest goes to, and the manifest as it is sent."""
    view = client.resource(GroupVersionKind.of(manifest))
    api = view.api_resource()
    own: str | None = manifest["metadata"].get("namespace")
    if api is not None and not api.namespaced:
        if own:
            # Charts put a namespace everywhere; the server drops it from cluster-scoped objects, and so does kubectl.
            _log.warning(
                "%s %s is cluster-scoped: namespace %r is left out", api.kind, manifest["metadata"]["name"], own
            )
            kept = {key: value for key, value in manifest["metadata"].items() if key != "namespace"}
            manifest = {**manifest, "metadata": kept}
        return view, manifest
    if own and namespace and own != namespace:
        raise BodyMismatchError(f"{manifest['metadata']['name']!r} is in namespace {own!r}, not in {namespace!r}")
    where = own or namespace
    return (view.namespace(where) if where else view), manifest


def _await(client: DynamicClient, definitions: list[JSONObject], deadline: float | None) -> None:
    for definition in definitions:
        left = None if deadline is None else max(deadline - time.monotonic(), 0.001)
        client.crds().wait_established(definition, timeout=left)


def state_before(view: Reading, name: str) -> JSONObject | None:
    """Return what `outcome` compares with: the object as it is, or None."""
    try:
        return view.get_or_none(name)
    except Forbidden:
        return _UNSEEN


def outcome(before: JSONObject | None, after: JSONObject, *, dry_run: bool) -> Outcome:
    """Return what an apply did to an object, from its `state_before`, whole for a dry run, and the answer.

    "applied" if that cannot be told.
    """
    if before is _UNSEEN:
        return "applied"
    if before is None:
        return "created"
    if dry_run:  # stores nothing, and so leaves the resourceVersion: only the objects tell
        return "unchanged" if before == after else "configured"
    same = before["metadata"].get("resourceVersion") == (after.get("metadata") or {}).get("resourceVersion")
    return "unchanged" if same else "configured"


def _uid(obj: JSONObject) -> str:
    return str((obj.get("metadata") or {}).get("uid", ""))
