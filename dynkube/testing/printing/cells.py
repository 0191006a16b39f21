"""The cells of workloads' rows: what ``kubectl get`` shows of things that run (``pkg/printers/internalversion``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from dynkube.testing.printing.durations import human, parse_time, since

if TYPE_CHECKING:
    from collections.abc import Callable

    Cells = Callable[[dict[str, Any]], list[Any]]

NONE = "<none>"
UNSET = "<unset>"


def name(obj: dict[str, Any]) -> str:
    """Return the object's name."""
    return str((obj.get("metadata") or {}).get("name", ""))


def age(obj: dict[str, Any]) -> str:
    """Return how old the object is."""
    return since((obj.get("metadata") or {}).get("creationTimestamp"))


def spec(obj: dict[str, Any]) -> dict[str, Any]:
    """Return the object's spec, {} if absent."""
    return obj.get("spec") or {}


def status(obj: dict[str, Any]) -> dict[str, Any]:
    """Return the object's status, {} if absent."""
    return obj.get("status") or {}


def labels(found: dict[str, Any] | None) -> str:
    """Print labels sorted, ``<none>`` for none."""
    return ",".join(f"{key}={value}" for key, value in sorted((found or {}).items())) or NONE


def selector(found: dict[str, Any] | None) -> str:
    """Print a label selector object as its string form, ``<none>`` when it is missing or selects all."""
    if not found:
        return NONE
    requirements = [f"{key}={value}" for key, value in (found.get("matchLabels") or {}).items()]
    for expression in found.get("matchExpressions") or []:
        key, values = expression.get("key", ""), ",".join(sorted(expression.get("values") or []))
        operator = expression.get("operator")
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        requirements.append(forms.get(str(operator), key))
    return ",".join(sorted(requirements)) or NONE


def template(found: dict[str, Any] | None) -> tuple[str, str]:
    """Return the containers' names and images of a pod template."""
    containers = ((found or {}).get("spec") or {}).get("containers") or []
    return ",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)


def _exit_reason(state: dict[str, Any]) -> str:
    ended = state.get("terminated") or {}
    if ended.get("reason"):
        return str(ended["reason"])
    signal = ended.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{ended.get('exitCode', 0)}"


def _restartable(container: dict[str, Any]) -> bool:
    return container.get("restartPolicy") == "Always"


def _init_reason(pod: dict[str, Any], statuses: list[dict[str, Any]]) -> str | None:
    """Return the status text while init containers are not through; None once they are."""
    containers = {c.get("name"): c for c in spec(pod).get("initContainers") or []}
    for index, found in enumerate(statuses):
        state = found.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode", -1) == 0 and state.get("terminated") is not None:
            continue
        if _restartable(containers.get(found.get("name"), {})) and found.get("started"):
            continue
        if state.get("terminated") is not None:
            return f"Init:{_exit_reason(state)}"
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}"
        return f"Init:{index}/{len(containers)}"
    return None


def pod_reason(pod: dict[str, Any]) -> str:
    """Return the one word that tells how a pod is doing."""
    state = status(pod)
    reason = str(state.get("reason") or state.get("phase") or "")
    for found in state.get("conditions") or []:
        if found.get("type") == "PodScheduled" and found.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    waiting_for_init = _init_reason(pod, state.get("initContainerStatuses") or [])
    reason = waiting_for_init if waiting_for_init is not None else _container_reason(pod, reason)
    if (pod.get("metadata") or {}).get("deletionTimestamp"):
        if state.get("reason") == "NodeLost":
            return "Unknown"
        if state.get("phase") not in {"Failed", "Succeeded"}:
            return "Terminating"
    return reason


def _container_reason(pod: dict[str, Any], reason: str) -> str:
    running = False
    for found in reversed(status(pod).get("containerStatuses") or []):
        state = found.get("state") or {}
        if (state.get("waiting") or {}).get("reason"):
            reason = state["waiting"]["reason"]
        elif state.get("terminated") is not None:
            reason = _exit_reason(state)
        elif found.get("ready") and state.get("running") is not None:
            running = True
    if reason == "Completed" and running:
        conditions = status(pod).get("conditions") or []
        ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
        return "Running" if ready else "NotReady"
    return reason


