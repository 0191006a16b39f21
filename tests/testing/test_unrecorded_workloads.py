"""Workloads, budgets, autoscalers, network: updates that are refused and why (kube-apiserver's validation per kind)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testing.calling import pod
from testing.unrecorded import APPS, BATCH, MERGE, NETWORK, N, Step, invalid, named, run, template

if TYPE_CHECKING:
    from testing.calling import Caller

SELECTOR = {"matchLabels": {"app": "a"}}
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
OVER = "Cannot evict pod as it would violate the pod's disruption budget."
LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def budget_cause(message: str) -> list[dict[str, str]]:
    """Return the one cause of a refused eviction."""
    return [{"reason": "DisruptionBudget", "message": message}]


def test_evictions_respect_budgets(call: Caller) -> None:
    """A budget nobody counted yet, one with nothing left, two for one pod, a wrong name; unready pods may go."""
    ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    counted = {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1}
    evict, body = f"{N}/pods/p/eviction", named("p")
    run(
        call,
        Step("budget", "POST", BUDGETS, named("b", spec={"minAvailable": 1, "selector": SELECTOR})),
        Step("pod", "POST", f"{N}/pods", {**pod("p"), "metadata": {"name": "p", "labels": {"app": "a"}}}),
        Step("ready", "PATCH", f"{N}/pods/p/status", {"status": ready}, MERGE, code=200),
        Step("wrong name", "POST", evict, named("q"), code=400, reason="BadRequest"),
        Step(
            "early",
            "POST",
            evict,
            body,
            code=429,
            reason="TooManyRequests",
            message=OVER,
            values={
                "details.causes": budget_cause("The disruption budget b is still being processed by the server."),
                "details.retryAfterSeconds": 10,
            },
        ),
        Step("counted", "PATCH", f"{BUDGETS}/b/status", {"status": counted}, MERGE, code=200),
        Step(
            "full",
            "POST",
            evict,
            body,
            code=429,
            message=OVER,
            values={"details.causes": budget_cause("The disruption budget b needs 1 healthy pods and has 1 currently")},
        ),
        Step("second", "POST", BUDGETS, named("c", spec={"selector": SELECTOR})),
        Step("two", "POST", evict, body, code=500, message="This pod has more than one PodDisruptionBudget, ..."),
        Step("one again", "DELETE", f"{BUDGETS}/c", code=200),
        Step("unready", "PATCH", f"{N}/pods/p/status", {"status": {"conditions": None}}, MERGE, code=200),
        Step("goes", "POST", evict, body),
        Step("gone", "POST", evict, body, code=404, message='pods "p" not found'),
    )


def test_budgets_are_checked(call: Caller) -> None:
    """Either bound, not both; percentages end in %; policies are known words."""
    percent = (
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', "
        "regex used for "
        "validation is '[0-9]+%')"
    )
    run(
        call,
        invalid(
            "both",
            "POST",
            BUDGETS,
            named("b", spec={"minAvailable": 1, "maxUnavailable": 1}),
            'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,'
            '"UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
        ),
        invalid(
            "words",
            "POST",
            BUDGETS,
            named("b", spec={"minAvailable": "10", "unhealthyPodEvictionPolicy": "X"}),
            f'spec.minAvailable: Invalid value: "10": {percent}',
            'spec.unhealthyPodEvictionPolicy: Unsupported value: "X": supported values: "AlwaysAllow", '
            '"IfHealthyBudget"',
        ),
    )


def test_jobs_are_fixed(call: Caller) -> None:
    """Completions and template stay; pods of a job do not restart always; cron expressions are read."""
    never = {"template": template(restartPolicy="Never")}
    restart = 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'
    cron = {"schedule": "x", "jobTemplate": {"spec": never}}
    long = named("c" * 53, spec={**cron, "schedule": "* * * * *"})
    run(
        call,
        invalid("restart", "POST", f"{BATCH}/jobs", named("j", spec={"template": template()}), restart),
        Step("job", "POST", f"{BATCH}/jobs", named("j", spec=never), values={"spec.backoffLimit": 6}),
        invalid(
            "completions",
            "PATCH",
            f"{BATCH}/jobs/j",
            {"spec": {"completions": 3}},
            "spec.completions: Invalid value: 3: field is immutable",
            **MERGE,
        ),
        Step(
            "suspend",
            "PATCH",
            f"{BATCH}/jobs/j",
            {"spec": {"suspend": True, "parallelism": 2}},
            MERGE,
            code=200,
            values={"spec.suspend": True, "metadata.generation": 2},
        ),
        invalid(
            "schedule",
            "POST",
            f"{BATCH}/cronjobs",
            named("c", spec=cron),
            'spec.schedule: Invalid value: "x": expected exactly 5 fields, found 1: [x]',
        ),
        invalid(
            "name",
            "POST",
            f"{BATCH}/cronjobs",
            long,
            f'metadata.name: Invalid value: "{"c" * 53}": must be no more than 52 characters',
        ),
    )


def test_sets_are_fixed(call: Caller) -> None:
    """Selectors never change; of a stateful set only a few fields do."""
    spec = {"selector": SELECTOR, "template": template()}
    other = {"selector": {"matchLabels": {"b": "c"}}, "template": {"metadata": {"labels": {"b": "c"}}}}
    fixed = (
        "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
        "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
        "forbidden"
    )
    both = 'spec.selector: Invalid value: {"matchLabels":{"app":"a","b":"c"}}: field is immutable'
    run(
        call,
        Step("stateful", "POST", f"{APPS}/statefulsets", named("s", spec={**spec, "serviceName": "x"})),
        invalid("name", "PATCH", f"{APPS}/statefulsets/s", {"spec": {"serviceName": "y"}}, fixed, **MERGE),
        Step("replicas", "PATCH", f"{APPS}/statefulsets/s", {"spec": {"replicas": 3}}, MERGE, code=200),
        Step("daemon", "POST", f"{APPS}/daemonsets", named("d", spec=spec)),
        invalid("selector", "PATCH", f"{APPS}/daemonsets/d", {"spec": other}, both, **MERGE),
        Step("replica", "POST", f"{APPS}/replicasets", named("r", spec=spec), values={"spec.replicas": 1}),
        Step(
            "scale",
            "PUT",
            f"{APPS}/replicasets/r/scale",
            {**named("r"), "spec": {"replicas": 3}},
            code=200,
            values={"spec.replicas": 3, "status": {"replicas": 0, "selector": "app=a"}},
        ),
        invalid(
            "negative",
            "PATCH",
            f"{APPS}/replicasets/r/scale",
            {"spec": {"replicas": -3}},
            "spec.replicas: Invalid value: -3: must be greater than or equal to 0",
            **MERGE,
        ),
    )


def test_rolling_updates_must_move(call: Caller) -> None:
    """Neither surge nor unavailability at all is refused, as are percentages beyond 100."""
    path = "spec.strategy.rollingUpdate"
    still = {"maxSurge": 0, "maxUnavailable": 0}
    spec = {"selector": SELECTOR, "template": template()}
    run(
        call,
        invalid(
            "still",
            "POST",
            f"{APPS}/deployments",
            named("d", spec={**spec, "strategy": {"rollingUpdate": still}}),
            f"{path}.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0",
        ),
        invalid(
            "beyond",
            "POST",
            f"{APPS}/deployments",
            named("d", spec={**spec, "strategy": {"rollingUpdate": {"maxUnavailable": "150%"}}}),
            f'{path}.maxUnavailable: Invalid value: "150%": must not be greater than 100%',
        ),
    )


def test_autoscalers_have_two_forms(call: Caller) -> None:
    """A target percentage of v1 is a resource metric of v2; both are one object."""
    scalers = "/apis/autoscaling/v{}/namespaces/default/horizontalpodautoscalers"
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"}
    spec = {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50, "scaleTargetRef": target}
    metric = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}},
    }
    run(
        call,
        Step("v1", "POST", scalers.format(1), named("h", spec=spec), values={"spec.minReplicas": 1}),
        Step("v2", "GET", f"{scalers.format(2)}/h", code=200, values={"spec.metrics": [metric]}),
        invalid(
            "bounds",
            "POST",
            scalers.format(2),
            named("i", spec={"minReplicas": 5, "maxReplicas": 3, "scaleTargetRef": target}),
            "spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`",
        ),
    )


def test_ingresses_and_policies(call: Caller) -> None:
    """Paths have types, hosts are names, networks have lengths; a class keeps its controller."""
    ingresses, classes = f"{NETWORK}/namespaces/default/ingresses", f"{NETWORK}/ingressclasses"
    backend = {"service": {"name": "s", "port": {"number": 80}}}
    untyped = {"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]}
    blocked = {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": "1.2.3"}}]}]}
    run(
        call,
        invalid(
            "empty",
            "POST",
            ingresses,
            named("i", spec={}),
            "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified",
        ),
        invalid(
            "untyped",
            "POST",
            ingresses,
            named("i", spec=untyped),
            "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified",
        ),
        Step("default", "POST", ingresses, named("i", spec={"defaultBackend": backend})),
        Step("class", "POST", classes, named("c", spec={"controller": "x.y/z"})),
        invalid(
            "controller",
            "PATCH",
            f"{classes}/c",
            {"spec": {"controller": "x.y/q"}},
            'spec.controller: Invalid value: "x.y/q": field is immutable',
            **MERGE,
        ),
        invalid(
            "network",
            "POST",
            f"{NETWORK}/namespaces/default/networkpolicies",
            named("n", spec=blocked),
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "1.2.3": must be a valid CIDR value, (e.g. '
            "10.9.8.0/24 "
            "or 2001:db8::/64)",
        ),
    )


def test_small_kinds(call: Caller) -> None:
    """Leases, priorities, runtime and storage classes, APIServices."""
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    priorities = "/apis/scheduling.k8s.io/v1/priorityclasses"
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    services = "/apis/apiregistration.k8s.io/v1/apiservices"
    run(
        call,
        invalid(
            "lease",
            "POST",
            leases,
            named("l", spec={"leaseDurationSeconds": 0}),
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        ),
        Step("priority", "POST", priorities, named("p", value=1), values={"preemptionPolicy": "PreemptLowerPriority"}),
        invalid(
            "value",
            "PATCH",
            f"{priorities}/p",
            {"value": 2},
            "value: Forbidden: may not be changed in an update.",
            **MERGE,
        ),
        invalid(
            "runtime",
            "POST",
            "/apis/node.k8s.io/v1/runtimeclasses",
            named("r", handler="A_"),
            f'handler: Invalid value: "A_": {LABEL}',
        ),
        Step("storage", "POST", classes, named("s", provisioner="x.y/z"), values={"volumeBindingMode": "Immediate"}),
        invalid(
            "parameters",
            "PATCH",
            f"{classes}/s",
            {"parameters": {"a": "b"}},
            'parameters: Invalid value: {"a":"b"}: field is immutable',
            **MERGE,
        ),
        invalid(
            "service",
            "POST",
            services,
            named("v1.x", spec={"group": "x.y", "version": "v1", "groupPriorityMinimum": 0, "versionPriority": 10}),
            'metadata.name: Invalid value: "v1.x": must be `spec.version+"."+spec.group`: "v1.x.y"',
            "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000",
        ),
    )


def test_an_autoscaler_names_the_group_of_its_target(call: Caller) -> None:
    """A target without an API group is refused, unless it is a replication controller, which has none."""
    path = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"
    field = "spec.scaleTargetRef.apiVersion"

    def scaler(kind: str, *, most: int = 3, **target: Any) -> dict[str, Any]:
        found = {"kind": kind, "name": "x", **target}
        return named(f"h-{kind.lower()}", spec={"maxReplicas": most, "scaleTargetRef": found})

    why = "apiVersion must specify API group"
    malformed = 'Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'
    run(
        call,
        invalid("none", "POST", path, scaler("Deployment"), f'{field}: Invalid value: "": {why}'),
        invalid("core", "POST", path, scaler("Deployment", apiVersion="v1"), f'{field}: Invalid value: "v1": {why}'),
        invalid("malformed", "POST", path, scaler("Deployment", apiVersion="a/b/c"), f"{field}: {malformed}"),
        Step("controller", "POST", path, scaler("ReplicationController")),
        Step("group", "POST", path, scaler("Deployment", apiVersion="apps/v1")),
        invalid(
            "negative",
            "POST",
            path,
            scaler("Other", most=-1, apiVersion="apps/v1"),
            "spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1",
            "spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
        ),
    )
