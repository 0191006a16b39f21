"""StatefulSets, DaemonSets, Jobs, CronJobs, and endpoints of services."""

from __future__ import annotations

import datetime
from typing import Any

import pytest

from dynkube.objects import get_condition
from dynkube.testing import APIServer, Simulation
from dynkube.testing.simulation import OUTCOME
from testing.simulation.living import Place, job, template, workload


def names(place: Place, kind: str = "pods") -> list[str]:
    """Return the names of the objects of a kind."""
    return [one["metadata"]["name"] for one in place.items(kind)]


def test_a_stateful_set_starts_in_order(place: Place) -> None:
    """Each pod is made when the one before is ready; names, labels and claims carry its number."""
    order: list[str] = []

    def listen(collection: tuple[str, str], event: Any) -> None:
        if collection == ("", "pods") and event.key[0] == place.namespace:
            ready = get_condition(event.record.object, "Ready")
            word = "ready" if ready and ready["status"] == "True" else event.type
            order.append(f"{event.key[1]} {word}")

    place.server.cluster.listen(listen)
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    place.create(workload("StatefulSet", "db", replicas=3, serviceName="db", volumeClaimTemplates=[claim]))
    place.status("statefulsets", "db", readyReplicas=3, currentReplicas=3, updatedReplicas=3)
    assert order.index("db-0 ready") < order.index("db-1 ADDED") < order.index("db-1 ready") < order.index("db-2 ADDED")
    pod = place.of("pods").get("db-1")
    assert pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert pod["spec"]["hostname"] == "db-1"
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}} in pod["spec"]["volumes"]
    assert names(place, "persistentvolumeclaims") == ["data-db-0", "data-db-1", "data-db-2"]


