"""Secrets, config maps, quotas, volumes, quantities: what kube-apiserver says about them (its core validation)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from testing.calling import pod
from testing.unrecorded import MERGE, STRATEGIC, N, Step, invalid, named, run, template

if TYPE_CHECKING:
    from testing.calling import Caller

FROZEN = "Forbidden: field is immutable when `immutable` is set"
KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
SECRETS = f"{N}/secrets"
MAPS = f"{N}/configmaps"


def test_secrets_hold_what_their_type_asks_for(call: Caller) -> None:
    """Each well-known type names the keys it needs, and a docker configuration must be JSON."""
    crt, key = "data[tls.crt]: Required value", "data[tls.key]: Required value"
    run(
        call,
        Step("plain", "POST", SECRETS, named("s", stringData={"a": "x"}), values={"type": "Opaque", "data.a": "eA=="}),
        invalid("TLS", "POST", SECRETS, named("t", type="kubernetes.io/tls"), crt, key),
        invalid(
            "docker",
            "POST",
            SECRETS,
            named("d", type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "x"}),
            "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for "
            "beginning of value",
        ),
        invalid(
            "basic",
            "POST",
            SECRETS,
            named("b", type="kubernetes.io/basic-auth"),
            "data[username]: Required value",
            "data[password]: Required value",
        ),
        invalid(
            "ssh", "POST", SECRETS, named("b", type="kubernetes.io/ssh-auth"), "data[ssh-privatekey]: Required value"
        ),
        invalid(
            "token",
            "POST",
            SECRETS,
            named("b", type="kubernetes.io/service-account-token"),
            "metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ),
        invalid("key", "POST", SECRETS, named("k", data={"a b": "YQ=="}), f'data[a b]: Invalid value: "a b": {KEY}'),
        invalid(
            "type", "PATCH", f"{SECRETS}/s", {"type": "x/y"}, 'type: Invalid value: "x/y": field is immutable', **MERGE
        ),
        Step("base64", "POST", SECRETS, named("x", data={"a": "!"}), code=400, reason="BadRequest"),
    )


def test_what_is_immutable_stays(call: Caller) -> None:
    """Neither the data nor the mark itself can be changed any more; deleting is allowed."""
    for path in (SECRETS, MAPS):
        run(
            call,
            Step("create", "POST", path, named("im", data={"a": "eA=="}, immutable=True)),
            invalid("data", "PATCH", f"{path}/im", {"data": {"a": "eQ=="}}, f"data: {FROZEN}", **MERGE),
            invalid("unset", "PATCH", f"{path}/im", {"immutable": None}, f"immutable: {FROZEN}", **MERGE),
            Step("labels", "PATCH", f"{path}/im", {"metadata": {"labels": {"a": "b"}}}, MERGE, code=200),
            Step("delete", "DELETE", f"{path}/im", code=200),
        )


def test_a_config_map_has_a_size(call: Caller) -> None:
    """One mebibyte of data; the whole object has no field to blame, which Go prints as ``[]``."""
    big = named("big", data={"a": "x" * (1024 * 1024 + 1)})
    run(
        call,
        invalid("big", "POST", MAPS, big, "[]: Too long: may not be more than 1048576 bytes"),
        invalid(
            "twice",
            "POST",
            MAPS,
            named("t", data={"a": "x"}, binaryData={"a": "eA=="}),
            'data[a]: Invalid value: "a": duplicate of key present in binaryData',
        ),
    )


def test_metadata_has_limits(call: Caller) -> None:
    """256 KiB of annotations, 63 bytes of a label, 253 of a name."""
    wide = "metadata.annotations: Too long: may not be more than 262144 bytes"
    label = f'metadata.labels: Invalid value: "{"x" * 64}": must be no more than 63 bytes'
    annotated = {"metadata": {"name": "a", "annotations": {"a": "x" * 262144}}}
    labelled = {"metadata": {"name": "a", "labels": {"a": "x" * 64}}}
    run(
        call,
        invalid("annotations", "POST", MAPS, annotated, wide),
        invalid("label", "POST", MAPS, labelled, label),
        Step("name", "POST", MAPS, named("x" * 254), code=422, reason="Invalid"),
        Step("longest", "POST", MAPS, named("x" * 253)),
    )


def test_a_generated_name_is_cut_to_fit(call: Caller) -> None:
    """58 characters of the base and five of chance: 63 in all."""
    made = call.ok("POST", MAPS, {"metadata": {"generateName": "x" * 100}})
    assert len(made["metadata"]["name"]) == 63
    assert made["metadata"]["generateName"] == "x" * 100


def test_quotas_are_about_known_resources(call: Caller) -> None:
    """Counted things come whole, nothing is negative, and names are standard or qualified."""
    quotas = f"{N}/resourcequotas"
    run(
        call,
        Step("good", "POST", quotas, named("q", spec={"hard": {"pods": "4", "count/widgets.example.com": "2"}})),
        invalid(
            "fraction",
            "POST",
            quotas,
            named("f", spec={"hard": {"pods": "1.5"}}),
            'spec.hard[pods]: Invalid value: "1500m": must be an integer',
        ),
        invalid(
            "negative",
            "POST",
            quotas,
            named("n", spec={"hard": {"requests.cpu": "-1"}}),
            'spec.hard[requests.cpu]: Invalid value: "-1": must be greater than or equal to 0',
        ),
        invalid(
            "unknown",
            "POST",
            quotas,
            named("u", spec={"hard": {"zork": "1"}}),
            'spec.hard[zork]: Invalid value: "zork": must be a standard resource type or fully qualified',
            'spec.hard[zork]: Invalid value: "zork": must be a standard resource for quota',
        ),
    )


def test_limit_ranges_are_consistent(call: Caller) -> None:
    """The default request may not exceed the default limit; a maximum gives both defaults."""
    ranges = f"{N}/limitranges"
    crossed = {"limits": [{"type": "Container", "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "0.8"}}]}
    run(
        call,
        invalid(
            "crossed",
            "POST",
            ranges,
            named("l", spec=crossed),
            'spec.limits[0].defaultRequest[cpu]: Invalid value: "800m": default request value 800m is greater than '
            "default limit value 500m",
        ),
        Step(
            "defaulted",
            "POST",
            ranges,
            named("l", spec={"limits": [{"type": "Container", "max": {"cpu": "1"}}]}),
            values={"spec.limits.0.default.cpu": "1", "spec.limits.0.defaultRequest.cpu": "1"},
        ),
    )


def test_claims_and_volumes(call: Caller) -> None:
    """Both are protected from the start; a claim that is not bound keeps its size."""
    claims, volumes = f"{N}/persistentvolumeclaims", "/api/v1/persistentvolumes"
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    smaller = {"spec": {"resources": {"requests": {"storage": "500Mi"}}}}
    frozen = 'PersistentVolumeClaim "c" is invalid: spec: Forbidden: spec is immutable after creation except...'
    volume = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
    run(
        call,
        Step(
            "claim",
            "POST",
            claims,
            named("c", spec=spec),
            values={"status.phase": "Pending", "metadata.finalizers": ["kubernetes.io/pvc-protection"]},
        ),
        Step("resize", "PATCH", f"{claims}/c", smaller, MERGE, code=422, message=frozen),
        Step(
            "volume",
            "POST",
            volumes,
            named("v", spec=volume),
            values={"status.phase": "Pending", "spec.persistentVolumeReclaimPolicy": "Retain"},
        ),
        Step("empty", "POST", volumes, named("w", spec={}), code=422, reason="Invalid"),
    )


def test_quantities_are_shown_in_one_form(call: Caller) -> None:
    """No fractions, the largest suffix that needs none: also what a patch or an apply says."""
    resources = {"requests": {"cpu": "0.5", "memory": "1024Mi"}, "limits": {"cpu": "1000m", "memory": "1.5Gi"}}
    manifest = pod("q")
    manifest["spec"]["containers"][0]["resources"] = resources
    path = "spec.containers.0.resources"
    run(
        call,
        Step(
            "create",
            "POST",
            f"{N}/pods",
            manifest,
            values={
                f"{path}.requests": {"cpu": "500m", "memory": "1Gi"},
                f"{path}.limits": {"cpu": "1", "memory": "1536Mi"},
            },
        ),
        Step(
            "apply",
            "PATCH",
            f"{N}/resourcequotas/q?fieldManager=x",
            {**named("q", spec={"hard": {"pods": "1000", "cpu": "1e3"}}), "apiVersion": "v1", "kind": "ResourceQuota"},
            {"Content_Type": "application/apply-patch+yaml"},
            values={"spec.hard": {"pods": "1k", "cpu": "1e3"}},
        ),
        Step(
            "patch",
            "PATCH",
            f"{N}/resourcequotas/q",
            {"spec": {"hard": {"memory": "0.5Gi"}}},
            MERGE,
            code=200,
            values={"spec.hard.memory": "512Mi"},
        ),
    )


def test_a_living_namespace_is_active(call: Caller) -> None:
    """Its status cannot say anything else."""
    run(
        call,
        Step("create", "POST", "/api/v1/namespaces", named("n")),
        invalid(
            "phase",
            "PATCH",
            "/api/v1/namespaces/n/status",
            {"status": {"phase": "Zork"}},
            "status.Phase: Invalid value: \"Zork\": may only be 'Active' if `deletionTimestamp` is empty",
            **MERGE,
        ),
    )


def test_put_creates_where_the_real_one_lets_it(call: Caller) -> None:
    """Leases, services, events, endpoints and RBAC objects may be created by PUT; others are not found."""
    event = {**named("z"), "involvedObject": {"namespace": "default"}}
    roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles/z"
    run(
        call,
        Step("lease", "PUT", "/apis/coordination.k8s.io/v1/namespaces/default/leases/z", named("z", spec={})),
        Step("service", "PUT", f"{N}/services/z", named("z", spec={"ports": [{"port": 80}]})),
        Step("event", "PUT", f"{N}/events/z", event),
        Step("role", "PUT", roles, named("z", rules=[])),
        Step("quota", "PUT", f"{N}/resourcequotas/z", named("z", spec={}), code=404, reason="NotFound"),
        Step("map", "PUT", f"{MAPS}/z", named("z"), code=404, message='configmaps "z" not found'),
    )


def test_tokens_of_accounts(call: Caller) -> None:
    """Ten minutes at least, an hour by default; the account must be there."""
    accounts = f"{N}/serviceaccounts"
    run(
        call,
        Step("account", "POST", accounts, named("a")),
        Step("token", "POST", f"{accounts}/a/token", {"spec": {}}, values={"spec.expirationSeconds": 3600}),
        invalid(
            "short",
            "POST",
            f"{accounts}/a/token",
            {"spec": {"expirationSeconds": 10}},
            "spec.expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes",
        ),
        Step("none", "POST", f"{accounts}/b/token", {}, code=404, message='serviceaccounts "b" not found'),
    )


def test_endpoints_have_proper_addresses(call: Caller) -> None:
    """An address of the loopback range serves nobody else."""
    subsets = [{"addresses": [{"ip": "127.0.0.1"}], "ports": [{"port": 0}]}]
    run(
        call,
        invalid(
            "loopback",
            "POST",
            f"{N}/endpoints",
            named("e", subsets=subsets),
            'subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, '
            "::1/128)",
            "subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
    )


def test_ephemeral_containers_are_added_by_their_subresource(call: Caller) -> None:
    """They come by the subresource alone, and then stay as they are; a pod's own updates may not add them."""
    extra = {"ephemeralContainers": [{"name": "debug", "image": "busybox"}]}
    path = f"{N}/pods/p"
    part = f"{path}/ephemeralcontainers"
    taken = [{"name": "main", "image": "busybox"}]
    ported = [{"name": "d", "image": "busybox", "targetContainerName": "x", "ports": [{"containerPort": 80}]}]
    created = pod("q", **extra)
    run(
        call,
        Step("create", "POST", f"{N}/pods", pod("p")),
        invalid("new", "POST", f"{N}/pods", created, "spec.ephemeralContainers: Forbidden: cannot be set on create"),
        Step("by the pod", "PATCH", path, {"spec": extra}, STRATEGIC, code=422, reason="Invalid"),
        Step(
            "add",
            "PATCH",
            part,
            {"metadata": {"labels": {"a": "b"}}, "spec": {**extra, "activeDeadlineSeconds": 9}},
            STRATEGIC,
            code=200,
            values={
                "spec.ephemeralContainers.0.terminationMessagePath": "/dev/termination-log",
                "spec.ephemeralContainers.0.imagePullPolicy": "Always",
                "spec.activeDeadlineSeconds": None,
                "metadata.labels": None,
                "metadata.generation": 2,
            },
        ),
        invalid(
            "name",
            "PATCH",
            part,
            {"spec": {"ephemeralContainers": taken}},
            'spec.ephemeralContainers[0].name: Duplicate value: "main"',
            **STRATEGIC,
        ),
        invalid(
            "ports",
            "PATCH",
            part,
            {"spec": {"ephemeralContainers": ported}},
            'spec.ephemeralContainers[0].targetContainerName: Not found: "x"',
            "spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container",
            **STRATEGIC,
        ),
        invalid(
            "removal",
            "PATCH",
            part,
            {"spec": {"ephemeralContainers": None}},
            'spec.ephemeralContainers: Forbidden: existing ephemeral containers "debug" may not be removed\n',
            **MERGE,
        ),
    )
    changed = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "other"}]}}
    refused = call("PATCH", part, changed, **STRATEGIC).json["details"]["causes"]
    assert 'existing ephemeral containers "debug" may not be changed' in refused[0]["message"]


