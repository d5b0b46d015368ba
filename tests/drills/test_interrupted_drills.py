"""Drills that do not end by themselves: killed, stopped, in the way of production. Nothing of them stays."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stage import AWAY, HOME, Stage, until

from recovery_ops.drills.clearing import clear, told
from recovery_ops.errors import RequestError, RunActiveError
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.view import load_run, record_store
from recovery_ops.model.drills import DrillPolicy
from recovery_ops.model.events import EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record.claims import Claims, Slot
from recovery_ops.record.drill_stops import Stop, Stops
from recovery_ops.record.findings import known_findings
from recovery_ops.reporting.drill_history import open_drills

CHILD = """
import sys
from stage import patient_system, Stage
from recovery_ops.execution.direct import run_direct
stage = Stage(sandbox=None, system=patient_system(), folder=None)
run_direct(stage.request("regional", token=sys.argv[1]), stage.system)
"""


def begun(stage: Stage) -> RunRef | None:
    """The open drill, once the endpoint that it makes is being made."""
    for state in open_drills(stage.system.name, [record_store(stage.system, AWAY)]):
        ref = RunRef.of(stage.system, state.run_id, recovery_region=AWAY, impaired_region=HOME)
        if load_run(ref).log.events_of("scoring.redeploy#"):
            return ref
    return None


def test_a_drill_killed_in_its_middle_is_cleaned_up_and_reported_by_another_process(
    stage: Stage, tmp_path: Path
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "to-be-killed"], env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    )
    try:
        ref = until(lambda: begun(stage), "a drill in its middle")
        assert any(ref.run_id in key[3] for key in stage.standing())
        assert clear(stage.system, person="bob", reason="too early")[0].still_runs
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (cleared,) = clear(stage.system, person="bob", reason="its runner was killed", out=tmp_path)
    assert (cleared.run_id, cleared.done, cleared.leftovers) == (ref.run_id, True, ())
    assert stage.harm() == []
    assert stage.sandbox.control.status()["faults"] == []
    state = stage.state(ref)
    assert (state.outcome, state.control.cancelled.person) == ("abandoned", "bob")
    report = json.loads((tmp_path / ref.run_id / "report.json").read_text())
    assert (report["identity"]["run_id"], report["result"]["outcome"]) == (ref.run_id, "abandoned")
    assert (report["verdict"], cleared.verdict, cleared.unreported) == ("fail", "fail", "")
    assert [key.rpartition("/")[2] for key in reports(stage, ref)] == ["report.html", "report.json"]
    assert known_findings([record_store(stage.system, AWAY)], stage.system.name)
    assert clear(stage.system, person="bob", reason="again") == []


def reports(stage: Stage, ref: RunRef) -> list[str]:
    """What lies beside the record of a drill."""
    return list(record_store(stage.system, AWAY).list(f"systems/{stage.system.name}/runs/{ref.run_id}/report/"))


def tripped(stage: Stage, ref: RunRef) -> str:
    state = stage.state(ref)
    (note,) = state.note(EventType.GUARD_TRIPPED)
    assert state.outcome == "abandoned"
    assert state.note(EventType.CLEANED_UP)[-1].facts["leftovers"] == []
    assert stage.harm() == []
    return str(note.facts["guard"])


def held_while(stage: Stage, act: threading.Thread) -> RunRef:
    act.start()
    ref = run_direct(stage.request("regional"), stage.system)
    act.join()
    return ref


def test_a_stop_ends_a_drill_and_lets_none_begin(stage: Stage) -> None:
    stops = Stops(record_store(stage.system, AWAY))

    def stop() -> None:
        until(lambda: begun(stage), "a drill in its middle")
        stops.put(Stop(system="", person="carol", reason="enough", at=datetime.now(UTC)))

    ref = held_while(stage, threading.Thread(target=stop, daemon=True))
    assert tripped(stage, ref) == "stop"
    with pytest.raises(RequestError, match="carol stopped all drills"):
        run_direct(stage.request("regional"), stage.system)
    assert stops.lift("") is True
    assert stops.find(stage.system.name) is None


def test_production_in_trouble_ends_a_drill_and_lets_none_begin(stage: Stage) -> None:
    def lose_home() -> None:
        until(lambda: begun(stage), "a drill in its middle")
        stage.sandbox.control.fault(HOME, "reset", services=["execute-api"])

    ref = held_while(stage, threading.Thread(target=lose_home, daemon=True))
    assert tripped(stage, ref) == "production"
    with pytest.raises(RequestError, match="production does not answer"):
        run_direct(stage.request("regional"), stage.system)


def test_a_drill_that_has_cost_its_ceiling_is_stopped(stage: Stage) -> None:
    dear = replace(stage.system, drills=DrillPolicy(ceiling_usd=0.0001))
    ref = run_direct(stage.request("regional"), dear)
    assert tripped(stage, ref) == "spend"


def test_a_drill_yields_to_a_real_run_and_is_cleaned_up_after_it(stage: Stage, tmp_path: Path) -> None:
    claims = Claims(record_store(stage.system, AWAY))
    real = ("r-20261126-ffffff", "bob")

    def take() -> None:
        until(lambda: begun(stage), "a drill in its middle")
        now = datetime.now(UTC)
        claims.acquire(stage.system.name, Slot.PRODUCTION, *real, 600.0, now)
        claims.preempt(stage.system.name, Slot.DRILL, *real, now)

    ref = held_while(stage, threading.Thread(target=take, daemon=True))
    assert stage.state(ref).is_open
    (waiting,) = clear(stage.system, person="carol", reason="left behind")
    assert waiting.still_runs
    with pytest.raises(RunActiveError):
        run_direct(stage.request("regional"), stage.system)
    held = claims.holder(stage.system.name, Slot.PRODUCTION)
    assert held is not None
    claims.release(held)
    (tmp_path / "taken").write_text("a file where the folder of reports should be")
    (cleared,) = clear(stage.system, person="carol", reason="the real run is closed", out=tmp_path / "taken")
    assert cleared.clean
    assert stage.harm() == []
    assert (waiting.verdict, cleared.verdict, cleared.done) == ("", "", False)
    (failed,) = stage.state(ref).note(EventType.REPORT_FAILED)
    assert "the report cannot be written to" in cleared.unreported
    assert cleared.unreported in failed.facts["why"]
    assert f"clean, {len(cleared.removed)} things removed; no report: the report cannot" in told([cleared])
