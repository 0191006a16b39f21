"""`dynkube auth can-i` and `auth whoami`: what the server lets a user do, and who it takes them for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dynkube.cli.exits import OK, REFUSED, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from dynkube.cli.cluster import Cluster
    from dynkube.cli.parsing import Parser
    from dynkube.objects import JSONObject

_AUTHORIZATION = "authorization.k8s.io/v1"
_AUTHENTICATION = "authentication.k8s.io/v1"
#: What rules are about although no server serves it: whom one may impersonate.
_NOT_SERVED = frozenset({"users", "groups", "uids"})


def configure_can_i(parser: Parser) -> None:
    """Declare the options of `auth can-i`."""
    add = parser.add_argument
    add("verb", nargs="?", metavar="VERB", help="get, list, create, delete, ... or *")
    add("target", nargs="?", metavar="TARGET", help="deploy | deploy/web | deployments.apps | /healthz | *")
    add("--subresource", default="", metavar="NAME", help="of the resource: log, scale, status")
    parser.switch("-A", "--all-namespaces", text="in every namespace")
    parser.switch("-q", "--quiet", text="print nothing: the exit code tells")
    parser.switch("--list", text="show everything that may be done in the namespace")
    parser.switch("--no-headers", text="with --list: leave the heading out")
    parser.epilog = "Exits with 0 for yes and 1 for no."
    parser.set_defaults(run=can_i)


def configure_whoami(parser: Parser) -> None:
    """Declare the options of `auth whoami`."""
    parser.add_argument("-o", "--output", choices=("yaml", "json"), help="the server's whole answer")
    parser.set_defaults(run=whoami)


def can_i(options: argparse.Namespace) -> int:
    """Ask whether something is allowed; returns the exit code, REFUSED for no. Raises UsageError."""
    from dynkube.cli.cluster import Cluster

    if options.list:
        if options.verb or options.quiet or options.all_namespaces or options.subresource:
            raise UsageError("--list is of one namespace and goes with no verb, -q, -A or --subresource")
        with Cluster(options) as cluster:
            return _list(cluster, options)
    if options.target is None:
        raise UsageError("what is to be done, and to what? For example: dynkube auth can-i get deployments")
    with Cluster(options) as cluster:
        if options.target.startswith("/"):
            spec = {"nonResourceAttributes": {"verb": options.verb, "path": options.target}}
        else:
            spec = {"resourceAttributes": _attributes(cluster, options)}
        status = _review(cluster, _AUTHORIZATION, "selfsubjectaccessreviews", {"spec": spec})["status"]
    allowed = bool(status.get("allowed"))
    if not options.quiet:
        why = "".join(f" - {status[key]}" for key in ("reason", "evaluationError") if status.get(key))
        print("yes" if allowed else f"no{why}")
    return OK if allowed else REFUSED


def whoami(options: argparse.Namespace) -> int:
    """Print who the server takes the caller for; returns the exit code."""
    from dynkube.cli.cluster import Cluster
    from dynkube.cli.columns import Columns
    from dynkube.cli.printers import as_text

    with Cluster(options) as cluster:
        review = _review(cluster, _AUTHENTICATION, "selfsubjectreviews", {})
    if options.output:
        sys.stdout.write(as_text(review, options.output))
        return OK
    user = (review.get("status") or {}).get("userInfo") or {}
    rows = [["ATTRIBUTE", "VALUE"]]
    rows += [[heading, user[key]] for heading, key in (("Username", "username"), ("UID", "uid")) if user.get(key)]
    if user.get("groups"):
        rows.append(["Groups", _listed(user["groups"])])
    rows += [[f"Extra: {key}", _listed(values)] for key, values in sorted((user.get("extra") or {}).items())]
    print("\n".join(Columns().lines(rows)))
    return OK


def _review(cluster: Cluster, api_version: str, resource: str, body: JSONObject) -> JSONObject:
    return cluster.dyn.resource(api_version, resource).create(body)


def _attributes(cluster: Cluster, options: argparse.Namespace) -> JSONObject:
    """Return what is asked about, as the authorizer knows it; a resource nobody serves may have rules all the same."""
    from dynkube.errors import MappingError

    text, _, name = options.target.partition("/")
    namespace = "" if options.all_namespaces else cluster.namespace
    attributes = {"verb": options.verb, "subresource": options.subresource, "name": name}
    if text == "*":
        return {**attributes, "group": "*", "resource": "*", "namespace": namespace}
    try:
        found = cluster.find(text)
    except MappingError:
        resource, _, group = text.partition(".")
        if text not in _NOT_SERVED:
            print(f"Warning: the server doesn't have a resource type '{text}'", file=sys.stderr)
        return {**attributes, "group": group, "resource": resource, "namespace": namespace}
    if not found.namespaced and namespace:
        print(f"Warning: resource '{found.name}' is not namespace scoped", file=sys.stderr)
        namespace = ""
    return {
        **attributes,
        "group": found.group,
        "version": found.version,
        "resource": found.name,
        "namespace": namespace,
    }


def _list(cluster: Cluster, options: argparse.Namespace) -> int:
    from dynkube.cli.columns import Columns

    review = _review(cluster, _AUTHORIZATION, "selfsubjectrulesreviews", {"spec": {"namespace": cluster.namespace}})
    status = review["status"]
    if status.get("incomplete"):
        why = f": {status['evaluationError']}" if status.get("evaluationError") else ""
        print(f"Warning: the list may be incomplete{why}", file=sys.stderr)
    heading = [] if options.no_headers else [["Resources", "Non-Resource URLs", "Resource Names", "Verbs"]]
    rows = dict.fromkeys(map(tuple, _rows(status)))  # several roles may say the same
    print("\n".join(Columns().lines([*heading, *map(list, rows)])))
    return OK


def _rows(status: JSONObject) -> Iterator[list[str]]:
    for rule in status.get("resourceRules") or ():
        for group in rule.get("apiGroups") or ("",):
            for each in rule.get("resources") or ():
                resource, slash, subresource = each.partition("/")
                qualified = f"{resource}.{group}" if group else resource
                names = _listed(rule.get("resourceNames"))
                yield [f"{qualified}{slash}{subresource}", "[]", names, _listed(rule.get("verbs"))]
    for rule in status.get("nonResourceRules") or ():
        for url in rule.get("nonResourceURLs") or ():
            yield ["", _listed([url]), "[]", _listed(rule.get("verbs"))]


def _listed(values: Iterable[Any] | None) -> str:
    """Return values as kubectl shows several: `[get list]`."""
    return f"[{' '.join(map(str, values or ()))}]"
