"""RBAC and reviews: nobody grants what he does not hold, and questions are answered with a reason.

Source: kube-apiserver's RBAC authorizer and registry, and the validation of authorization.k8s.io.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from testing.unrecorded import MERGE, RBAC, REVIEWS, N, Step, invalid, named, run

if TYPE_CHECKING:
    from testing.calling import Caller

BOB = {"Impersonate-User": "bob"}
GROUP = "rbac.authorization.k8s.io"
ROLES = f"{RBAC}/namespaces/default/roles"
BINDINGS = f"{RBAC}/namespaces/default/rolebindings"


def ref(kind: str, name: str) -> dict[str, str]:
    """Return a reference to a role."""
    return {"apiGroup": GROUP, "kind": kind, "name": name}


def rule(verbs: list[str], resources: list[str], groups: tuple[str, ...] = ("",)) -> dict[str, Any]:
    """Return one rule."""
    return {"verbs": verbs, "apiGroups": list(groups), "resources": resources}


@pytest.fixture
def bob(call: Caller) -> Caller:
    """Let bob write roles and bindings and create config maps, and nothing else."""
    rules = [rule(["create", "update", "patch"], ["roles", "rolebindings"], (GROUP,)), rule(["create"], ["configmaps"])]
    subjects = [{"kind": "User", "name": "bob"}]
    call.ok("POST", f"{RBAC}/clusterroles", named("maker", rules=rules))
    call.ok("POST", f"{RBAC}/clusterrolebindings", named("bob", roleRef=ref("ClusterRole", "maker"), subjects=subjects))
    return call


def test_a_role_grants_what_its_writer_holds(bob: Caller) -> None:
    """What is missing is listed, one line for each resource."""
    refused = (
        f'roles.{GROUP} "more" is forbidden: user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC '
        'permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}\n'
        '{APIGroups:["apps"], Resources:["secrets"], Verbs:["get" "delete"]}'
    )
    more = named("more", rules=[rule(["get", "delete"], ["secrets"], ("", "apps"))])
    run(
        bob,
        Step("held", "POST", ROLES, named("same", rules=[rule(["create"], ["configmaps"])]), BOB),
        Step("more", "POST", ROLES, more, BOB, code=403, reason="Forbidden", message=refused),
        Step("later", "PATCH", f"{ROLES}/same", {"rules": more["rules"]}, {**BOB, **MERGE}, code=403),
        Step("label", "PATCH", f"{ROLES}/same", {"metadata": {"labels": {"a": "b"}}}, {**BOB, **MERGE}, code=200),
        Step("administrator", "POST", ROLES, more),
    )


def test_a_binding_hands_out_what_its_writer_holds(bob: Caller) -> None:
    """The role must be there to be compared; ``bind`` on it lets it pass."""
    subjects = [{"kind": "User", "name": "eve"}]
    admin = named("admin", roleRef=ref("ClusterRole", "cluster-admin"), subjects=subjects)
    missing = f'rolebindings.{GROUP} "zork" not found'
    run(
        bob,
        Step(
            "admin", "POST", BINDINGS, admin, BOB, code=403, message=f'rolebindings.{GROUP} "admin" is forbidden: ...'
        ),
        Step("missing", "POST", BINDINGS, named("z", roleRef=ref("Role", "zork")), BOB, code=404, message=missing),
        Step("own", "POST", BINDINGS, named("own", roleRef=ref("ClusterRole", "maker"), subjects=subjects), BOB),
        Step("allow", "POST", f"{RBAC}/clusterroles", named("b", rules=[rule(["bind"], ["clusterroles"], (GROUP,))])),
        Step(
            "bound",
            "POST",
            BINDINGS,
            named("b", roleRef=ref("ClusterRole", "b"), subjects=[{"kind": "User", "name": "bob"}]),
        ),
        Step("now", "POST", BINDINGS, admin, BOB),
    )


def test_rules_and_bindings_are_checked(call: Caller) -> None:
    """Rules need verbs, groups and resources; a binding's role cannot be exchanged."""
    run(
        call,
        invalid(
            "empty",
            "POST",
            ROLES,
            named("r", rules=[{"verbs": []}]),
            "rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource",
        ),
        Step("role", "POST", ROLES, named("r", rules=[rule(["get"], ["pods"])])),
        Step("binding", "POST", BINDINGS, named("b", roleRef=ref("Role", "r"))),
        Step("exchange", "PATCH", f"{BINDINGS}/b", {"roleRef": {"name": "q"}}, MERGE, code=422, reason="Invalid"),
        invalid(
            "cluster",
            "POST",
            f"{RBAC}/clusterrolebindings",
            named("c", roleRef=ref("Role", "r"), subjects=[{"kind": "ServiceAccount", "name": "a"}]),
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
            "subjects[0].namespace: Required value",
        ),
    )


