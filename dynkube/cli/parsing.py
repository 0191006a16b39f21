"""From words to options: which command is meant, the options every command has, and messages of one line."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from dynkube.cli.common import TAKES_VALUE, add_common_options
from dynkube.cli.exits import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Command(NamedTuple):
    """One command: the words that name it, where its options are declared, and its line in the help."""

    name: str
    entry: str
    summary: str


#: Every command, in the order of the help. `entry` is "module:function"; the module is imported only when it is meant.
COMMANDS = (
    Command("demo", "dynkube.cli.demo:configure", "Start the embedded API server and do the main job on it"),
    Command("serve", "dynkube.cli.serve:configure", "Run the embedded API server until it is told to stop"),
    Command("get", "dynkube.cli.get:configure", "Show one or many objects of any resource"),
    Command("create", "dynkube.cli.create:configure", "Create objects from files or standard input"),
    Command("apply", "dynkube.cli.apply:configure", "Apply objects from files or standard input (server-side)"),
    Command("diff", "dynkube.cli.diff:configure", "Show what apply would change"),
    Command("replace", "dynkube.cli.replace:configure", "Replace objects by what files or standard input say"),
    Command("patch", "dynkube.cli.patch:configure", "Change parts of objects"),
    Command("scale", "dynkube.cli.scale:configure", "Change how many replicas there are"),
    Command("rollout status", "dynkube.cli.rollout:configure_status", "Say how far a rollout is, until it is over"),
    Command("rollout restart", "dynkube.cli.rollout:configure_restart", "Have all pods replaced"),
    Command("rollout history", "dynkube.cli.rollout:configure_history", "Show the pod templates that are remembered"),
    Command("rollout undo", "dynkube.cli.rollout:configure_undo", "Go back to an earlier pod template"),
    Command("rollout pause", "dynkube.cli.rollout:configure_pause", "Have changes of a deployment wait"),
    Command("rollout resume", "dynkube.cli.rollout:configure_resume", "Let a paused deployment go on"),
    Command("label", "dynkube.cli.labels:configure_label", "Set and remove labels"),
    Command("annotate", "dynkube.cli.labels:configure_annotate", "Set and remove annotations"),
    Command("delete", "dynkube.cli.delete:configure", "Delete objects by name, selector or file"),
    Command("wait", "dynkube.cli.wait:configure", "Wait until objects are created, deleted or in a condition"),
    Command("logs", "dynkube.cli.logs:configure", "Show what the containers of pods write"),
    Command("exec", "dynkube.cli.exec:configure_exec", "Run a command in a container"),
    Command("attach", "dynkube.cli.exec:configure_attach", "Attach to the process of a container"),
    Command("port-forward", "dynkube.cli.port_forward:configure", "Let local ports lead to ports of a pod"),
    Command("cp", "dynkube.cli.cp:configure", "Copy files to and from containers"),
    Command("events", "dynkube.cli.events:configure", "Show what happened lately, to all objects or to one"),
    Command("api-resources", "dynkube.cli.api_resources:configure", "Show the resources the server offers"),
    Command("api-versions", "dynkube.cli.api_versions:configure", "Show the group/versions the server offers"),
    Command("explain", "dynkube.cli.explain:configure", "Show what the server's schema says of a resource's fields"),
    Command("auth can-i", "dynkube.cli.auth:configure_can_i", "Ask whether something is allowed"),
    Command("auth whoami", "dynkube.cli.auth:configure_whoami", "Show who the server takes you for"),
    Command("config view", "dynkube.cli.config_view:configure", "Show the merged kubeconfig, secrets hidden"),
    Command("config get-contexts", "dynkube.cli.config_read:configure_get_contexts", "Show the kubeconfig's contexts"),
    Command("config current-context", "dynkube.cli.config_read:configure_current_context", "Show the current context"),
    Command("config get-clusters", "dynkube.cli.config_read:configure_get_clusters", "Show the kubeconfig's clusters"),
    Command("config get-users", "dynkube.cli.config_read:configure_get_users", "Show the kubeconfig's users"),
    Command("config use-context", "dynkube.cli.config_write:configure_use_context", "Change the current context"),
    Command("config set-cluster", "dynkube.cli.config_write:configure_set_cluster", "Change or add a cluster"),
    Command("config set-credentials", "dynkube.cli.config_write:configure_set_credentials", "Change or add a user"),
    Command("config set-context", "dynkube.cli.config_write:configure_set_context", "Change or add a context"),
    Command("config delete-cluster", "dynkube.cli.config_write:configure_delete_cluster", "Remove a cluster"),
    Command("config delete-user", "dynkube.cli.config_write:configure_delete_user", "Remove a user"),
    Command("config delete-context", "dynkube.cli.config_write:configure_delete_context", "Remove a context"),
    Command(
        "config rename-context", "dynkube.cli.config_write:configure_rename_context", "Give a context another name"
    ),
    Command("version", "dynkube.cli.version:configure", "Show the versions of dynkube and of the server"),
)

#: First words that several commands share, and their line in the help.
GROUPS = {
    "rollout": "Follow, repeat and undo rollouts of workloads",
    "auth": "Ask what is allowed, and to whom",
    "config": "Show and change the kubeconfig",
}


class Parser(argparse.ArgumentParser):
    """argparse, but an error is one line that says where help is, and option names are never guessed."""

    def __init__(self, prog: str, summary: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=summary,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Raise UsageError instead of printing the whole usage."""
        raise UsageError(f"{message} (see '{self.prog} --help')")

    def switch(
        self, *names: str, default: bool | None = False, text: str, group: argparse._ArgumentGroup | None = None
    ) -> None:
        """Declare a boolean option that may also be given a value, as kubectl's: `--wait`, `--wait=false`."""
        long_name = names[-1]
        dest = long_name.lstrip("-").replace("-", "_")
        add = (group or self).add_argument
        add(*names, dest=dest, action="store_true", default=default, help=text)
        # argparse compares the whole word with its option names before it looks for "=", so each spelling is a name.
        for value, action in (("true", "store_true"), ("false", "store_false")):
            add(f"{long_name}={value}", dest=dest, action=action, default=default, help=argparse.SUPPRESS)

    def shorten_usage(self) -> None:
        """Let the usage line name the arguments alone; the options, of which there are many, are listed below it."""
        shown = {None: "{}", "?": "[{}]", "*": "[{} ...]", "+": "{} ..."}
        words = [shown[each.nargs].format(each.metavar) for each in self._actions if not each.option_strings]  # type: ignore[index]
        self.usage = " ".join([self.prog, "[options]", *words])


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of the command `argv` names; `options.run(options)` runs it.

    Raises UsageError for anything that cannot be understood and SystemExit(0) after printing help or the version.
    """
    name, words = _split(argv)
    if name is None:
        _overview("dynkube", "").parse_args(words)
        raise UsageError("which command? (see 'dynkube --help')")
    command = next((each for each in COMMANDS if each.name == name), None)
    if command is None and any(each.name.startswith(f"{name} ") for each in COMMANDS):
        _overview(f"dynkube {name}", f"{name} ").parse_args(words)
        raise UsageError(f"which {name} command? (see 'dynkube {name} --help')")
    if command is None:
        raise UsageError(_unknown(name))
    parser = Parser(f"dynkube {command.name}", command.summary)
    add_common_options(parser, connection=not command.name.startswith("config "))
    module, _, function = command.entry.partition(":")
    configure: Callable[[Parser], None] = getattr(importlib.import_module(module), function)
    configure(parser)
    parser.shorten_usage()
    words, trailing = list(words), None
    if parser.get_default("trailing") is not None and "--" in words:
        # Behind it stands another program's command line, whose options are not ours.
        cut = words.index("--")
        words, trailing = words[:cut], words[cut + 1 :]
    options = parser.parse_intermixed_args(words)
    if trailing is not None:
        options.trailing = trailing
    if options.verbose:
        _log_to_stderr(options.verbose)
    return options


def _split(argv: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take the command's name out of `argv`; common options may stand before it."""
    words = list(argv)
    name = _take_word(words, 0)
    if name is not None and any(each.name.startswith(f"{name} ") for each in COMMANDS):
        second = _take_word(words, 0)
        name = name if second is None else f"{name} {second}"
    return name, words


