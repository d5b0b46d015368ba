"""Airflow is lost in the middle of a run, database and all: a new, empty one finds the run and waits for a person.

What docs/howto/rebuild-the-control-plane.md tells people to do is what happens here.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ground import TARGET, Ground, in_a_process, record
from matrix import Undisturbed, from_step_on, judged, seen_at_the_end
from victims import SELDOM_S, Airflow, lose_everything, real_airflow, until

from recovery_ops.execution.view import record_store
from recovery_ops.record.claims import Claims, Slot
from recovery_ops.record.embedded import embedded_postgres
from recovery_ops.record.projection import Projection

LOST_AFTER = "features.rehydrate"
QUIET_S = 3.0


@pytest.fixture
def same_ground(ground: Ground) -> Iterator[Ground]:
    """Let a run of Airflow take the place of the rehearsed one for a while."""
    rehearsed = ground.ref
    yield ground
    ground.ref = rehearsed


@pytest.mark.timeout(900)
def test_a_new_airflow_sees_the_run_waits_and_carries_it_on_when_told(
    same_ground: Ground, known: dict[str, Undisturbed], tmp_path: Path
) -> None:
    ground = same_ground
    with real_airflow(ground, tmp_path / "lost") as lost:
        lost.fail_over()
        until(lambda: lost.task(LOST_AFTER).get("state") == "success", LOST_AFTER, SELDOM_S)
        lose_everything(lost)
    with real_airflow(ground, tmp_path / "new") as new:
        rebuild(new)
        assert_it_only_looks(new)
        ground_freed(ground)
        new.carry_on(ground.ref)
        assert new.ended() == "success"
    end = replace(from_step_on(ground, known, ground.steps[0]), told=frozenset())
    verdict = judged("airflow", LOST_AFTER, "success", end, seen_at_the_end(ground, lost.sent), [])
    assert verdict.ok, verdict.why


def rebuild(new: Airflow) -> None:
    """Fill the empty database from the record, as the how-to says; nobody has told the new Airflow of the run."""
    command = [Path(sys.executable).with_name("recovery-ops"), "record", "rebuild", new.ground.system.name, "--json"]
    made = subprocess.run(
        command,
        env={**os.environ, "RECOVERY_OPS_DATABASE_URL": database(new)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["runs"] >= 1


def assert_it_only_looks(new: Airflow) -> None:
    ground = new.ground
    assert ground.ref is not None
    before = events(ground)
    seen = {row.run_id: row for row in Projection(database(new)).runs(ground.system.name)}
    assert seen[ground.ref.run_id].is_open
    time.sleep(QUIET_S)
    assert new.api.runs(new.dag) == {}
    assert events(ground) == before
    assert not ground.switch()


def ground_freed(ground: Ground) -> None:
    """Wait until the lease of the runner that is lost has ended; before that nobody may take the run over."""
    claims = Claims(record_store(ground.system, TARGET))

    def free() -> bool:
        held = claims.holder(ground.system.name, Slot.PRODUCTION)
        return held is None or held.expired(datetime.now(UTC))

    until(free, "the end of the lease", SELDOM_S)


def events(ground: Ground) -> int:
    return len(in_a_process(record(ground)).value["events"])


def database(airflow: Airflow) -> str:
    return embedded_postgres(airflow.folder / "postgres", durable=False).url
