"""A plan is proven by a run of exactly its hash, until the catalog changes, the proof expires or such a run fails."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from planning_builders import make_component, make_plan, make_system

from recovery_ops.model.plan import Mode, Plan
from recovery_ops.model.readiness import Proof, ProofState
from recovery_ops.planning.proofs import Trial, proof_of

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SYSTEM = make_system(make_component("base"))


def trial(plan: Plan, *, days: float = 1, succeeded: bool = True, run_id: str = "r-1") -> Trial:
    return Trial(run_id=run_id, plan_hash=plan.hash, at=NOON - timedelta(days=days), succeeded=succeeded)


def proof(plan: Plan, *trials: Trial, drill: Plan | None = None) -> Proof:
    return proof_of(plan.hash, trials, now=NOON, lasts_s=90 * 86_400, drill_hash=drill.hash if drill else None)


def test_a_success_of_the_same_plan_proves_it() -> None:
    plan = make_plan(SYSTEM)
    found = proof(plan, trial(plan))
    assert found.state is ProofState.PROVEN
    assert found.run_id == "r-1"
    assert found.expires_at == NOON + timedelta(days=89)


def test_any_change_of_the_catalog_takes_the_mark_away() -> None:
    proven = trial(make_plan(SYSTEM))
    for changed in (
        replace(SYSTEM, rto_s=SYSTEM.rto_s + 1),
        replace(SYSTEM, components=(make_component("base", settings={"size": 2}),)),
        replace(SYSTEM, people={"sre": ("bob",)}),
    ):
        assert proof(make_plan(changed), proven).state is ProofState.UNPROVEN


def test_where_the_catalog_lies_changes_nothing() -> None:
    moved = replace(SYSTEM, source="elsewhere.yaml", folder="elsewhere")
    assert proof(make_plan(moved), trial(make_plan(SYSTEM))).proven


def test_a_proof_expires() -> None:
    plan = make_plan(SYSTEM)
    assert proof(plan, trial(plan, days=91)).state is ProofState.EXPIRED


def test_a_later_failure_of_the_same_plan_takes_the_mark_away() -> None:
    plan = make_plan(SYSTEM)
    failed = trial(plan, days=0.5, succeeded=False, run_id="r-2")
    found = proof(plan, trial(plan), failed)
    assert found.state is ProofState.UNPROVEN
    assert "r-2" in found.why


def test_a_drill_rehearses_a_plan_and_does_not_prove_it() -> None:
    plan, drill = make_plan(SYSTEM), make_plan(SYSTEM, mode=Mode.DRILL)
    found = proof(plan, trial(drill, run_id="r-3"), drill=drill)
    assert found.state is ProofState.UNPROVEN
    assert found.rehearsed_by == "r-3"


def test_without_runs_a_plan_is_unproven() -> None:
    assert proof(make_plan(SYSTEM)).state is ProofState.UNPROVEN