def _take_word(words: list[str], index: int) -> str | None:
    """Remove and return the first word from `index` that is neither an option nor an option's value."""
    while index < len(words):
        word = words[index]
        if not word.startswith("-"):
            return words.pop(index)
        index += 2 if word in TAKES_VALUE else 1
    return None


def _overview(prog: str, prefix: str) -> Parser:
    """Return a parser whose help lists the commands that begin with `prefix`."""
    shown: dict[str, str] = {}
    for each in COMMANDS:
        if each.name.startswith(prefix):
            word, space, _ = each.name.removeprefix(prefix).partition(" ")
            shown[word] = GROUPS[word] if space else each.summary
    width = max(map(len, shown))
    lines = [f"  {word:<{width}}  {summary}" for word, summary in shown.items()]
    epilog = "\n".join(["commands:", *lines, "", f"'{prog} COMMAND --help' says what a command takes."])
    parser = Parser(prog, "The dynamic Kubernetes client: any resource, custom ones included.", epilog)
    parser.usage = f"{prog} [options] COMMAND ..."
    add_common_options(parser, connection=prefix != "config ")
    parser.add_argument("--version", action=_PrintVersion, nargs=0, help="show the version of dynkube and stop")
    return parser


class _PrintVersion(argparse.Action):
    """`--version`, which reads the package's metadata only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from dynkube.cli.version import client_version

        print(f"dynkube {client_version()}")
        parser.exit(0)


def _unknown(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, [each.name for each in COMMANDS], n=3)
    hint = f"; did you mean {' or '.join(repr(each) for each in near)}?" if near else ""
    return f"unknown command {name!r}{hint} (see 'dynkube --help')"


def _log_to_stderr(verbosity: int) -> None:
    import logging

    logging.basicConfig(format="%(name)s: %(message)s")
    logging.getLogger("dynkube").setLevel(logging.DEBUG if verbosity > 1 else logging.INFO)
