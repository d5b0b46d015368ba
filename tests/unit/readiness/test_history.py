"""What runs teach: modelled seconds per step, and whether a plan has worked."""

from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Intent
from recovery_ops.readiness.history import durations, history_of, succeeded
from recovery_ops.testing.runs import RUN_ID, SYSTEM, Run, full_run, iso
from recovery_ops.testing.stores import InMemoryObjectStore, unreachable


def test_steps_of_a_run_are_measured_in_modelled_seconds() -> None:
    store = InMemoryObjectStore()
    full_run(store)
    history = history_of(SYSTEM, [store])
    found = durations(history.runs, "us-west-2")
    assert found["scoring.redeploy"] == [1.0 + 2.0 * 60]
    assert durations(history.runs, "eu-west-1") == {}


def test_how_data_comes_back_is_learnt_from_runs_that_started_from_the_same() -> None:
    run = Run()
    run.declare(intent="corruption")
    for phase in ("rehydrate", "verify"):
        run.whole_step(30, 40, f"features.{phase}")
    run.add(42, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region="us-east-1", released=True)
    runs = history_of(SYSTEM, [run.store]).runs
    assert set(durations(runs, "us-west-2", Intent.CORRUPTION)) == {"features.rehydrate", "features.verify"}
    assert set(durations(runs, "us-west-2")) == {"features.verify"}


def test_a_committed_run_whose_every_phase_succeeded_proves_its_plan() -> None:
    store = InMemoryObjectStore()
    full_run(store)
    (trial,) = history_of(SYSTEM, [store]).trials
    assert (trial.run_id, trial.plan_hash, trial.succeeded) == (RUN_ID, "aa", True)


def test_an_override_a_failed_check_or_a_roll_back_proves_nothing() -> None:
    overridden, checked, back = full_run(), full_run(), full_run()
    overridden.add(68, "approve#1", EventType.GATE_OVERRIDDEN, person="alice", reason="now", checks=[])
    facts = {"expected": 1, "observed": 2, "tolerance": 0, "unit": "", "detail": "", "at": iso(62)}
    about = {"component": "scoring", "gate": "latency", "name": "p95", "outcome": "fail", "attempt": 1}
    checked.add(62.5, "scoring.verify#1", EventType.CHECK_RECORDED, step="scoring.verify", **facts, **about)
    back.add(112, "rollback#1", EventType.RUN_ROLLED_BACK, why="unhealthy", to_region="us-east-1", serving=True)
    for run in (overridden, checked, back):
        (trial,) = history_of(SYSTEM, [run.store]).trials
        assert not trial.succeeded


def test_a_drill_that_left_something_behind_proves_nothing() -> None:
    def drill(*leftovers: str) -> Run:
        run = Run()
        run.declare(mode="drill")
        for name in ("features", "scoring", "archive"):
            for phase in ("rehydrate", "redeploy", "verify"):
                run.whole_step(30, 40, f"{name}.{phase}")
        run.add(41, "close#1", EventType.CLEANED_UP, removed=[], leftovers=list(leftovers), spent_usd=0)
        run.add(42, "close#1", EventType.RUN_CLOSED, outcome="failed", serving_region="us-east-1", released=True)
        return run

    for run, works in ((drill(), True), (drill("endpoint x"), False)):
        (state,) = history_of(SYSTEM, [run.store]).runs
        assert succeeded(state) is works


def test_a_run_that_is_open_or_a_record_that_is_silent_teaches_nothing() -> None:
    run = Run()
    run.declare()
    assert history_of(SYSTEM, [run.store]).trials == ()
    silent = history_of(SYSTEM, [InMemoryObjectStore(before=unreachable)])
    assert silent.runs == ()
    assert "does not answer" in silent.unread
