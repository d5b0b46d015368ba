"""Detection in Airflow: alarms that wake a DAG, the look itself, and what follows from it by policy."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import structlog
from airflow.sdk import Asset, AssetOrTimeSchedule, AssetWatcher
from airflow.sdk.exceptions import AirflowSkipException
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from recovery_ops.airflow.library import library
from recovery_ops.airflow.notifying import tell
from recovery_ops.airflow.operators import RecoveryOperator, TriggerOnceOperator, said
from recovery_ops.aws.alarms import AlarmChange, forget, receive
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError
from recovery_ops.model.detection import Decision, Detection
from recovery_ops.model.system import System

log = structlog.get_logger(__name__)

PERSON = "policy:automatic"
"""On whose behalf a run acts that nobody asked for."""
REMEMBERED = 1000
PAUSE_S = 5.0
"""Wall seconds until a queue that did not answer is asked again."""


class AlarmQueueTrigger(BaseEventTrigger):
    """Fire for every change of an alarm that a queue tells of.

    A message is deleted after its event was handed on, so that a crash between the two delivers it again; the same
    change (alarm and time) fires once per process, and what follows is idempotent. The stock trigger of the amazon
    provider needs aiobotocore, which does not go with our boto3. A region that does not answer is asked again later:
    an exception would only restart the trigger.
    """

    def __init__(self, queue: str, region: str) -> None:
        super().__init__()
        self.queue, self.region = queue, region
        self._seen: OrderedDict[str, None] = OrderedDict()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what rebuilds this trigger in another process."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {"queue": self.queue, "region": self.region}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Receive for ever."""
        while True:
            try:
                changes = await asyncio.to_thread(self._receive)
            except RecoveryError as error:
                log.warning("alarms are not heard", queue=self.queue, region=self.region, error=error.message)
                await asyncio.sleep(PAUSE_S)
                continue
            for change in changes:
                if change.facts and self._is_new(change.key):
                    yield TriggerEvent(dict(change.facts))
                await asyncio.to_thread(self._forget, change)

    def _is_new(self, key: str) -> bool:
        if key in self._seen:
            return False
        self._seen[key] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _receive(self) -> list[AlarmChange]:
        with calling_as(Caller(run_id="detection", step="alarm.receive")):
            return receive(self.queue, self.region)

    def _forget(self, change: AlarmChange) -> None:
        with calling_as(Caller(run_id="detection", step="alarm.forget")):
            try:
                forget(self.queue, change.receipt, self.region)
            except RecoveryError as error:
                log.warning("a message stays in its queue", queue=self.queue, error=error.message)


def alarm_assets(system: System, policy: Detection) -> list[Asset]:
    """Return one asset for the alarm queue of every region, each with its watcher; none when there is no queue."""
    if not policy.queue:
        return []
    return [
        Asset(
            name=f"alarms__{system.name}__{region}",
            uri=f"sqs://{region}/{policy.queue}",
            watchers=[
                AssetWatcher(
                    name=f"{system.name}-{region}", trigger=AlarmQueueTrigger(queue=policy.queue, region=region)
                )
            ],
        )
        for region in system.regions
    ]


def detection_schedule(system: System, policy: Detection, every: timedelta) -> Any:
    """Return the schedule of the DAG that judges: any alarm, and the clock as a second path."""
    from airflow.sdk import DeltaTriggerTimetable

    assets = alarm_assets(system, policy)
    if not assets:
        return every
    either = assets[0]
    for asset in assets[1:]:
        either = either | asset
    return AssetOrTimeSchedule(timetable=DeltaTriggerTimetable(every), assets=either)


class JudgeOperator(RecoveryOperator):
    """Look at the region that serves and judge it; the judgment is the XCom that the other tasks act on."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(execution_timeout=timedelta(minutes=5), **kwargs)
        self.system = system

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002 - a look needs nothing of it
        """Return the judgment."""
        return said(dict(library().detect(self.system)))


class FailOverOperator(TriggerOnceOperator):
    """Trigger the failover that a judgment leads to; the same incident triggers the same DAG run, once."""

    def wanted(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Return the failover; skip when people decide."""
        judgment = context["ti"].xcom_pull(task_ids="judge")
        if judgment["decision"] != Decision.FAIL_OVER:
            raise AirflowSkipException(f"{judgment['verdict']}: {judgment['why']}")
        return judgment["dag_run_id"], conf_of(judgment)


class TellOperator(RecoveryOperator):
    """Tell people what was judged, once per incident; nothing that fails here fails the task."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system = system

    def execute(self, context: Mapping[str, Any]) -> list[dict[str, str]]:
        """Return who was told, and who could not be."""
        judgment = context["ti"].xcom_pull(task_ids="judge")
        if not judgment["news"]:
            raise AirflowSkipException("people know already, or there is nothing to know")
        return said(tell(library().load_system(self.system), "declared", facts_of(judgment)))


def conf_of(judgment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of the run that a judgment leads to."""
    return {
        "target_region": judgment["recovery_region"],
        "reason": f"{judgment['region']} is lost: {judgment['why']}",
        "impact_at": judgment["impact_at"],
        "detected_at": judgment["detected_at"],
        "decided_at": judgment["detected_at"],
        "person": PERSON,
    }


def facts_of(judgment: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message may say of a judgment; a run, when there is one, tells of itself."""
    page = f"playbook.html#{judgment['scenario']}"
    return {
        "impaired_region": judgment["region"],
        "recovery_region": judgment["recovery_region"],
        "reason": f"{judgment['verdict']}: {judgment['why']} ({page})",
        "impact_at": judgment["impact_at"],
        "detected_at": judgment["detected_at"],
        "state": "fails over by policy" if judgment["decision"] == Decision.FAIL_OVER else "waits for a person",
    }
