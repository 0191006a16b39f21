"""Who may do what: tokens, impersonation, RBAC and the reviews that tell about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from dynkube.errors import ConfigError
from dynkube.testing import APIServer
from dynkube.testing.access.authentication import read_token_file
from testing.calling import CMS, Caller, config_map

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RBAC = "/apis/rbac.authorization.k8s.io/v1"
AUTHENTICATION = "/apis/authentication.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[APIServer]:
    """Return a server that knows an administrator and jane."""
    path = tmp_path / "tokens.csv"
    path.write_text('root,admin,1,"system:masters"\njane-token,jane,2,"dev,ops"\n')
    with APIServer(token_auth_file=path) as running:
        yield running


@pytest.fixture
def root(server: APIServer) -> Caller:
    """Return the administrator's caller."""
    return Caller(server.url, token="root")


@pytest.fixture
def jane(server: APIServer) -> Caller:
    """Return jane's caller."""
    return Caller(server.url, token="jane-token")


def role(root: Caller, rules: list[dict[str, Any]], subject: dict[str, Any], *, namespace: str = "") -> None:
    """Bind rules to a subject, in a namespace or everywhere."""
    base = f"{RBAC}/namespaces/{namespace}/" if namespace else f"{RBAC}/cluster"
    kind = "Role" if namespace else "ClusterRole"
    api = {"apiVersion": "rbac.authorization.k8s.io/v1"}
    root.ok("POST", f"{base}roles", {**api, "kind": kind, "metadata": {"name": "r"}, "rules": rules})
    binding = {
        **api,
        "kind": f"{kind}Binding",
        "metadata": {"name": "b"},
        "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "r"},
    }
    root.ok("POST", f"{base}rolebindings", binding)


USER = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "jane"}
READ_PODS = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]


def allowed(caller: Caller, **attributes: str) -> bool:
    """Ask the server whether the caller may."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    spec = {"resourceAttributes": attributes}
    answer = caller.ok("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", {**review, "spec": spec})
    return bool(answer["status"]["allowed"])


def test_an_unknown_token_is_401_and_none_is_anonymous(server: APIServer) -> None:
    """Wrong credentials are refused outright; without any the caller may see health and version only."""
    assert Caller(server.url, token="wrong")("GET", "/healthz").status == 401
    nobody = Caller(server.url)
    assert nobody("GET", "/healthz").status == 200
    assert nobody("GET", "/version").status == 200
    refused = nobody("GET", "/apis").json
    assert refused["message"] == 'forbidden: User "system:anonymous" cannot get path "/apis"'


def test_discovery_is_open_to_every_known_user(jane: Caller) -> None:
    """A user without any right can discover."""
    for path in ("/api", "/apis", "/apis/apps/v1", "/openapi/v3", "/version"):
        assert jane("GET", path).status == 200
    assert jane("GET", "/metrics").status == 403


def test_a_role_binding_counts_in_its_namespace_only(root: Caller, jane: Caller) -> None:
    """Rights given in a namespace end at its border."""
    role(root, READ_PODS, USER, namespace="default")
    assert jane("GET", "/api/v1/namespaces/default/pods").status == 200
    assert jane("GET", "/api/v1/namespaces/kube-system/pods").status == 403
    assert jane("GET", "/api/v1/pods").status == 403
    assert jane("POST", "/api/v1/namespaces/default/pods", {}).status == 403


def test_a_cluster_role_binding_counts_everywhere_and_by_group(root: Caller, jane: Caller) -> None:
    """Groups of the token file are subjects like users."""
    role(root, READ_PODS, {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "ops"})
    assert jane("GET", "/api/v1/pods").status == 200
    assert jane("GET", "/api/v1/nodes").status == 403


def test_rules_can_name_subresources_names_and_paths(root: Caller, jane: Caller) -> None:
    """``pods/log``, resourceNames and nonResourceURLs with a trailing star."""
    rules = [
        {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["get", "update"]},
        {"nonResourceURLs": ["/metrics/*"], "verbs": ["get"]},
    ]
    role(root, rules, USER)
    ask = {"namespace": "default", "resource": "pods", "verb": "get"}
    assert allowed(jane, **ask, subresource="log")
    assert not allowed(jane, **ask)
    assert jane("GET", f"{CMS}/mine").status == 404
    assert jane("GET", f"{CMS}/other").status == 403
    assert jane("GET", CMS).status == 403
    assert jane("GET", "/metrics/x").status == 404


def test_a_named_object_can_be_watched_by_its_name(root: Caller, jane: Caller) -> None:
    """A list or watch limited to one name by a field selector counts as about that object."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["mine"], "verbs": ["list", "watch"]}]
    role(root, rules, USER)
    assert jane("GET", f"{CMS}?fieldSelector=metadata.name=mine").status == 200
    assert jane("GET", f"{CMS}?fieldSelector=metadata.name%3D%3Dmine&watch=1&timeoutSeconds=1").status == 200
    for query in ("", "?fieldSelector=metadata.name=other", "?fieldSelector=metadata.name!=mine"):
        assert jane("GET", f"{CMS}{query}").status == 403


