"""`dynkube diff`: what `dynkube apply` would change, as a unified diff, without changing anything."""

from __future__ import annotations

import copy
import difflib
from typing import TYPE_CHECKING, Final

from dynkube.cli.exits import OK, USAGE, UsageError, report
from dynkube.cli.printers import without_managed_fields
from dynkube.cli.writing import add_manifest_options, write_each
from dynkube.dynamic.client_side_apply import LAST_APPLIED
from dynkube.errors import DynkubeError
from dynkube.names import GroupVersionKind
from dynkube.objects import dump_yaml, nested_get

if TYPE_CHECKING:
    import argparse

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject

#: The exit code where something differs: that of diff itself.
DIFFERENT: Final = 1
#: How often an object is looked at that others keep changing.
_LOOKS: Final = 5


def configure(parser: Parser) -> None:
    """Declare the options of `diff`."""
    add_manifest_options(parser)
    parser.switch("--server-side", default=True, text="as always: the server merges")
    parser.switch("--force-conflicts", text="as if fields were taken over from other managers")
    parser.switch("--show-managed-fields", text="compare metadata.managedFields, too")
    parser.epilog = "Exits with 0 where nothing differs, 1 where something does, 2 and more for failures."
    parser.set_defaults(run=run, output=None, dry_run="server")


def run(options: argparse.Namespace) -> int:
    """Print what differs; returns the exit code."""
    if not options.server_side:
        raise UsageError("dynkube applies on the server only; leave --server-side=false out")
    found: list[bool] = []

    def compare(cluster: Cluster, manifest: JSONObject) -> None:
        found.append(_compare(cluster, manifest, options))

    try:
        code = write_each(options, "diff", compare)
    except DynkubeError as error:
        code = report(error)
    if code != OK:
        return max(code, USAGE)
    return DIFFERENT if any(found) else OK


def _compare(cluster: Cluster, manifest: JSONObject, options: argparse.Namespace) -> bool:
    """Print what applying a manifest would change; tell whether that is anything."""
    from dynkube.dynamic.bodies import name_of

    view = cluster.view_of(manifest)
    name = name_of(manifest, why="diff compares with the object of that name")
    for _ in range(_LOOKS):
        before = view.get_or_none(name) or {}
        after = view.apply(
            manifest,
            field_manager=options.field_manager,
            force=options.force_conflicts,
            dry_run=True,
            field_validation=options.validate.capitalize(),
        )
        # A dry run answers under the version it began with. If that is another, the two differ by more than is applied.
        if _version(before) == _version(after):
            break
    if not options.show_managed_fields:
        before, after = without_managed_fields(before), without_managed_fields(after)
    if after.get("kind") == "Secret" and after.get("apiVersion") == "v1":
        before, after = hidden(before, after)
    file = _file_name(after)
    lines = list(difflib.unified_diff(_lines(before), _lines(after), f"live/{file}", f"applied/{file}"))
    print("".join(lines), end="", flush=True)
    return bool(lines)


def hidden(before: JSONObject, after: JSONObject) -> tuple[JSONObject, JSONObject]:
    """Return two states of a secret with the values of its data hidden, told apart where they differ."""
    before, after = copy.deepcopy(before), copy.deepcopy(after)
    data, annotations = (
        [nested_get(state, *path) or {} for state in (before, after)]
        for path in (("data",), ("metadata", "annotations"))
    )
    _hide(*data, keys={*data[0], *data[1]})
    _hide(*annotations, keys={LAST_APPLIED})  # it holds the whole object, data included
    return before, after


def _hide(before: dict[str, str], after: dict[str, str], *, keys: set[str]) -> None:
    for key in keys:
        same = before.get(key) == after.get(key)
        for values, when in ((before, "before"), (after, "after")):
            if key in values:
                values[key] = "***" if same else f"*** ({when})"


def _version(obj: JSONObject) -> str:
    return str((obj.get("metadata") or {}).get("resourceVersion") or "")


def _lines(obj: JSONObject) -> list[str]:
    return dump_yaml(obj).splitlines(keepends=True) if obj else []


def _file_name(obj: JSONObject) -> str:
    """Return the name kubectl gives the file: `apps.v1.Deployment.shop.web`."""
    kind, metadata = GroupVersionKind.of(obj), obj["metadata"]
    parts = (kind.group, kind.version, kind.kind, metadata.get("namespace", ""), metadata["name"])
    return ".".join(part for part in parts if part)
