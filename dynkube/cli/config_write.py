"""`dynkube config use-context`, `set-…`, `delete-…`, `rename-context`: changes, each in the file its stanza came from.

Files are replaced in one step under kubectl's own lock, and keep their mode and the fields this command does not know.
"""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import OK, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    from dynkube.cli.parsing import Parser

#: The fields that are given as files and can be embedded as data (`--embed-certs`).
EMBEDDED = ("certificate-authority", "client-certificate", "client-key")

CLUSTER_OPTIONS = {
    "server": "its URL",
    "certificate-authority": "a file with the certificate authority",
    "tls-server-name": "the name its certificate is checked for",
    "proxy-url": "the proxy it is reached through",
}
USER_OPTIONS = {
    "token": "a bearer token",
    "username": "a name for basic authentication",
    "password": "a password for basic authentication",
    "client-certificate": "a file with the client certificate",
    "client-key": "a file with its key",
    "exec-command": "the program that produces the credential",
    "exec-api-version": "the version it speaks: client.authentication.k8s.io/v1",
    "exec-interactive-mode": "whether it may ask: Never, IfAvailable, Always",
}
CONTEXT_OPTIONS = {"cluster": "its cluster", "user": "its user", "namespace": "its namespace"}


def configure_use_context(parser: Parser) -> None:
    """Declare the options of `config use-context`."""
    parser.add_argument("name", metavar="CONTEXT", help="the context to use from now on")
    parser.set_defaults(run=use_context)


def configure_set_cluster(parser: Parser) -> None:
    """Declare the options of `config set-cluster`."""
    parser.add_argument("name", metavar="CLUSTER", help="the cluster to change, or to add")
    _add_fields(parser, CLUSTER_OPTIONS)
    parser.switch("--insecure-skip-tls-verify", default=None, text="do not check its certificate")
    parser.switch("--embed-certs", text="store the certificate authority itself, not the file's name")
    parser.set_defaults(run=set_cluster)


def configure_set_credentials(parser: Parser) -> None:
    """Declare the options of `config set-credentials`."""
    parser.add_argument("name", metavar="USER", help="the user to change, or to add")
    _add_fields(parser, USER_OPTIONS)
    parser.add_argument(
        "--exec-arg", action="append", metavar="ARG", help="an argument of that program; may be repeated"
    )
    parser.add_argument("--exec-env", action="append", metavar="NAME=VALUE", help="its environment; may be repeated")
    parser.switch("--embed-certs", text="store certificate and key themselves, not the files' names")
    parser.set_defaults(run=set_credentials)


def configure_set_context(parser: Parser) -> None:
    """Declare the options of `config set-context`; `--namespace` is the stanza's here."""
    parser.add_argument("name", nargs="?", metavar="CONTEXT", help="the context to change, or to add")
    parser.switch("--current", text="change the current context")
    _add_fields(parser, {name: text for name, text in CONTEXT_OPTIONS.items() if name != "namespace"})
    parser.set_defaults(run=set_context)


def configure_delete_cluster(parser: Parser) -> None:
    """Declare the options of `config delete-cluster`."""
    _configure_delete(parser, "cluster")


def configure_delete_context(parser: Parser) -> None:
    """Declare the options of `config delete-context`."""
    _configure_delete(parser, "context")


def configure_delete_user(parser: Parser) -> None:
    """Declare the options of `config delete-user`."""
    _configure_delete(parser, "user")


def configure_rename_context(parser: Parser) -> None:
    """Declare the options of `config rename-context`."""
    parser.add_argument("name", metavar="CONTEXT", help="the context to rename")
    parser.add_argument("new_name", metavar="NEW_NAME", help="its new name, which must be free")
    parser.set_defaults(run=rename_context)


def use_context(options: argparse.Namespace) -> int:
    """Make a context the current one."""
    from dynkube.config import writing

    writing.use_context(options.name, kubeconfig=options.kubeconfig)
    print(f'Switched to context "{options.name}".')
    return OK


def set_cluster(options: argparse.Namespace) -> int:
    """Change or add a cluster."""
    from dynkube.config import writing

    fields = _given(options, CLUSTER_OPTIONS)
    if options.insecure_skip_tls_verify is not None:
        fields["insecure-skip-tls-verify"] = options.insecure_skip_tls_verify or None
    if options.insecure_skip_tls_verify:
        # The two exclude each other: the last word counts, as in kubectl.
        fields = {**fields, "certificate-authority": None, "certificate-authority-data": None}
    elif options.certificate_authority:
        fields["insecure-skip-tls-verify"] = None
    writing.set_cluster(options.name, _embedded(fields, options), kubeconfig=options.kubeconfig)
    print(f'Cluster "{options.name}" set.')
    return OK


