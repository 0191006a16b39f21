"""CronJobs: a Job each time the schedule says so."""

from __future__ import annotations

import copy
import datetime
import zoneinfo
from typing import TYPE_CHECKING

from dynkube.controller import set_controller
from dynkube.objects import get_condition
from dynkube.testing.printing.durations import parse_time
from dynkube.testing.simulation.controller import Controller, itself, owners
from dynkube.testing.simulation.cron import Schedule
from dynkube.testing.simulation.world import CRON_JOBS, JOBS, terminating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_COMPONENT = "cronjob-controller"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class CronJobs(Controller):
    """Makes the job of the last time that was due; of several missed times only that one is made up for."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_job = owners(world, CRON_JOBS, "CronJob")

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow cron jobs and their jobs."""
        return {
            CRON_JOBS: itself,
            JOBS: lambda obj: self._of_job(obj) if obj["metadata"].get("ownerReferences") else (),
        }

    def reconcile(self, key: Key) -> float | None:
        """Make a job if one is due, tidy old ones up, and write the status."""
        cron = self.world.get(CRON_JOBS, key)
        if cron is None or terminating(cron):
            return None
        status = dict(cron.get("status") or {})
        jobs = [job for job in self.world.owned(JOBS, cron) if not terminating(job)]
        wait = None if cron["spec"].get("suspend") else self._due(cron, status, jobs)
        jobs = [job for job in self.world.owned(JOBS, cron) if not terminating(job)]
        self._tidy(cron, jobs)
        status["active"] = [_reference(job) for job in jobs if not _ended(job)] or None
        times = [job["status"]["completionTime"] for job in jobs if "completionTime" in (job.get("status") or {})]
        if times:
            status["lastSuccessfulTime"] = max(times)
        self.world.update_status(CRON_JOBS, key, status)
        return wait

    def _due(self, cron: JSONObject, status: JSONObject, jobs: list[JSONObject]) -> float | None:
        """Make the job that is due, and return the seconds until the next time."""
        schedule = Schedule.parse(cron["spec"]["schedule"])
        zone = zoneinfo.ZoneInfo(cron["spec"].get("timeZone") or "UTC")
        now = self.world.clock().astimezone(zone)
        last = parse_time(str(status.get("lastScheduleTime") or cron["metadata"]["creationTimestamp"])) or now
        moment, missed = schedule.after(last.astimezone(zone)), None
        # A clock that was far behind has many missed times; the last of them is found from a day ago at most.
        if moment is not None and now - moment > datetime.timedelta(days=1):
            moment = schedule.after(now - datetime.timedelta(days=1)) or moment
        while moment is not None and moment <= now:
            missed, moment = moment, schedule.after(moment)
        if missed is not None:
            self._begin(cron, status, jobs, missed.astimezone(datetime.timezone.utc))
        return None if moment is None else (moment - now).total_seconds()

    def _begin(self, cron: JSONObject, status: JSONObject, jobs: list[JSONObject], due: datetime.datetime) -> None:
        spec = cron["spec"]
        active = [job for job in jobs if not _ended(job)]
        policy = spec.get("concurrencyPolicy", "Allow")
        if active and policy == "Forbid":
            return
        late = (self.world.clock() - due).total_seconds()
        if late > spec.get("startingDeadlineSeconds", late):
            status["lastScheduleTime"] = due.strftime(_TIME)
            return
        for job in active if policy == "Replace" else ():
            self.world.delete(JOBS, job)
        template = spec["jobTemplate"]
        metadata = copy.deepcopy(template.get("metadata") or {})
        metadata["name"] = f"{cron['metadata']['name']}-{int(due.timestamp()) // 60}"
        metadata["namespace"] = cron["metadata"]["namespace"]
        metadata.setdefault("annotations", {})["batch.kubernetes.io/cronjob-scheduled-timestamp"] = due.strftime(_TIME)
        job = {"metadata": metadata, "spec": copy.deepcopy(template["spec"])}
        set_controller(job, cron)
        status["lastScheduleTime"] = due.strftime(_TIME)
        if self.world.get(JOBS, (metadata["namespace"], metadata["name"])) is None:
            self.world.create(JOBS, job)
            self.world.tell(cron, "SuccessfulCreate", f"Created job {metadata['name']}", component=_COMPONENT)

    def _tidy(self, cron: JSONObject, jobs: list[JSONObject]) -> None:
        for kind, name, standard in (
            ("Complete", "successfulJobsHistoryLimit", 3),
            ("Failed", "failedJobsHistoryLimit", 1),
        ):
            ended = [job for job in jobs if _is(job, kind)]
            ended.sort(key=lambda job: job["metadata"]["creationTimestamp"])
            for job in ended[: max(0, len(ended) - cron["spec"].get(name, standard))]:
                self.world.delete(JOBS, job)


def _is(job: JSONObject, kind: str) -> bool:
    return (get_condition(job, kind) or {}).get("status") == "True"


def _ended(job: JSONObject) -> bool:
    return _is(job, "Complete") or _is(job, "Failed")


def _reference(job: JSONObject) -> JSONObject:
    metadata = job["metadata"]
    names = ("name", "namespace", "uid", "resourceVersion")
    return {"apiVersion": job["apiVersion"], "kind": job["kind"], **{name: metadata[name] for name in names}}
