"""From a request to Airflow's form, and where Airflow is."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recovery_ops.airflow.form import FIELDS
from recovery_ops.cli.triggering import airflow_of, form_of
from recovery_ops.errors import RequestError
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRequest

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
REQUEST = RunRequest(
    system="ranking", mode=Mode.FAILOVER, recovery_region="us-west-2", person="alice", reason="gone", token="t",
    impact_at=NOON, graceful=True, point_id="p-1",
)  # fmt: skip


def test_every_field_is_one_of_the_form_and_what_is_not_said_is_left_out() -> None:
    form = form_of(REQUEST)
    assert set(form) <= set(FIELDS)
    assert form == {
        "target_region": "us-west-2",
        "reason": "gone",
        "person": "alice",
        "graceful": True,
        "intent": "region-loss",
        "point_id": "p-1",
        "impact_at": "2026-11-23T12:00:00+00:00",
    }


def test_airflow_is_where_the_environment_or_the_local_stack_says(tmp_path: Path) -> None:
    stack = tmp_path / "stack.json"
    with pytest.raises(RequestError, match="--via direct needs none"):
        airflow_of({}, stack)
    users = [{"name": "bob", "role": "user", "password": "b"}, {"name": "alice", "role": "op", "password": "a"}]
    stack.write_text(json.dumps({"airflow_url": "http://127.0.0.1:1", "users": users}))
    assert airflow_of({}, stack)._login == {"username": "alice", "password": "a"}
    names = ("URL", "USER", "PASSWORD")
    told = {f"RECOVERY_OPS_AIRFLOW_{name}": value for name, value in zip(names, ("http://x", "eve", "e"), strict=True)}
    assert airflow_of(told, stack)._login == {"username": "eve", "password": "e"}