def test_the_log_of_a_pod_without_a_node_is_no_content(call: Caller) -> None:
    """As long as no node is known nobody can be asked for the log, and that is no failure; afterwards it may be one."""
    run(call, Step("create", "POST", f"{N}/pods", pod("waiting")))
    answer = call("GET", f"{N}/pods/waiting/log")
    assert (answer.status, answer.raw) == (204, b"")
    run(
        call,
        Step("placed", "POST", f"{N}/pods", pod("placed", nodeName="n1")),
        Step("no node", "GET", f"{N}/pods/placed/log", code=404, message='pods "n1" not found'),
        Step("no pod", "GET", f"{N}/pods/none/log", code=404, message='pods "none" not found'),
    )


def test_what_is_missing_is_printed_as_null(call: Caller) -> None:
    """A value taken away from where it may not change is shown as null, not as text."""
    labels = {"app": "a"}
    spec = {"selector": {"matchLabels": labels}, "template": template(labels)}
    path = "/apis/apps/v1/namespaces/default/deployments"
    run(call, Step("create", "POST", path, named("web", spec=spec)))
    causes = call("PATCH", f"{path}/web", {"spec": {"selector": None}}, **MERGE).json["details"]["causes"]
    assert "Invalid value: null: field is immutable" in [cause["message"] for cause in causes]