def test_the_built_in_roles_aggregate(root: Caller, jane: Caller) -> None:
    """``edit`` bound in a namespace lets a user work there, but not give rights away."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "jane-edits"},
        "subjects": [USER],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
    }
    root.ok("POST", f"{RBAC}/namespaces/default/rolebindings", binding)
    assert jane("POST", CMS, config_map("a")).status == 201
    assert jane("GET", CMS).status == 200
    assert jane("GET", f"{RBAC}/namespaces/default/roles").status == 403


def test_impersonation_needs_the_right_and_takes_the_rights(root: Caller, jane: Caller) -> None:
    """An administrator becomes jane with jane's rights; jane becomes nobody else."""
    role(root, READ_PODS, USER)
    assert root("GET", "/api/v1/pods", Impersonate_User="jane").status == 200
    assert root("GET", "/api/v1/nodes", Impersonate_User="jane").status == 403
    refused = jane("GET", "/api/v1/pods", Impersonate_User="admin")
    assert refused.status == 403

    start = 'users "admin" is forbidden: User "jane" cannot impersonate resource "users"'
    assert refused.json["message"].startswith(start)


def test_an_open_server_still_respects_impersonation() -> None:
    """Without a token file everybody is an administrator; whom they impersonate is not."""
    with APIServer() as server:
        caller = Caller(server.url)
        assert caller("GET", "/api/v1/pods").status == 200
        assert caller("GET", "/api/v1/pods", Impersonate_User="jane").status == 403


def test_token_reviews_know_the_users(root: Caller) -> None:
    """A known token is told with its user, an unknown one as not authenticated."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    known = root.ok("POST", f"{AUTHENTICATION}/tokenreviews", {**review, "spec": {"token": "jane-token"}})
    assert known["status"]["authenticated"]
    assert known["status"]["user"]["username"] == "jane"
    assert known["status"]["user"]["groups"] == ["dev", "ops", "system:authenticated"]
    unknown = root.ok("POST", f"{AUTHENTICATION}/tokenreviews", {**review, "spec": {"token": "x"}})
    assert not unknown["status"].get("authenticated")


def test_service_account_tokens_work(server: APIServer, root: Caller) -> None:
    """A token requested for a service account makes its bearer that account; a forged one is refused."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "bot"}}
    root.ok("POST", "/api/v1/namespaces/default/serviceaccounts", account)
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
    issued = root.ok("POST", "/api/v1/namespaces/default/serviceaccounts/bot/token", request)
    token = issued["status"]["token"]
    who = Caller(server.url, token=token).ok(
        "POST", f"{AUTHENTICATION}/selfsubjectreviews", {"apiVersion": "authentication.k8s.io/v1"}
    )
    assert who["status"]["userInfo"]["username"] == "system:serviceaccount:default:bot"
    role(root, READ_PODS, {"kind": "ServiceAccount", "namespace": "default", "name": "bot"})
    assert Caller(server.url, token=token)("GET", "/api/v1/pods").status == 200
    head, payload, _ = token.split(".")
    assert Caller(server.url, token=f"{head}.{payload}.AAAA")("GET", "/healthz").status == 401


