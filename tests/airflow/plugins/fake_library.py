"""A library that only writes down what it was asked, as a plugin, so that every process of Airflow uses it.

The reason of a run is its script: ``fail=<step>`` fails it, ``interrupt=<step>`` interrupts its first attempt,
``slow=<step>`` leaves it unfinished until it was looked at twice.
"""

import json
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from recovery_ops.airflow import library, warming
from recovery_ops.errors import StepFailedError, StepInterruptedError, StepRejectedError
from recovery_ops.execution.steps import StepResult
from recovery_ops.execution.systems import load_system
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.runs import RunRef, RunRequest, mint_run_id
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import TabletopRequest


class FakeLibrary:
    """Keeps everything as lines of ``<folder>/<run id>.jsonl``; the first line is the request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def as_library(self) -> library.Library:
        return library.Library(
            load_system=lambda name: load_system(name, Settings.from_environment().catalogs),
            declare=self.declare,
            take_over=self.take_over,
            run_step=self.run_step,
            look=self.look,
            is_held=self.is_held,
            must_roll_back=lambda ref: "cutover" in self.steps(ref.run_id),
            ask=self.ask,
            is_unanswered=self.is_unanswered,
            protect=self.protect,
            prepare=lambda name, _person: self.protect(name),
            pay_debts=lambda _name: {"paid": [], "left": []},
            publish=self.publish,
            sweep=self.sweep,
            publish_playbook=lambda _system: [],
            clear_drills=lambda _system: None,
            agenda=lambda system: {"system": system, "at": "2026-12-01T10:05:00+00:00", "start": None, "why": "calm"},
            restore_test=lambda system, person: {"verdict": "pass", "component": system, "person": person},
            detect=self.detect,
            notified=lambda ref, facts: self._note(ref.run_id, notified=dict(facts)),
            tabletops=self.tabletops(),
        )

    def tabletops(self) -> library.Tabletops:
        return library.Tabletops(
            convene=self.convene,
            resume=lambda system, run_id: self.take_over(system, run_id, "", "", set()),
            show=self.show,
            awaits=lambda ref, inject, role: not self.asked(ref.run_id, f"{inject} {role}"),
            decide=lambda ref, inject, role, answer: self._note(ref.run_id, step=f"{inject} {role}", **answer),
            lessons=lambda _ref: {"open": ["an old one"], "points": {"alarm": ["a point"]}, "host": "alice"},
            note=lambda ref, found: self._note(ref.run_id, step="note", lessons=list(found)),
            close=lambda ref: self._note(ref.run_id, step="close") or "completed",
        )

    def convene(self, system: System, asked: TabletopRequest) -> RunRef:
        run_id = mint_run_id(asked.token, datetime.now(UTC))
        self._note(run_id, step="declare", mode="tabletop", reason=asked.reason, person=asked.person)
        return RunRef(
            system=system.name, run_id=run_id, recovery_region="us-west-2", impaired_region="us-east-1",
            record_bucket="record",
        )  # fmt: skip

    def show(self, ref: RunRef, number: int) -> list[dict[str, Any]] | None:
        """Two injects: the first for two roles, of which the catalog knows one; the second for one."""
        if number > 2:
            return None
        inject, roles = ("alarm", ("sre-lead", "nobody's")) if number == 1 else ("return", ("sre-lead",))
        self._note(ref.run_id, step=f"show {inject}")
        people = {"sre-lead": ["alice", "bob"]}
        about = {
            "inject": inject,
            "known": "{{ 7 * 7 }}",
            "question": "What {now}?",
            "within_s": 300.0,
            "host": "carol",
        }
        return [about | {"role": role, "choices": ["act", "wait"], "people": people.get(role, [])} for role in roles]

    def declare(self, request: RunRequest, system: System) -> RunRef:
        run_id = mint_run_id(request.token, datetime.now(UTC))
        facts = {"person": request.person, "reason": request.reason, "mode": request.mode, "token": request.token}
        self._note(run_id, step="declare", **facts)
        return RunRef(
            system=system.name,
            run_id=run_id,
            recovery_region=request.recovery_region,
            impaired_region=system.home,
            record_bucket="record",
        )

    def run_step(
        self,
        ref: RunRef,
        step_id: str,
        *,
        attempt: int,
        wait_limit_s: float | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> StepResult:
        asked_before = len(self.asked(ref.run_id, step_id))
        self._note(ref.run_id, step=step_id, attempt=attempt, answer=dict(answer) if answer else None)
        if step_id in self._script(ref, "fail"):
            raise StepFailedError(f"{step_id} was told to fail")
        if step_id in self._script(ref, "interrupt") and attempt == 1:
            raise StepInterruptedError(f"{step_id} was told to be interrupted")
        if step_id in self._script(ref, "slow") and not asked_before:
            return StepResult(finished=False, outcome="waiting", operation=_operation(step_id))
        if step_id in self._script(ref, "hold") and not asked_before:
            return StepResult(finished=False, outcome="bob paused the run")
        if answer is not None and answer["decision"] != "approve":
            raise StepRejectedError(f"not approved: {answer['decision']}")
        return StepResult(finished=True, outcome="succeeded")

    def look(self, ref: RunRef, operation: OperationRef) -> OperationStatus:
        self._note(ref.run_id, looked_at=operation.resource_id)
        looks = [line for line in self.lines(ref.run_id) if line.get("looked_at") == operation.resource_id]
        return DONE if len(looks) > 1 else OperationStatus(state=OperationState.RUNNING, detail="Creating")

    def take_over(self, system: System, run_id: str, person: str, reason: str, steps: set[str]) -> RunRef:
        facts = {"step": "take over", "mode": "failover", "person": person, "reason": reason, "steps": sorted(steps)}
        self._note(run_id, **facts)
        return RunRef(
            system=system.name,
            run_id=run_id,
            recovery_region="us-west-2",
            impaired_region="us-east-1",
            record_bucket="b",
        )

    def is_held(self, ref: RunRef, step_id: str) -> bool:
        self._note(ref.run_id, held=step_id)
        return sum(line.get("held") == step_id for line in self.lines(ref.run_id)) < 2

    def ask(self, ref: RunRef, timeout_s: float) -> None:
        self._note(ref.run_id, asks_for_s=timeout_s)

    def is_unanswered(self, ref: RunRef) -> bool:
        self._note(ref.run_id, watches="approve")
        return not self.asked(ref.run_id, "approve")

    def protect(self, system: str) -> str:
        self._note("protection", step=f"protect {system}")
        return f"p-{system}"

    def sweep(self, system: str) -> str | None:
        self._note("readiness", step=f"sweep {system}")
        return "ready" if len(self.asked("readiness", f"sweep {system}")) == 1 else None

    def detect(self, system: str) -> Mapping[str, Any]:
        self._note("detection", step=f"detect {system}")
        return lost_region(json.loads((self.folder / "judgment.json").read_text()))

    def publish(self, ref: RunRef) -> Mapping[str, Any]:
        failed = self._script(ref, "fail") or not self.asked(ref.run_id, "close")
        unmoved = self.lines(ref.run_id)[0]["mode"] not in ("component", "tabletop") and not self.asked(
            ref.run_id, "commit"
        )
        self._note(ref.run_id, step="publish")
        verdict = "fail" if failed or unmoved else "pass"
        return {"verdict": verdict, "result": {"reasons": [{"rule": "script", "what": "the script says so"}]}}

    def lines(self, run_id: str) -> list[dict[str, Any]]:
        path = self.folder / f"{run_id}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def asked(self, run_id: str, step_id: str) -> list[dict[str, Any]]:
        return [line for line in self.lines(run_id) if line.get("step") == step_id]

    def steps(self, run_id: str) -> list[str]:
        """Return the steps in the order in which they were asked for, repeats included."""
        return [line["step"] for line in self.lines(run_id) if "step" in line]

    def _script(self, ref: RunRef, word: str) -> list[str]:
        return re.findall(rf"{word}=([\w.-]+)", self.lines(ref.run_id)[0]["reason"])

    def _note(self, run_id: str, **facts: Any) -> None:
        with (self.folder / f"{run_id}.jsonl").open("a") as lines:
            lines.write(json.dumps(facts) + "\n")


def lost_region(changed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a look comes to when us-east-1 is lost and policy is automatic, unless ``changed``."""
    return {
        "region": "us-east-1",
        "recovery_region": "us-west-2",
        "verdict": "region-loss",
        "decision": "fail-over",
        "scenario": "region-loss",
        "why": "a region is gone",
        "impact_at": "2026-11-23T09:00:00+00:00",
        "detected_at": "2026-11-23T09:02:00+00:00",
        "dag_run_id": "automatic__us-east-1__20261123T090000.000000",
        "news": True,
        **changed,
    }


def _operation(step_id: str) -> OperationRef:
    component, _, phase = step_id.partition(".")
    return OperationRef(kind="s3-dataset", component=component, phase=phase, region="us-west-2", resource_id=step_id)


if "FAKE_LIBRARY_FOLDER" in os.environ:
    library.install(FakeLibrary(Path(os.environ["FAKE_LIBRARY_FOLDER"])).as_library())


class FakeLibraryPlugin(AirflowPlugin):
    name = "fake_library"
    listeners = [warming]  # noqa: RUF012 - Airflow's own way to declare it