def test_a_services_address_stays(call: Caller) -> None:
    """Another clusterIP is refused, also where the list of addresses is left out."""
    ports = [{"port": 80}]
    run(call, Step("create", "POST", f"{N}/services", named("s", spec={"ports": ports, "clusterIP": "10.96.7.7"})))
    other = named("s", spec={"ports": ports, "clusterIP": "10.96.7.8"})
    cause = 'spec.clusterIPs[0]: Invalid value: ["10.96.7.8"]: may not change once set'
    run(
        call,
        invalid("replaced", "PUT", f"{N}/services/s", other, cause),
        Step("left out", "PUT", f"{N}/services/s", named("s", spec={"ports": ports}), code=200),
    )


def test_what_is_filled_in_of_volumes_and_references(call: Caller) -> None:
    """A host path has a type, a resource reference a divisor, and the claim of an ephemeral volume a mode."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    volumes = [
        {"name": "host", "hostPath": {"path": "/x"}},
        {"name": "own", "ephemeral": {"volumeClaimTemplate": {"spec": claim}}},
    ]
    env = [{"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]
    container = {"name": "c", "image": "i", "env": env}
    run(
        call,
        Step(
            "create",
            "POST",
            f"{N}/pods",
            pod("p", containers=[container], volumes=volumes),
            values={
                "spec.volumes.0.hostPath.type": "",
                "spec.volumes.1.ephemeral.volumeClaimTemplate.spec.volumeMode": "Filesystem",
                "spec.containers.0.env.0.valueFrom.resourceFieldRef.divisor": "0",
            },
        ),
        Step(
            "volume",
            "POST",
            "/api/v1/persistentvolumes",
            named(
                "v", spec={"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/x"}}
            ),
            values={"spec.hostPath.type": ""},
        ),
    )


def test_what_pods_name_must_be_possible(call: Caller) -> None:
    """Probes, users, paths and references are looked at; a negative grace period becomes one second."""
    number, port = "must be between 0 and 2147483647, inclusive", "must be between 1 and 65535, inclusive"
    probe, source = "spec.containers[0].livenessProbe", "spec.containers[0].env[0].valueFrom"

    def container(**more: Any) -> dict[str, Any]:
        return pod("p", containers=[{"name": "c", "image": "i", **more}])

    def variable(kind: str, **reference: str) -> dict[str, Any]:
        return container(env=[{"name": "A", "valueFrom": {kind: reference}}])

    outside = pod("p", volumes=[{"name": "v", "hostPath": {"path": "/a/../b"}}])
    pods = f"{N}/pods"
    run(
        call,
        invalid(
            "HTTP",
            "POST",
            pods,
            container(livenessProbe={"httpGet": {"port": 0}}),
            f"{probe}.httpGet.port: Invalid value: 0: {port}",
        ),
        invalid(
            "TCP",
            "POST",
            pods,
            container(livenessProbe={"tcpSocket": {"port": 70000}}),
            f"{probe}.tcpSocket.port: Invalid value: 70000: {port}",
        ),
        invalid(
            "command",
            "POST",
            pods,
            container(livenessProbe={"exec": {}}),
            f"{probe}.exec.command: Required value",
        ),
        invalid(
            "user",
            "POST",
            pods,
            pod("p", securityContext={"runAsUser": -1}),
            f"spec.securityContext.runAsUser: Invalid value: -1: {number}",
        ),
        invalid(
            "user of a container",
            "POST",
            pods,
            container(securityContext={"runAsUser": -1}),
            f"spec.containers[0].securityContext.runAsUser: Invalid value: -1: {number}",
        ),
        invalid(
            "path",
            "POST",
            pods,
            outside,
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
        ),
        invalid(
            "key",
            "POST",
            pods,
            variable("configMapKeyRef", name="x"),
            f"{source}.configMapKeyRef.key: Required value",
        ),
        Step(
            "grace",
            "POST",
            pods,
            pod("p", terminationGracePeriodSeconds=-5),
            values={"spec.terminationGracePeriodSeconds": 1},
        ),
    )


def test_backends_and_external_names(call: Caller) -> None:
    """An external name is required of its type, and an ingress path needs some backend, once it has a type."""
    ingresses = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    path = "spec.rules[0].http.paths[0]"

    def ingress(**one: Any) -> dict[str, Any]:
        return named("i", spec={"rules": [{"http": {"paths": [{"path": "/", **one}]}}]})

    external = named("s", spec={"type": "ExternalName"})
    neither = f'{path}.backend: Invalid value: "": resource or service backend is required'
    untyped = f"{path}.pathType: Required value: pathType must be specified"
    run(
        call,
        invalid("name", "POST", f"{N}/services", external, "spec.externalName: Required value"),
        invalid("backend", "POST", ingresses, ingress(pathType="Prefix", backend={}), neither),
        invalid("no type", "POST", ingresses, ingress(backend={"service": {"name": "x"}}), untyped),
    )
