"""Jobs: pods until enough of them have succeeded, or too many have failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dynkube.objects import get_condition
from dynkube.selectors import LabelSelector
from dynkube.testing.printing.durations import parse_time
from dynkube.testing.simulation import pods
from dynkube.testing.simulation.conditions import with_condition
from dynkube.testing.simulation.controller import Controller, itself, owners
from dynkube.testing.simulation.world import JOBS, PODS, terminating

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dynkube.objects import JSONObject
    from dynkube.testing.simulation.controller import Concerns
    from dynkube.testing.simulation.world import World
    from dynkube.testing.storage.store import Collection, Key

_COMPONENT = "job-controller"
_INDEX = "batch.kubernetes.io/job-completion-index"


class Jobs(Controller):
    """Runs ``parallelism`` pods at a time until ``completions`` have succeeded."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._of_pod = owners(world, JOBS, "Job")

    def concerns(self) -> Mapping[Collection, Concerns]:
        """Follow jobs and their pods."""
        return {JOBS: itself, PODS: self._of_pod}

    def reconcile(self, key: Key) -> float | None:
        """Start or stop pods and write the status; a finished job goes when its time to live is over."""
        job = self.world.get(JOBS, key)
        if job is None or terminating(job):
            return None
        if _finished(job):
            return self._expire(job)
        selector = LabelSelector.from_spec(job["spec"].get("selector") or {})
        mine = pods.claim(self.world, job, PODS, selector)
        status = dict(job.get("status") or {})
        suspended = bool(job["spec"].get("suspend"))
        self._suspension(job, status, suspended=suspended)
        if not suspended:
            status.setdefault("startTime", self.world.now())
        succeeded = [pod for pod in mine if pods.phase(pod) == "Succeeded"]
        failed = [pod for pod in mine if pods.phase(pod) == "Failed"]
        verdict, wait = self._verdict(job, status, len(succeeded), len(failed))
        alive = [pod for pod in mine if pods.active(pod)]
        if verdict or suspended:
            for pod in alive:
                pods.remove(self.world, pod, job, _COMPONENT)
            alive = []
        else:
            alive += self._start(job, alive, succeeded)
        self._count(job, status, alive, succeeded, failed)
        if verdict:
            self._finish(job, status, *verdict)
        self.world.update_status(JOBS, key, status)
        return wait

    def _verdict(
        self, job: JSONObject, status: JSONObject, succeeded: int, failed: int
    ) -> tuple[tuple[str, str, str] | None, float | None]:
        """Return how the job ends (condition, reason, message), if it does, and the seconds until its deadline."""
        spec = job["spec"]
        wanted = spec.get("completions")
        if (wanted is None and succeeded) or (wanted is not None and succeeded >= wanted):
            return ("Complete", "CompletionsReached", "Reached expected number of succeeded pods"), None
        if failed > spec.get("backoffLimit", 6):
            return ("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"), None
        limit, since = spec.get("activeDeadlineSeconds"), parse_time(str(status.get("startTime", "")))
        if limit is None or since is None:
            return None, None
        left = limit - (self.world.clock() - since).total_seconds()
        if left <= 0:
            return ("Failed", "DeadlineExceeded", "Job was active longer than specified deadline"), None
        return None, left

    def _start(self, job: JSONObject, alive: list[JSONObject], succeeded: list[JSONObject]) -> list[JSONObject]:
        """Return the pods made so that as many run as should."""
        spec = job["spec"]
        wanted = spec.get("completions")
        room = spec.get("parallelism", 1) if wanted is None or not succeeded or wanted else 0
        if wanted is not None:
            room = min(room, wanted - len(succeeded))
        indexed = spec.get("completionMode") == "Indexed"
        taken = {_index(pod) for pod in [*alive, *succeeded]}
        free = [number for number in range(wanted or 0) if str(number) not in taken]
        made = []
        for _ in range(room - len(alive)):
            pod = pods.from_template(spec["template"], job)
            if indexed:
                number = free.pop(0)
                pod["metadata"].setdefault("annotations", {})[_INDEX] = str(number)
                pod["metadata"].setdefault("labels", {})[_INDEX] = str(number)
                pod["metadata"]["generateName"] = f"{job['metadata']['name']}-{number}-"
                pod["spec"]["hostname"] = f"{job['metadata']['name']}-{number}"
            made.append(pods.make(self.world, pod, job, _COMPONENT))
        return made

    def _count(
        self,
        job: JSONObject,
        status: JSONObject,
        alive: list[JSONObject],
        succeeded: list[JSONObject],
        failed: list[JSONObject],
    ) -> None:
        status["active"] = len(alive) or None
        status["ready"] = sum(map(pods.ready, alive))
        status["succeeded"] = len(succeeded) or None
        status["failed"] = len(failed) or None
        status["terminating"] = 0
        status["uncountedTerminatedPods"] = {}
        if job["spec"].get("completionMode") == "Indexed":
            status["completedIndexes"] = _ranges(sorted({int(_index(pod) or 0) for pod in succeeded})) or None

    def _suspension(self, job: JSONObject, status: JSONObject, *, suspended: bool) -> None:
        conditions = status.get("conditions") or []
        present = get_condition(job, "Suspended")
        if suspended:
            status.pop("startTime", None)
            why = {"reason": "JobSuspended", "message": "Job suspended"}
            conditions = with_condition(conditions, "Suspended", "True", self.world.now(), **why)
        elif present is not None and present["status"] == "True":
            why = {"reason": "JobResumed", "message": "Job resumed"}
            conditions = with_condition(conditions, "Suspended", "False", self.world.now(), **why)
        status["conditions"] = _probed(conditions, self.world.now()) or None

    def _finish(self, job: JSONObject, status: JSONObject, kind: str, reason: str, message: str) -> None:
        now, conditions = self.world.now(), status.get("conditions") or []
        before = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        for each in (before, kind):
            conditions = with_condition(conditions, each, "True", now, reason=reason, message=message)
        status["conditions"] = _probed(conditions, now)
        if kind == "Complete":
            status["completionTime"] = now
            self.world.tell(job, "Completed", "Job completed", component=_COMPONENT)
        else:
            self.world.tell(job, reason, message, component=_COMPONENT, warning=True)

    def _expire(self, job: JSONObject) -> float | None:
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        ends = [one.get("lastTransitionTime", "") for one in job["status"]["conditions"] if one["type"] in _ENDS]
        since = parse_time(max(ends))
        if seconds is None or since is None:
            return None
        left = float(seconds - (self.world.clock() - since).total_seconds())
        if left > 0:
            return left
        self.world.delete(JOBS, job)
        return None


_ENDS = ("Complete", "Failed")


def _finished(job: JSONObject) -> bool:
    return any((get_condition(job, kind) or {}).get("status") == "True" for kind in _ENDS)


def _probed(conditions: list[JSONObject], now: str) -> list[JSONObject]:
    return [{"lastProbeTime": now, **one} for one in conditions]


def _index(pod: JSONObject) -> str | None:
    found: str | None = (pod["metadata"].get("annotations") or {}).get(_INDEX)
    return found


def _ranges(numbers: list[int]) -> str:
    """Return numbers as the status writes them: ``0-2,5``."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