def test_reviews_give_a_reason(bob: Caller) -> None:
    """The binding that allows it is named; a no has no reason, unless a role is missing."""
    asked = {"verb": "create", "resource": "configmaps", "namespace": "default"}
    path = f"{REVIEWS}/subjectaccessreviews"
    reason = 'RBAC: allowed by ClusterRoleBinding "bob" of ClusterRole "maker" to User "bob"'
    lost = f'RBAC: role.{GROUP} "gone" not found'
    eve = [{"kind": "User", "name": "eve"}]
    run(
        bob,
        Step(
            "yes",
            "POST",
            path,
            {"spec": {"user": "bob", "resourceAttributes": asked}},
            values={"status": {"allowed": True, "reason": reason}},
        ),
        Step(
            "no",
            "POST",
            path,
            {"spec": {"user": "eve", "resourceAttributes": asked}},
            values={"status": {"allowed": False}},
        ),
        Step("lost", "POST", BINDINGS, named("lost", roleRef=ref("Role", "gone"), subjects=eve)),
        Step(
            "lost role",
            "POST",
            path,
            {"spec": {"user": "eve", "resourceAttributes": asked}},
            values={"status": {"allowed": False, "reason": lost}},
        ),
        Step(
            "refused",
            "POST",
            f"{N}/configmaps",
            named("x"),
            {"Impersonate-User": "eve"},
            code=403,
            message='configmaps is forbidden: User "eve" cannot create resource "configmaps" in API group "" in the '
            f'namespace "default": {lost}',
        ),
        Step(
            "administrator",
            "POST",
            f"{REVIEWS}/selfsubjectaccessreviews",
            {"spec": {"nonResourceAttributes": {"path": "/x", "verb": "get"}}},
            values={"status": {"allowed": True}},
        ),
    )


def test_questions_must_be_questions(call: Caller) -> None:
    """One kind of attributes, somebody it is about, no metadata; local ones stay in their namespace."""
    path, local = f"{REVIEWS}/subjectaccessreviews", f"{REVIEWS}/namespaces/default/localsubjectaccessreviews"
    both = {"user": "a", "resourceAttributes": {}, "nonResourceAttributes": {}}
    other = {"user": "a", "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "other"}}
    run(
        call,
        invalid(
            "nothing",
            "POST",
            path,
            {"spec": {}},
            "spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or "
            "resourceAttributes must be specified",
            'spec.user: Invalid value: "": at least one of user or group must be specified',
        ),
        invalid(
            "both",
            "POST",
            path,
            {"spec": both},
            'spec.nonResourceAttributes: Invalid value: {"Path":"","Verb":""}: '
            "cannot be specified in combination with resourceAttributes",
        ),
        invalid(
            "elsewhere",
            "POST",
            local,
            {"spec": other},
            'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
        Step("named", "POST", path, {**named("x"), "spec": other}, code=422, reason="Invalid"),
        Step("rules", "POST", f"{REVIEWS}/selfsubjectrulesreviews", {"spec": {}}, code=400, reason="BadRequest"),
        Step("list", "GET", path, code=405, reason="MethodNotAllowed"),
    )