def test_subject_access_reviews_ask_for_others(root: Caller) -> None:
    """An administrator can ask what jane may."""
    role(root, READ_PODS, USER)
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    for resource, may in (("pods", True), ("nodes", False)):
        spec = {"user": "jane", "resourceAttributes": {"verb": "list", "resource": resource}}
        answer = root.ok("POST", f"{AUTHORIZATION}/subjectaccessreviews", {**review, "spec": spec})
        assert answer["status"]["allowed"] is may


def test_rules_reviews_list_the_rules(root: Caller, jane: Caller) -> None:
    """``kubectl auth can-i --list`` gets what binds the user."""
    role(root, READ_PODS, USER)
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": "default"},
    }
    status = jane.ok("POST", f"{AUTHORIZATION}/selfsubjectrulesreviews", review)["status"]
    assert {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]} in status["resourceRules"]


@pytest.mark.parametrize("text", ["only,two\n", ",user,1\n", 'a,b,c\n"x",,1\n'])
def test_a_wrong_token_file_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    """Nothing starts with half a user list."""
    path = tmp_path / "tokens.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"line [12]"):
        read_token_file(path)


def test_a_missing_token_file_is_a_config_error(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(ConfigError, match=r"nope\.csv"):
        APIServer(token_auth_file=tmp_path / "nope.csv")


def test_refusals_of_the_authorizer_are_not_to_be_sniffed(jane: Caller) -> None:
    """A 403 of RBAC carries the header, as on a real server."""
    assert jane("GET", CMS).headers["x-content-type-options"] == "nosniff"


def test_a_name_does_not_make_a_collection_deletable(root: Caller, jane: Caller) -> None:
    """A field selector for one name counts for list and watch; deletecollection wants the whole collection."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["a"], "verbs": ["*"]}]
    role(root, rules, {"kind": "User", "name": "jane"})
    path = f"{CMS}?fieldSelector=metadata.name%3Da"
    assert (jane("GET", path).status, jane("DELETE", path).status) == (200, 403)


@pytest.mark.parametrize(("header", "anonymous"), [("Bearer  {}", True), ("Bearer {} x", False), ("bearer {}", False)])
def test_the_second_word_is_the_token(server: APIServer, jane: Caller, header: str, anonymous: bool) -> None:
    """As in Go: words after it do not matter, and a second space leaves the caller without one."""
    answer = Caller(server.url)("GET", "/api/v1/namespaces", Authorization=header.format(jane.token))
    assert answer.status == 403
    assert ("system:anonymous" in answer.json["message"]) is anonymous


def test_a_question_that_is_none_is_refused_without_its_kind(root: Caller) -> None:
    """The server leaves the kind out of this one 422."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {"user": "x"}}
    answer = root("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    assert answer.json["message"].startswith('.authorization.k8s.io "" is invalid: spec.resourceAttributes:')
    assert "kind" not in answer.json["details"]


def test_the_rules_of_aggregated_roles_are_written_into_them(root: Caller) -> None:
    """A role made of others holds their rules a moment later, by any selector, and loses those of roles that go."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    rule = {"verbs": ["get"], "apiGroups": [""], "resources": ["services"]}
    selector = {"matchExpressions": [{"key": "part", "operator": "In", "values": ["a", "b"]}]}
    root.ok("POST", path, {"metadata": {"name": "whole"}, "aggregationRule": {"clusterRoleSelectors": [selector]}})
    root.ok("POST", path, {"metadata": {"name": "one", "labels": {"part": "a"}}, "rules": [rule]})
    deadline = time.monotonic() + 10
    while not (rules := root.ok("GET", f"{path}/whole")["rules"]):
        assert time.monotonic() < deadline
    assert rules == [rule]
    root.ok("DELETE", f"{path}/one")
    while root.ok("GET", f"{path}/whole")["rules"]:
        assert time.monotonic() < deadline


def test_the_built_in_roles_hold_their_rules(root: Caller) -> None:
    """view, edit and admin are gathered before the server answers."""
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
    view, edit = (root.ok("GET", f"{path}/{name}")["rules"] for name in ("view", "edit"))
    assert view
    assert all(rule in edit for rule in view)
