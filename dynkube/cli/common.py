"""The options every command has, and those of every command that speaks to a cluster: kubectl's names, one table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from dynkube.cli.durations import seconds

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from dynkube.cli.parsing import Parser


class Option(NamedTuple):
    """One option with a value; `field` is the override of `dynkube.load_config` that takes it, if one does."""

    names: tuple[str, ...]
    metavar: str
    text: str
    field: str | None = None
    dest: str | None = None
    repeated: bool = False
    type: Callable[[str], Any] = str


#: What every command takes.
EVERYWHERE = (
    Option(("--kubeconfig",), "FILE", "the kubeconfig to use (default: $KUBECONFIG, ~/.kube/config)"),
    Option(("--context",), "NAME", "the kubeconfig context to use"),
    Option(("-n", "--namespace"), "NAME", "the namespace to work in (default: the context's)"),
    Option(("--request-timeout",), "TIME", "longest wait for one answer: 5, 1m30s; 0: no limit", type=seconds),
    Option(("--as",), "USER", "act as this user", dest="as_user"),
    Option(("--as-group",), "GROUP", "act as a member of this group; may be repeated", repeated=True),
    Option(("--as-uid",), "UID", "act under this uid"),
)

#: What takes the place of single fields of the kubeconfig, for commands that speak to a cluster. The `config` commands
#: have options of these names that say what to write.
CONNECTION = (
    Option(("--cluster",), "NAME", "the kubeconfig cluster to use", "cluster"),
    Option(("--user",), "NAME", "the kubeconfig user to use", "user"),
    Option(("-s", "--server"), "URL", "the address of the API server", "host"),
    Option(("--token",), "TOKEN", "a bearer token for it (other users of this machine can see it)", "bearer_token"),
    Option(("--username",), "NAME", "a name for basic authentication", "username"),
    Option(("--password",), "TEXT", "a password for it (other users of this machine can see it)", "password"),
    Option(("--certificate-authority",), "FILE", "what the server's certificate is checked by", "ca_file"),
    Option(("--tls-server-name",), "NAME", "the name the server's certificate is checked for", "tls_server_name"),
    Option(("--client-certificate",), "FILE", "a client certificate", "cert_file"),
    Option(("--client-key",), "FILE", "its key", "key_file"),
    Option(("--cache-dir",), "DIR", "keep what the server offers in this folder, for 6 hours (default: not kept)"),
)

#: Options whose value may be the next word: it is not the command's name.
TAKES_VALUE = frozenset(name for option in (*EVERYWHERE, *CONNECTION) for name in option.names)


def add_common_options(parser: Parser, *, connection: bool = True) -> None:
    """Declare the options of every command; `connection` adds those of commands that speak to a cluster."""
    everywhere = parser.add_argument_group("options of every command")
    for option in EVERYWHERE:
        _declare(everywhere, option)
    everywhere.add_argument(
        "-v", "--verbose", action="count", default=0, help="log what is sent; twice: and what comes back"
    )
    if connection:
        group = parser.add_argument_group("options of every command that speaks to a cluster")
        for option in CONNECTION:
            _declare(group, option)
        parser.switch(
            "--insecure-skip-tls-verify", default=None, text="do not check the server's certificate", group=group
        )
        parser.switch("--disable-compression", default=None, text="ask for answers that are not gzipped", group=group)


def request_limit(options: argparse.Namespace) -> float | None:
    """Return the seconds of `--request-timeout`, None for no limit; a watch of kubectl's is one request, too."""
    return options.request_timeout or None


def _declare(group: Any, option: Option) -> None:
    dest = option.dest or option.names[-1].lstrip("-").replace("-", "_")
    if option.repeated:
        group.add_argument(
            *option.names, dest=dest, action="append", default=[], metavar=option.metavar, help=option.text
        )
    else:
        group.add_argument(*option.names, dest=dest, type=option.type, metavar=option.metavar, help=option.text)