def test_a_stateful_set_is_updated_from_the_end(place: Place) -> None:
    """Pods from the partition on are replaced, the last first; without the partition all are."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    place.create(workload("StatefulSet", "db", replicas=2, serviceName="db", updateStrategy=rolling))
    place.status("statefulsets", "db", readyReplicas=2)
    sets = place.of("statefulsets")
    sets.patch("db", {"spec": {"template": template("app:2")}}, type="strategic")
    place.status("statefulsets", "db", readyReplicas=2, updatedReplicas=1)
    images = {one["metadata"]["name"]: one["spec"]["containers"][0]["image"] for one in place.items("pods")}
    assert images == {"db-0": "app:1", "db-1": "app:2"}
    sets.patch("db", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    status = place.status("statefulsets", "db", readyReplicas=2, updatedReplicas=2, currentReplicas=2)
    assert status["currentRevision"] == status["updateRevision"]
    assert len(place.items("controllerrevisions")) == 2


def test_a_stateful_set_shrinks_from_the_end(place: Place) -> None:
    """The highest numbers go first."""
    place.create(workload("StatefulSet", "db", replicas=3, serviceName="db", podManagementPolicy="Parallel"))
    place.status("statefulsets", "db", readyReplicas=3)
    place.of("statefulsets").patch("db", {"spec": {"replicas": 1}})
    place.status("statefulsets", "db", replicas=1, readyReplicas=1)
    place.until(lambda: names(place) == ["db-0"])


def test_a_daemon_set_is_on_every_node(place: Place) -> None:
    """One pod a node; an update replaces them one by one and is recorded."""
    place.create(workload("DaemonSet", updateStrategy={"type": "RollingUpdate"}))
    nodes = len(place.dyn.resource("v1", "nodes").list()["items"])
    status = place.status("daemonsets", "web", numberReady=nodes, numberAvailable=nodes, updatedNumberScheduled=nodes)
    assert (status["desiredNumberScheduled"], status["numberMisscheduled"]) == (nodes, 0)
    assert len({pod["spec"]["nodeName"] for pod in place.ready()}) == nodes
    place.of("daemonsets").patch("web", {"spec": {"template": template("app:2")}}, type="strategic")
    place.until(lambda: {pod["spec"]["containers"][0]["image"] for pod in place.ready()} == {"app:2"})
    place.status("daemonsets", "web", numberReady=nodes, updatedNumberScheduled=nodes)
    assert [one["revision"] for one in place.items("controllerrevisions")] in ([1, 2], [2, 1])


def test_a_job_completes(place: Place) -> None:
    """As many pods succeed as were asked for, then the job is Complete."""
    place.create(job(completions=3, parallelism=2))
    status = place.status("jobs", "work", succeeded=3, active=None)
    assert {one["type"] for one in status["conditions"]} == {"SuccessCriteriaMet", "Complete"}
    assert status["startTime"] <= status["completionTime"]


def test_a_job_gives_up(place: Place) -> None:
    """After more failures than backoffLimit allows the job is Failed."""
    place.create(job(annotations={OUTCOME: "failure"}, backoffLimit=1))
    status = place.status("jobs", "work", failed=2, active=None)
    place.until(lambda: get_condition(place.of("jobs").get("work"), "Failed"))
    assert "succeeded" not in status
    told = get_condition(place.of("jobs").get("work"), "Failed") or {}
    assert told["reason"] == "BackoffLimitExceeded"


def test_an_indexed_job(place: Place) -> None:
    """Each index succeeds once."""
    place.create(job(completions=3, parallelism=3, completionMode="Indexed"))
    status = place.status("jobs", "work", succeeded=3)
    assert status["completedIndexes"] == "0-2"


def test_a_suspended_job_waits(place: Place) -> None:
    """Suspended, a job has no pods; resumed, it runs."""
    place.create(job(suspend=True))
    place.until(lambda: get_condition(place.of("jobs").get("work"), "Suspended"))
    assert place.items("pods") == []
    place.of("jobs").patch("work", {"spec": {"suspend": False}})
    place.status("jobs", "work", succeeded=1)


def test_a_finished_job_goes_when_its_time_is_over(place: Place) -> None:
    """The time to live after the end is kept."""
    place.create(job(ttlSecondsAfterFinished=0))
    place.until(lambda: not place.of("jobs").exists("work"))


def test_a_cron_job_makes_jobs() -> None:
    """When its time has come there is a job of it, and the status says when."""
    with APIServer(simulate=Simulation(delay=0.01)) as server, server.client() as dyn:
        place = Place.fresh(server, dyn)
        start = datetime.datetime.now(datetime.timezone.utc)
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": job()["spec"]}}
        place.create({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}, "spec": spec})
        server.cluster.clock = lambda: start + datetime.timedelta(minutes=1)
        place.of("cronjobs").patch("tick", {"metadata": {"labels": {"wake": "up"}}})
        place.until(lambda: any((one.get("status") or {}).get("succeeded") for one in place.items("jobs")))
        status = place.until(
            lambda: (
                "lastSuccessfulTime" in place.of("cronjobs").get("tick")["status"]
                and place.of("cronjobs").get("tick")["status"]
            )
        )
        assert status["lastScheduleTime"].endswith(":00Z")
        assert [name.rpartition("-")[0] for name in names(place, "jobs")] == ["tick"]


def test_services_have_endpoints(place: Place) -> None:
    """Ready pods are in the endpoints and slices with their named ports; when they go, so do their addresses."""
    place.create(workload("ReplicaSet", replicas=2))
    ports = [{"name": "web", "port": 80, "targetPort": "http"}]
    service = {"selector": {"app": "web"}, "ports": ports}
    place.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": service})

    def slices() -> list[dict[str, Any]]:
        return place.items("endpointslices", label_selector="kubernetes.io/service-name=web")

    def ready() -> bool:
        return len([end for one in slices() for end in one.get("endpoints") or () if end["conditions"]["ready"]]) == 2

    place.until(ready)
    (found,) = slices()
    assert found["ports"] == [{"name": "web", "port": 80, "protocol": "TCP"}]
    addresses = {pod["status"]["podIP"] for pod in place.ready()}
    assert {address for end in found["endpoints"] for address in end["addresses"]} == addresses
    subset = place.of("endpoints").get("web")["subsets"][0]
    assert {one["ip"] for one in subset["addresses"]} == addresses
    place.of("replicasets").patch("web", {"spec": {"replicas": 0}})
    place.until(lambda: "subsets" not in place.of("endpoints").get("web"))
    place.of("services").delete("web")
    place.until(lambda: not slices() and not place.of("endpoints").exists("web"))


def test_namespaces_have_an_account_and_a_certificate(place: Place) -> None:
    """Every namespace has the default service account and the authority's certificate; deleted, they return."""
    accounts = place.of("serviceaccounts")
    place.until(lambda: accounts.exists("default") and place.of("configmaps").exists("kube-root-ca.crt"))
    uid = accounts.get("default")["metadata"]["uid"]
    accounts.delete("default")
    place.until(lambda: (accounts.get_or_none("default") or {"metadata": {"uid": uid}})["metadata"]["uid"] != uid)


@pytest.mark.parametrize("grace", [None, 0])
def test_a_namespace_with_life_in_it_goes(place: Place, grace: int | None) -> None:
    """A namespace full of workloads is emptied and deleted."""
    place.create(workload("Deployment", replicas=2))
    place.status("deployments", "web", readyReplicas=2)
    spaces = place.dyn.resource("v1", "namespaces")
    spaces.delete(place.namespace, grace_period_seconds=grace)
    place.until(lambda: not spaces.exists(place.namespace))