def pod(obj: dict[str, Any]) -> list[Any]:
    """Return a pod's cells."""
    state = status(obj)
    statuses = state.get("containerStatuses") or []
    sidecars = [c.get("name") for c in spec(obj).get("initContainers") or [] if _restartable(c)]
    side = [s for s in state.get("initContainerStatuses") or [] if s.get("name") in sidecars]
    total = len(spec(obj).get("containers") or []) + len(sidecars)
    ready = sum(1 for s in statuses if s.get("ready") and (s.get("state") or {}).get("running") is not None)
    ready += sum(1 for s in side if s.get("ready"))
    restarts = sum(int(s.get("restartCount") or 0) for s in [*statuses, *side])
    text = str(restarts)
    ends = [((s.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for s in [*statuses, *side]]
    last = max((e for e in ends if e), default=None)
    if restarts and last:
        text += f" ({since(last)} ago)"
    gates = spec(obj).get("readinessGates") or []
    met = {c.get("type") for c in state.get("conditions") or [] if c.get("status") == "True"}
    return [
        name(obj),
        f"{ready}/{total}",
        pod_reason(obj),
        text,
        age(obj),
        next((ip.get("ip") for ip in state.get("podIPs") or []), "") or state.get("podIP") or NONE,
        spec(obj).get("nodeName") or NONE,
        state.get("nominatedNodeName") or NONE,
        f"{sum(1 for g in gates if g.get('conditionType') in met)}/{len(gates)}" if gates else NONE,
    ]


def deployment(obj: dict[str, Any]) -> list[Any]:
    """Return a deployment's cells."""
    state = status(obj)
    names, images = template(spec(obj).get("template"))
    ready = f"{state.get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}"
    rest = [age(obj), names, images, selector(spec(obj).get("selector"))]
    return [name(obj), ready, state.get("updatedReplicas", 0), state.get("availableReplicas", 0), *rest]


def stateful_set(obj: dict[str, Any]) -> list[Any]:
    """Return a stateful set's cells."""
    ready = f"{status(obj).get('readyReplicas', 0)}/{spec(obj).get('replicas', 0)}"
    return [name(obj), ready, age(obj), *template(spec(obj).get("template"))]


def replicas(obj: dict[str, Any]) -> list[Any]:
    """Return a replica set's or replication controller's cells."""
    state, wanted = status(obj), spec(obj).get("selector")
    plain = labels(wanted) if obj.get("kind") == "ReplicationController" else selector(wanted)
    numbers = [spec(obj).get("replicas", 0), state.get("replicas", 0), state.get("readyReplicas", 0)]
    return [name(obj), *numbers, age(obj), *template(spec(obj).get("template")), plain]


def daemon_set(obj: dict[str, Any]) -> list[Any]:
    """Return a daemon set's cells."""
    keys = (
        "desiredNumberScheduled",
        "currentNumberScheduled",
        "numberReady",
        "updatedNumberScheduled",
        "numberAvailable",
    )
    numbers = [status(obj).get(key, 0) for key in keys]
    nodes = labels(((spec(obj).get("template") or {}).get("spec") or {}).get("nodeSelector"))
    names, images = template(spec(obj).get("template"))
    return [name(obj), *numbers, nodes, age(obj), names, images, selector(spec(obj).get("selector"))]


def job_state(obj: dict[str, Any]) -> str:
    """Return the one word that tells how a job is doing."""
    for wanted, text in (
        ("Complete", "Complete"),
        ("Failed", "Failed"),
        (None, "Terminating"),
        ("Suspended", "Suspended"),
        ("FailureTarget", "FailureTarget"),
        ("SuccessCriteriaMet", "SuccessCriteriaMet"),
    ):
        if wanted is None:
            if (obj.get("metadata") or {}).get("deletionTimestamp"):
                return text
        elif any(c.get("type") == wanted and c.get("status") == "True" for c in status(obj).get("conditions") or []):
            return text
    return "Running"


def job(obj: dict[str, Any]) -> list[Any]:
    """Return a job's cells."""
    state, wanted = status(obj), spec(obj)
    done = state.get("succeeded", 0)
    if "completions" in wanted:
        completions = f"{done}/{wanted['completions']}"
    elif wanted.get("parallelism", 0) > 1:
        completions = f"{done}/1 of {wanted['parallelism']}"
    else:
        completions = f"{done}/1"
    duration = ""
    start, end = parse_time(state.get("startTime") or ""), parse_time(state.get("completionTime") or "")
    if start is not None:
        duration = human((end - start).total_seconds()) if end is not None else since(state.get("startTime"))
    rest = [*template(wanted.get("template")), selector(wanted.get("selector"))]
    return [name(obj), job_state(obj), completions, duration, age(obj), *rest]


def cron_job(obj: dict[str, Any]) -> list[Any]:
    """Return a cron job's cells."""
    wanted, state = spec(obj), status(obj)
    inner = (wanted.get("jobTemplate") or {}).get("spec") or {}
    return [
        name(obj),
        wanted.get("schedule", ""),
        wanted.get("timeZone") or NONE,
        "True" if wanted.get("suspend") else "False",
        len(state.get("active") or []),
        since(state.get("lastScheduleTime"), unset=NONE),
        age(obj),
        *template(inner.get("template")),
        selector(inner.get("selector")),
    ]


def autoscaler(obj: dict[str, Any]) -> list[Any]:
    """Return a horizontal pod autoscaler's cells."""
    wanted, state = spec(obj), status(obj)
    target = wanted.get("scaleTargetRef") or {}
    reference = f"{target.get('kind', '')}/{target.get('name', '')}"
    minimum = str(wanted["minReplicas"]) if "minReplicas" in wanted else UNSET
    numbers = [minimum, wanted.get("maxReplicas", 0), state.get("currentReplicas", 0)]
    return [name(obj), reference, _targets(wanted, state), *numbers, age(obj)]


def _targets(wanted: dict[str, Any], state: dict[str, Any]) -> str:
    metrics = wanted.get("metrics") or []
    if "targetCPUUtilizationPercentage" in wanted:
        now = state.get("currentCPUUtilizationPercentage")
        return f"cpu: {f'{now}%' if now is not None else '<unknown>'}/{wanted['targetCPUUtilizationPercentage']}%"
    shown: list[str] = []
    current = state.get("currentMetrics") or []
    for index, metric in enumerate(metrics):
        kind = str(metric.get("type", ""))
        source = metric.get(kind[:1].lower() + kind[1:]) or {}
        found = current[index] if index < len(current) else {}
        measured = (found.get(kind[:1].lower() + kind[1:]) or {}).get("current") or {}
        shown.append(_target(kind, source, measured))
    if not shown:
        return NONE
    return ", ".join(shown[:2]) + (f" + {len(shown) - 2} more..." if len(shown) > 2 else "")


def _target(kind: str, source: dict[str, Any], measured: dict[str, Any]) -> str:
    target = source.get("target") or {}
    prefix = f"{source.get('name')}: " if kind in {"Resource", "ContainerResource"} else ""
    if target.get("averageUtilization") is not None:
        now = measured.get("averageUtilization")
        return f"{prefix}{f'{now}%' if now is not None else '<unknown>'}/{target['averageUtilization']}%"
    key = "averageValue" if target.get("averageValue") is not None else "value"
    average = " (avg)" if key == "averageValue" and kind in {"External", "Object"} else ""
    return f"{prefix}{measured.get(key, '<unknown>')}/{target.get(key, '<auto>')}{average}"


def disruption_budget(obj: dict[str, Any]) -> list[Any]:
    """Return a pod disruption budget's cells."""
    wanted = spec(obj)
    bounds = [str(wanted.get(key, "N/A")) for key in ("minAvailable", "maxUnavailable")]
    return [name(obj), *bounds, status(obj).get("disruptionsAllowed", 0), age(obj)]


def controller_revision(obj: dict[str, Any]) -> list[Any]:
    """Return a controller revision's cells."""
    owners = (obj.get("metadata") or {}).get("ownerReferences") or []
    owner = next((o for o in owners if o.get("controller")), None)
    group = str((owner or {}).get("apiVersion", "")).rpartition("/")[0]
    kind = str((owner or {}).get("kind", "")).lower() + (f".{group}" if group else "")
    return [name(obj), f"{kind}/{owner.get('name')}" if owner else NONE, obj.get("revision", 0), age(obj)]


def pod_template(obj: dict[str, Any]) -> list[Any]:
    """Return a pod template's cells."""
    found = obj.get("template") or {}
    return [name(obj), *template(found), labels((found.get("metadata") or {}).get("labels"))]


BY_KIND: Final[dict[str, Cells]] = {
    "Pod": pod,
    "ReplicationController": replicas,
    "PodTemplate": pod_template,
    "apps/Deployment": deployment,
    "apps/StatefulSet": stateful_set,
    "apps/ReplicaSet": replicas,
    "apps/DaemonSet": daemon_set,
    "apps/ControllerRevision": controller_revision,
    "batch/Job": job,
    "batch/CronJob": cron_job,
    "autoscaling/HorizontalPodAutoscaler": autoscaler,
    "policy/PodDisruptionBudget": disruption_budget,
}
