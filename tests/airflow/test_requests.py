"""From the trigger form to the request."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from catalogs import catalog_text, load

from recovery_ops.airflow.form import recovery_form
from recovery_ops.airflow.requests import request_from
from recovery_ops.errors import RequestError
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.system import System


@pytest.fixture
def ranking(tmp_path: Path) -> System:
    return load(tmp_path, catalog_text("ranking"))


def context(system: System, **conf: Any) -> dict[str, Any]:
    """Return what Airflow hands to the first task of a run that alice triggered with ``conf``."""
    form = {name: param.value for name, param in recovery_form(system).items()}
    run = SimpleNamespace(run_id="manual__1", conf=conf, triggering_user_name="alice")
    return {"params": form | {"reason": "us-east-1 is gone"} | conf, "dag_run": run}


def test_the_run_id_of_airflow_makes_the_request_idempotent(ranking: System) -> None:
    request = request_from(context(ranking), ranking, Mode.FAILOVER, None)
    assert request.token == "manual__1"
    assert (request.recovery_region, request.intent, request.graceful) == ("us-west-2", Intent.REGION_LOSS, False)


def test_whoever_triggers_is_the_person_unless_somebody_is_named(ranking: System) -> None:
    assert request_from(context(ranking), ranking, Mode.FAILOVER, None).person == "alice"
    assert request_from(context(ranking, person="bob"), ranking, Mode.FAILOVER, None).person == "bob"


def test_a_failover_home_stays_a_failover(ranking: System) -> None:
    """The steps of a DAG are those of its mode; a failback has its own DAG."""
    there = context(ranking, target_region="us-east-1")
    assert request_from(there, ranking, Mode.FAILOVER, None).mode is Mode.FAILOVER
    assert request_from(there, ranking, Mode.FAILBACK, None).mode is Mode.FAILBACK


def test_times_are_moments(ranking: System) -> None:
    request = request_from(context(ranking, impact_at="2026-11-23T10:00:00+01:00"), ranking, Mode.FAILOVER, None)
    assert request.impact_at == datetime(2026, 11, 23, 9, tzinfo=UTC)


def test_a_time_without_offset_is_refused(ranking: System) -> None:
    with pytest.raises(RequestError, match="impact_at is 2026-11-23T10:00:00, which has no offset"):
        request_from(context(ranking, impact_at="2026-11-23T10:00:00"), ranking, Mode.FAILOVER, None)


def test_unknown_keys_are_refused_with_the_nearest_known_one(ranking: System) -> None:
    with pytest.raises(RequestError, match=r"'gracefull'; did you mean 'graceful'\?"):
        request_from(context(ranking, gracefull=True), ranking, Mode.FAILOVER, None)
