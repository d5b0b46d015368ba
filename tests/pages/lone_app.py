"""The dashboard's application alone: real routes and pages, a record in memory, one person who may do everything."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
import uvicorn
from fastapi import FastAPI, HTTPException

from recovery_ops.airflow.dashboard import PREFIX, actions, desk
from recovery_ops.airflow.dashboard.access import Visitor, operator, visitor
from recovery_ops.airflow.dashboard.app import app
from recovery_ops.aws.traffic import Probe
from recovery_ops.errors import StepInterruptedError
from recovery_ops.execution.systems import load_system, plan_for
from recovery_ops.model.drill_findings import Answer, EntryKind, entry_of
from recovery_ops.model.events import EventType
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.readiness import Direction, Proof, ProofState, ReadinessState, Sweep, Tracked
from recovery_ops.model.system import System
from recovery_ops.planning import plan_to_json
from recovery_ops.record.findings import Findings
from recovery_ops.record.sweeps import Sweeps
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.testing.runs import NOON, SYSTEM, Run, at
from recovery_ops.testing.stores import InMemoryObjectStore

ROOT = Path(__file__).parents[2]
LONG = "arn:aws:sagemaker:us-west-2:123456789012:endpoint/" + "fraud-detection-scoring-" * 4
NOW = at(3600)
FAILED, HELD, CANCELLED, ASKS = (f"r-20261123-{name * 6}" for name in "abcd")


class Alice(Visitor):
    """May do everything, but not see the system called ``secret``."""

    def may(self, method: str, system: str) -> bool:
        return system != "secret"


def described() -> System:
    return replace(load_system("fraud-detection", ROOT / "dags"), name=SYSTEM)


def fill(store: InMemoryObjectStore) -> None:
    """Put runs that went wrong, findings and a sweep into the record."""
    plan = plan_to_json(plan_for(load_system("fraud-detection", ROOT / "dags"), "us-west-2"))
    for run_id in (FAILED, HELD, CANCELLED, ASKS):
        run = Run(store, run_id)
        run.declare(plan=plan, people={"sre-lead": ["alice", "bob"]}, reason=f"see `the ticket` and {LONG}")
        run.whole_step(30, 40, "config.rehydrate")
        if run_id != ASKS:
            _fails(run)
    run = Run(store, FAILED)
    run.add(90, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region="us-east-1", released=True)
    run = Run(store, CANCELLED)
    run.add(80, "person:bob", EventType.RUN_CANCELLED, person="bob", reason="it `came back`")
    run.add(90, "close#1", EventType.RUN_CLOSED, outcome="abandoned", serving_region="us-east-1", released=True)
    asked = {"question": "cutover", "asked_in": "record", "approvers": ["sre-lead"], "timeout_s": 600.0}
    Run(store, ASKS).add(70, "approve#1", EventType.APPROVAL_ASKED, policy="ask", **asked)
    _findings(store)


def _fails(run: Run) -> None:
    run.step(50, "scoring.verify", EventType.STEP_STARTED, region="us-west-2", control_planes=[])
    told = f"p95 was <180 ms>\n{LONG}\n`recovery-ops runs show fraud` tells all checks"
    error = {"type": "VerificationFailedError", "message": told, "playbook": "verification-failed", "retryable": False}
    run.step(60, "scoring.verify", EventType.STEP_FAILED, error=error | {"facts": {}}, worked_s=3.0, waited_s=0.0)


def _findings(store: InMemoryObjectStore) -> None:
    answer = Answer(component="scoring", code="latency", subject="p95", passed=False, message=f"`p95` of {LONG}")
    opened = entry_of(answer, SYSTEM, FAILED, NOW - timedelta(days=60))
    shelf = Findings(store, SYSTEM)
    shelf.append(opened)
    said = {"owner": "carol", "due": NOW + timedelta(days=9), "until": NOW + timedelta(days=3), "reason": "known"}
    for number, kind in enumerate((EntryKind.ASSIGNED, EntryKind.ACCEPTED)):
        when = NOW - timedelta(hours=2 - number)
        shelf.append(replace(opened, kind=kind, at=when, person="dave", **said))  # type: ignore[arg-type]
    told = finding("playbook-absent", "", LONG)
    proof = Proof(plan_hash="a" * 64, state=ProofState.UNPROVEN, why="no run of this plan is in the record")
    way = Direction(
        from_region="us-east-1", region="us-west-2", answered=True, state=ReadinessState.WARNED, point_id=None,
        recoverable=(), predictions=(), proof=proof,
    )  # fmt: skip
    for minute in (0, 1):
        Sweeps(store, SYSTEM).write(Sweep(
            system=SYSTEM, at=NOON + timedelta(minutes=minute), catalog_hash="b" * 64, serving_region="us-east-1",
            dark=(), directions=(way,), open=(Tracked(finding=told, region="us-west-2", first_seen=NOON),),
        ))  # fmt: skip


def _silent(*_: str) -> NoReturn:
    raise StepInterruptedError("nothing came within 1.5 s")


@contextmanager
def served(patch: pytest.MonkeyPatch) -> Iterator[tuple[str, InMemoryObjectStore]]:
    """Serve the application and yield its address and what its record lies in.

    ``fraud`` is known in one region and silent in the other, ``dark`` is silent, ``broken`` is a fault of ours.
    """
    store, system = InMemoryObjectStore(), described()
    fill(store)
    dead = InMemoryObjectStore(_silent)
    known = {
        SYSTEM: Lookout(system, lambda region: store if region == "us-west-2" else dead),
        "dark": Lookout(replace(system, name="dark"), lambda _: dead),
    }

    def lookout(name: str) -> Lookout:
        if name == "broken":
            raise ValueError("a fault of ours")
        if name not in known:
            raise HTTPException(404, f"there is no system {name}")
        return known[name]

    point = SimpleNamespace(id="p-20261123t115500z-1a2b", watermark=at(-300))
    refused = {"p-20261123t115900z-9f0e": "`features` is not complete"}
    patch.setattr(desk, "lookout", lookout)
    patch.setattr(desk, "systems", lambda: ([SYSTEM, "dark"], {"other": f"other.yaml:3:1: unknown key {LONG}"}))
    patch.setattr(desk, "points", lambda _: {"us-west-2": [point.id]})
    patch.setattr(desk, "now", lambda: NOW)
    patch.setattr(desk, "who_answers", lambda _: Probe(ok=True, region="us-east-1", status=200, seconds=0.1))
    patch.setattr(actions, "choose_point", lambda *_, **__: SimpleNamespace(point=point, refused=refused))
    alice = Alice(None, "alice", "token")
    patch.setattr(app, "dependency_overrides", {visitor: lambda: alice, operator: lambda: alice})
    outer = FastAPI()
    outer.mount(PREFIX, app)
    server = uvicorn.Server(uvicorn.Config(outer, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}{PREFIX}", store
    server.should_exit = True
    thread.join(30)
