"""`dynkube apply`: server-side apply of manifests, a line for each, and what left the set removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dynkube.cli.exits import OK, UsageError, complain
from dynkube.cli.writing import add_options, print_written, write_each
from dynkube.dynamic.client_side_apply import apply_taking_over
from dynkube.dynamic.manifests import outcome, state_before
from dynkube.objects import nested_get
from dynkube.selectors import LabelSelector

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.discovery import APIResource
    from dynkube.names import GroupKind
    from dynkube.objects import JSONObject


def configure(parser: Parser) -> None:
    """Declare the options of `apply`."""
    add_options(parser)
    # The server always does the merging here; the word is known so that a kubectl line works as it is.
    parser.switch("--server-side", default=True, text="as always: the server merges")
    parser.switch("--force-conflicts", text="take fields over from other managers")
    parser.switch("--prune", text="then delete what -l selects, this field manager applied, and no manifest names")
    parser.add_argument(
        "-l", "--selector", metavar="LABELS", help="with --prune: what to look through; every manifest has to match"
    )
    parser.add_argument(
        "--prune-kind",
        action="append",
        default=[],
        metavar="KIND",
        help="look through this kind too; definitions, namespaces and volumes are only pruned so; may be repeated",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Apply every manifest, then prune if that was asked for and nothing was refused; returns the exit code."""
    if not options.server_side:
        raise UsageError("dynkube applies on the server only; leave --server-side=false out")
    work = _Apply(options, _pruned(options))
    return write_each(options, "apply", work.write, check=work.check, finish=work.prune)


def _pruned(options: argparse.Namespace) -> LabelSelector | None:
    if not options.prune:
        if options.selector or options.prune_kind:
            raise UsageError("-l and --prune-kind are for --prune: manifests are applied whatever their labels")
        return None
    selector = LabelSelector.parse(options.selector or "")
    if not str(selector):
        raise UsageError("--prune needs -l: without labels to go by, everything would be looked through")
    return selector


@dataclass(slots=True)
class _Apply:
    """Applies manifests and remembers what was applied where, which pruning needs to know."""

    options: argparse.Namespace
    selector: LabelSelector | None
    kept: set[str] = field(default_factory=set)
    places: dict[APIResource, set[str]] = field(default_factory=dict)

    def check(self, cluster: Cluster, manifests: Sequence[JSONObject]) -> None:
        """Refuse what --prune would lose sight of, before anything is sent."""
        for kind in self.options.prune_kind:
            cluster.find(kind)
        for manifest in manifests:
            labels = nested_get(manifest, "metadata", "labels") or {}
            if self.selector is not None and not self.selector.matches(labels):
                name = nested_get(manifest, "metadata", "name", default="")
                raise UsageError(
                    f"--prune: {manifest['kind']} {name!r} does not have the labels '{self.selector}': "
                    "it would be created and never removed"
                )

    def write(self, cluster: Cluster, manifest: JSONObject) -> None:
        """Apply one manifest and say what became of it."""
        view = cluster.view_of(manifest)
        name = nested_get(manifest, "metadata", "name")
        before = state_before(view, name) if name else None
        dry_run = self.options.dry_run == "server"
        after = apply_taking_over(
            view,
            manifest,
            field_manager=self.options.field_manager,
            force=self.options.force_conflicts,
            dry_run=dry_run,
            field_validation=self.options.validate.capitalize(),
        )
        print_written(after, outcome(before, after, dry_run=dry_run), self.options)
        resource = cluster.dyn.mapper.resolve(manifest["apiVersion"], manifest["kind"])
        self.places.setdefault(resource, set()).add(nested_get(after, "metadata", "namespace", default=""))
        self.kept.add(nested_get(after, "metadata", "uid", default=""))

    def prune(self, cluster: Cluster, code: int) -> None:
        """Delete what left the set; after a refusal nothing is: the set is not what it should be."""
        if self.selector is None:
            return
        if code != OK:
            complain("error: --prune: nothing is deleted, because not every manifest was applied")
            return
        from dynkube.dynamic.pruning import Pruning

        pruning = Pruning(
            cluster.dyn,
            self.selector,
            self.options.field_manager,
            tuple(_group_kind(cluster, kind) for kind in self.options.prune_kind),
            self.options.dry_run == "server",
        )
        for obj in pruning.run(self.kept, self.places):
            print_written(obj, "pruned", self.options)


def _group_kind(cluster: Cluster, text: str) -> GroupKind:
    return cluster.find(text).gvk.group_kind