def set_credentials(options: argparse.Namespace) -> int:
    """Change or add a user; ways of authentication that exclude each other replace each other."""
    from dynkube.config import writing

    plain = {name: text for name, text in USER_OPTIONS.items() if not name.startswith("exec-")}
    fields = _given(options, plain)
    if options.token and (options.username or options.password):
        raise UsageError("--token and --username/--password exclude each other")
    if options.token:
        fields |= {"tokenFile": None, "username": None, "password": None}
    if options.username or options.password:
        fields |= {"token": None, "tokenFile": None}
    if options.exec_command:
        fields["exec"] = _exec(options)
    elif options.exec_arg or options.exec_env or options.exec_api_version or options.exec_interactive_mode:
        raise UsageError("--exec-command says which program the other --exec options belong to")
    writing.set_user(options.name, _embedded(fields, options), kubeconfig=options.kubeconfig)
    print(f'User "{options.name}" set.')
    return OK


def set_context(options: argparse.Namespace) -> int:
    """Change or add a context."""
    from dynkube.cli.config_read import load
    from dynkube.config import writing

    if bool(options.name) == bool(options.current):
        raise UsageError("which context? Give its name, or --current")
    kubeconfig = load(options) if _exists(options) else None
    name = options.name or (kubeconfig.current_context if kubeconfig else "")
    if not name:
        raise UsageError("no current context is set")
    known = kubeconfig is not None and name in kubeconfig.contexts
    writing.set_context(name, _given(options, CONTEXT_OPTIONS), kubeconfig=options.kubeconfig)
    print(f'Context "{name}" {"modified" if known else "created"}.')
    return OK


def rename_context(options: argparse.Namespace) -> int:
    """Give a context another name."""
    from dynkube.config import writing

    writing.rename_context(options.name, options.new_name, kubeconfig=options.kubeconfig)
    print(f'Context "{options.name}" renamed to "{options.new_name}".')
    return OK


def _configure_delete(parser: Parser, kind: str) -> None:
    parser.add_argument("name", metavar=kind.upper(), help=f"the {kind} to delete")
    parser.set_defaults(run=functools.partial(_delete, kind))


def _delete(kind: str, options: argparse.Namespace) -> int:
    from dynkube.config import writing

    delete: Mapping[str, Callable[..., str]] = {
        "cluster": writing.delete_cluster,
        "context": writing.delete_context,
        "user": writing.delete_user,
    }
    path = delete[kind](options.name, kubeconfig=options.kubeconfig)
    print(f"deleted {kind} {options.name} from {path}")
    return OK


def _add_fields(parser: Parser, options: Mapping[str, str]) -> None:
    for name, text in options.items():
        parser.add_argument(f"--{name}", metavar="VALUE", help=f"{text}; an empty word removes it")


def _given(options: argparse.Namespace, names: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that were given; an empty word stands for removing one."""
    values = {name: getattr(options, name.replace("-", "_")) for name in names}
    return {name: value or None for name, value in values.items() if value is not None}


def _embedded(fields: dict[str, Any], options: argparse.Namespace) -> dict[str, Any]:
    """Return `fields` with files as data if asked for; a file and data in one stanza exclude each other."""
    stored: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in EMBEDDED or value is None:
            stored[name] = value
        elif options.embed_certs:
            content = base64.b64encode(Path(value).read_bytes()).decode("ascii")
            stored |= {name: None, f"{name}-data": content}
        else:
            stored |= {name: value, f"{name}-data": None}
    return stored


def _exec(options: argparse.Namespace) -> dict[str, Any]:
    entries = [entry.partition("=") for entry in options.exec_env or ()]
    if any(not name or not equals for name, equals, _ in entries):
        raise UsageError("--exec-env takes NAME=VALUE")
    plugin: dict[str, Any] = {
        "apiVersion": options.exec_api_version or "client.authentication.k8s.io/v1",
        "command": options.exec_command,
        "interactiveMode": options.exec_interactive_mode or "IfAvailable",
    }
    if options.exec_arg:
        plugin["args"] = options.exec_arg
    if entries:
        plugin["env"] = [{"name": name, "value": value} for name, _, value in entries]
    return plugin


def _exists(options: argparse.Namespace) -> bool:
    """Whether there is a file to read: the first `set-…` may be what makes it."""
    return options.kubeconfig is None or Path(options.kubeconfig).exists()
