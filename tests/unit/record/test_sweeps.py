"""Sweeps come back as they were written, newest first, and never replace one another."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from recovery_ops.errors import RecordError
from recovery_ops.model.findings import Finding, Severity
from recovery_ops.model.readiness import (
    Basis,
    Direction,
    Outlook,
    Prediction,
    Proof,
    ProofState,
    ReadinessState,
    Recoverable,
    Sweep,
    Tracked,
)
from recovery_ops.record.sweeps import Sweeps, is_stale, newest_sweep
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
GONE = Finding(severity=Severity.BLOCKER, component="features", code="no-replica", message="gone", subject="t")


def sweep(minutes: float = 0, *, findings: tuple[Finding, ...] = (GONE,)) -> Sweep:
    at = NOON + timedelta(minutes=minutes)
    proof = Proof(plan_hash="aa", state=ProofState.PROVEN, why="", run_id="r-1", at=NOON, expires_at=NOON)
    prediction = Prediction(
        name="features", objective="rto", objective_s=60.0, likely_s=40.0, late_s=50.0, basis=Basis.MEASURED,
        verdict=Outlook.ACHIEVABLE, runs=3, chain=("declare", "features.verify"), unmeasured=("declare",),
    )  # fmt: skip
    state = Recoverable(
        component="features", region="us-west-2", source="replica", watermark=at, age_s=1.5, objective_s=60.0
    )
    way = Direction(
        from_region="us-east-1", region="us-west-2", answered=True, state=ReadinessState.NOT_READY, point_id="p-1",
        recoverable=(state,), predictions=(prediction,), proof=proof,
    )  # fmt: skip
    tracked = tuple(Tracked(finding=item, region="us-west-2", first_seen=NOON) for item in findings)
    return Sweep(
        system="fraud", at=at, catalog_hash="bb", serving_region="us-east-1", dark=("us-east-1",), directions=(way,),
        open=tracked, resolved=(replace(tracked[0], resolved_at=at),) if tracked else (),
        new=tuple(item.key for item in tracked), took_s=2.5,
    )  # fmt: skip


def test_a_sweep_comes_back_as_it_was_written() -> None:
    sweeps = Sweeps(InMemoryObjectStore(), "fraud")
    sweeps.write(sweep())
    assert sweeps.latest() == sweep()
    assert json.loads(json.dumps(sweep().to_json()))["state"] == "not-ready"


def test_the_newest_comes_first_and_writing_twice_is_one_sweep() -> None:
    sweeps = Sweeps(InMemoryObjectStore(), "fraud")
    for minutes in (0, 15, 30, 15):
        sweeps.write(sweep(minutes))
    assert [found.at for found in sweeps.list()] == [NOON + timedelta(minutes=m) for m in (30, 15, 0)]
    assert len(sweeps.list(limit=2)) == 2


def test_another_sweep_of_the_same_moment_is_refused() -> None:
    sweeps = Sweeps(InMemoryObjectStore(), "fraud")
    sweeps.write(sweep())
    with pytest.raises(RecordError, match="another sweep"):
        sweeps.write(sweep(findings=()))


def test_a_sweep_that_cannot_be_read_hides_no_other() -> None:
    store = InMemoryObjectStore()
    sweeps = Sweeps(store, "fraud")
    sweeps.write(sweep(0))
    store.damage(sweeps.write(sweep(15)), b'{"system": "fraud"}')
    latest = sweeps.latest()
    assert latest is not None
    assert latest.at == NOON


def test_the_newest_sweep_is_found_while_one_region_is_dark() -> None:
    alive = InMemoryObjectStore()
    Sweeps(alive, "fraud").write(sweep())
    assert newest_sweep([InMemoryObjectStore(before=unreachable), alive], "fraud") == sweep()
    assert newest_sweep([InMemoryObjectStore()], "fraud") is None


def test_states_come_from_severities_and_one_ready_region_is_enough() -> None:
    red, green = sweep().directions[0], replace(sweep().directions[0], region="eu-west-1", state=ReadinessState.READY)
    assert sweep().state is ReadinessState.NOT_READY
    assert replace(sweep(), directions=(red, green)).state is ReadinessState.READY
    assert replace(sweep(), directions=()).state is ReadinessState.NOT_KNOWN
    assert sweep().component_state("features") is ReadinessState.NOT_READY
    assert sweep().component_state("scoring") is ReadinessState.READY


def test_a_sweep_grows_stale() -> None:
    assert not is_stale(sweep(), NOON + timedelta(minutes=40), 900)
    assert is_stale(sweep(), NOON + timedelta(minutes=46), 900)
