"""Promises of the projection in PostgreSQL."""

import os
import random
import socket
import time
from collections.abc import Iterator
from itertools import count
from threading import Thread

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, make_url, select, text
from structlog.testing import capture_logs

from recovery_ops.errors import RecordError, SettingsError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record import tables
from recovery_ops.record.embedded import EmbeddedPostgres
from recovery_ops.record.fold import fold
from recovery_ops.record.projection import Projection
from recovery_ops.testing.runs import RUN_ID, Run, at, full_run, iso

pytestmark = pytest.mark.postgres
EVENTS = full_run().log.events()
_numbers = count()


@pytest.fixture(scope="module")
def empty(postgres: EmbeddedPostgres) -> str:
    """A migrated database that others are copied from."""
    postgres.create_database("migrated")
    url = postgres.url_of("migrated")
    projection = Projection(url)
    projection.migrate()
    projection.close()
    return url


@pytest.fixture
def url(postgres: EmbeddedPostgres, empty: str) -> str:
    name = f"test_{next(_numbers)}"
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE migrated"))
    engine.dispose()
    return postgres.url_of(name)


@pytest.fixture
def projection(url: str) -> Iterator[Projection]:
    found = Projection(url)
    yield found
    found.close()


def rows_in(url: str) -> dict[str, list[tuple[object, ...]]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return {
                table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
                for table in tables.ALL
            }
    finally:
        engine.dispose()


def apply_all(projection: Projection, events: list[Event]) -> None:
    for event in events:
        projection.apply(event, system="fraud")


def protection() -> list[Event]:
    run = Run(run_id="protect-p-1")
    run.add(1, "protect", EventType.POINT_FAILED, reason="throttled", component="features")
    run.add(2, "protect", EventType.POINT_TAKEN, point_id="p-1", taken_at=iso(2), watermark=iso(1),
            regions=["us-west-2"], components=["features"])  # fmt: skip
    return run.log.events()


def test_the_migrated_tables_are_those_of_the_code(empty: str) -> None:
    engine = create_engine(empty)
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "version_table_schema": tables.SCHEMA,
            "compare_type": True,
            "include_name": lambda name, kind, _parents: kind != "schema" or name == tables.SCHEMA,
        }
        context = MigrationContext.configure(connection, opts=options)
        differences = compare_metadata(context, tables.metadata)
    engine.dispose()
    assert differences == []


def test_migrating_twice_or_at_once_is_fine(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("at_once")
    projections = [Projection(postgres.url_of("at_once")) for _ in range(3)]
    failures: list[Exception] = []

    def migrate(projection: Projection) -> None:
        try:
            projection.migrate()
        except RecordError as error:
            failures.append(error)

    threads = [Thread(target=migrate, args=(projection,)) for projection in projections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    projections[0].migrate()
    assert failures == []
    assert projections[0].runs("fraud") == []
    for projection in projections:
        projection.close()


def test_a_run_is_found_with_its_steps_checks_and_points(projection: Projection) -> None:
    apply_all(projection, EVENTS)
    found = projection.run(RUN_ID)
    assert found is not None
    state = fold(EVENTS)
    assert found.run.clocks == state.clocks
    assert (found.run.outcome, found.run.is_open, found.run.serving_region) == ("committed", False, "us-west-2")
    assert {row.step: row.status for row in found.steps} == {name: step.status for name, step in state.steps.items()}
    assert [(row.gate, row.expected, row.observed, row.current) for row in found.checks] == [("latency", 120, 80, True)]
    assert projection.runs("fraud") == [found.run]
    assert projection.runs("other") == []


def test_the_state_comes_back_as_it_was_folded_from_the_log(projection: Projection) -> None:
    apply_all(projection, EVENTS)
    assert projection.state(RUN_ID) == fold(EVENTS)


def test_what_nobody_applied_is_not_there(projection: Projection) -> None:
    assert projection.run(RUN_ID) is None
    assert projection.state(RUN_ID) is None


def test_order_and_repetition_do_not_matter_and_rebuilding_gives_identical_rows(
    projection: Projection, url: str
) -> None:
    apply_all(projection, EVENTS)
    live = rows_in(url)
    apply_all(projection, EVENTS)
    assert rows_in(url) == live
    shuffled = list(EVENTS)
    random.Random(1).shuffle(shuffled)
    assert projection.rebuild({RUN_ID: shuffled}, system="fraud") == len(EVENTS)
    assert rows_in(url) == live
    projection.rebuild({RUN_ID: []})
    assert all(found == [] for found in rows_in(url).values())
    apply_all(projection, shuffled)
    assert rows_in(url) == live


def test_what_follows_from_noted_events_is_made_good_by_the_next_that_is_applied(
    projection: Projection, url: str
) -> None:
    apply_all(projection, EVENTS)
    wanted = rows_in(url)
    projection.rebuild({RUN_ID: EVENTS[:3]}, system="fraud")
    projection.note_all(EVENTS[3:-1], system="fraud")
    assert rows_in(url) != wanted
    projection.apply_all(EVENTS[-1:], system="fraud")
    assert rows_in(url) == wanted


def test_rebuilding_leaves_other_runs_alone(projection: Projection) -> None:
    other = full_run(run_id="r-20261123-000000").log.events()
    apply_all(projection, [*EVENTS, *other])
    projection.rebuild({RUN_ID: EVENTS[:1]}, system="fraud")
    assert {row.run_id: row.is_open for row in projection.runs("fraud")} == {RUN_ID: True, "r-20261123-000000": False}


def test_a_rebuild_that_fails_changes_nothing(projection: Projection, url: str) -> None:
    apply_all(projection, EVENTS)
    before = rows_in(url)

    def broken() -> Iterator[Event]:
        yield EVENTS[0]
        raise RecordError("the store does not answer")

    with pytest.raises(RecordError):
        projection.rebuild({RUN_ID: broken()})
    assert rows_in(url) == before


def test_several_processes_at_once_lose_nothing(url: str) -> None:
    projections = [Projection(url) for _ in range(3)]
    threads = [Thread(target=apply_all, args=(each, EVENTS[n::3])) for n, each in enumerate(projections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert projections[0].state(RUN_ID) == fold(EVENTS)
    found = projections[0].run(RUN_ID)
    assert found is not None
    assert found.run.clocks == fold(EVENTS).clocks
    for projection in projections:
        projection.close()


def test_events_of_one_run_are_taken_in_one_after_the_other(projection: Projection, url: str) -> None:
    """While somebody works on a run, an apply for the same run waits for its lock instead of missing rows."""
    engine = create_engine(url)
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:run, 0))")
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    seen = 0
    with engine.connect() as connection, engine.connect() as watcher:
        connection.execute(lock, {"run": RUN_ID})
        thread = Thread(target=apply_all, args=(projection, EVENTS[:1]))
        thread.start()
        while thread.is_alive() and not seen:
            seen = watcher.scalar(waiting)
        connection.rollback()
        thread.join()
    engine.dispose()
    assert seen == 1
    assert projection.state(RUN_ID) == fold(EVENTS[:1])


def test_recovery_points_are_kept_with_how_they_ended(projection: Projection) -> None:
    apply_all(projection, protection())
    (point,) = projection.points("fraud")
    assert (point.point_id, point.complete, point.watermark, point.regions) == ("p-1", True, at(1), ("us-west-2",))
    assert projection.runs("fraud") == []


def test_what_a_run_used_of_them_is_kept_with_rpo_and_objective(projection: Projection) -> None:
    run = Run()
    run.declare()
    run.add(30, "features.rehydrate#1", EventType.RECOVERY_POINT_USED, component="features", kind="feature-store",
            source="replica", watermark=iso(-2), rpo_s=2.0, objective_s=60.0)  # fmt: skip
    apply_all(projection, run.log.events())
    found = projection.run(RUN_ID)
    assert found is not None
    assert [(row.component, row.rpo_s, row.objective_s) for row in found.points_used] == [("features", 2.0, 60.0)]


def test_text_that_postgresql_cannot_hold_does_not_stop_it(projection: Projection) -> None:
    run = Run()
    run.declare(reason="a\0b")
    run.step(30, "a.verify", EventType.STEP_FAILED, error={"type": "E", "message": "x\0y"}, attempt=1)
    run.add(31, "a.verify#1", EventType.CHECK_RECORDED, component="a", gate="data", name="n", outcome="pass",
            expected={"k\0": ["\0"]}, observed=1e16)  # fmt: skip
    events = run.log.events()
    apply_all(projection, events)
    found = projection.run(RUN_ID)
    assert found is not None
    assert found.run.reason == "a\ufffdb"
    assert projection.state(RUN_ID) == fold(events)


def test_the_log_feeds_it_as_an_observer(projection: Projection) -> None:
    run = full_run(observers=[projection.observer("fraud")])
    assert projection.state(RUN_ID) == fold(run.log.events())


def test_connections_that_the_server_cut_are_replaced(projection: Projection, postgres: EmbeddedPostgres) -> None:
    apply_all(projection, EVENTS[:3])
    engine = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(cut))
    engine.dispose()
    apply_all(projection, EVENTS[3:])
    assert projection.state(RUN_ID) == fold(EVENTS)


def test_a_child_process_uses_connections_of_its_own(projection: Projection) -> None:
    apply_all(projection, EVENTS[:5])
    child = os.fork()
    if child == 0:
        try:
            apply_all(projection, EVENTS[5:10])
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    apply_all(projection, EVENTS[10:])
    assert projection.state(RUN_ID) == fold(EVENTS)


def test_a_database_that_is_not_there_is_a_record_error_and_names_no_password() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    projection = Projection(f"postgresql+psycopg://me:hunter2@127.0.0.1:{port}/x")
    with pytest.raises(RecordError) as caught:
        projection.apply(EVENTS[0])
    assert "hunter2" not in str(caught.value)


def test_a_database_that_hangs_costs_two_seconds_and_one_only() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        projection = Projection(f"postgresql+psycopg://me@127.0.0.1:{deaf.getsockname()[1]}/x")
        began = time.monotonic()
        with capture_logs() as logs:
            run = full_run(observers=[projection.observer("fraud")])
        took = time.monotonic() - began
    assert len(run.store.all_keys()) == len(EVENTS)
    assert [entry["event"] for entry in logs] == ["observer of the record failed"]
    assert took < 4


@pytest.mark.parametrize("url", ["", "nonsense", "sqlite://", "mysql://host/x"])
def test_only_postgresql_will_do(url: str) -> None:
    with pytest.raises(SettingsError):
        Projection(url)


def test_many_events_at_once_give_the_same_rows_as_one_by_one(projection: Projection, url: str) -> None:
    apply_all(projection, EVENTS)
    one_by_one = rows_in(url)
    projection.rebuild({RUN_ID: []})
    projection.apply_all([*EVENTS[:7], *EVENTS[3:]], system="fraud")
    assert rows_in(url) == one_by_one


def test_a_database_lost_in_the_middle_of_a_run_stops_nothing_and_is_rebuilt_to_the_same_rows(
    projection: Projection, url: str, postgres: EmbeddedPostgres
) -> None:
    """Every row of every table is the same as in a database that was never lost."""
    server = create_engine(postgres.url, isolation_level="AUTOCOMMIT")
    name = make_url(url).database
    full_run(observers=[projection.observer("fraud")])
    never_lost = rows_in(url)
    projection.rebuild({RUN_ID: []})
    seen = 0

    def lose(_event: Event) -> None:
        nonlocal seen
        seen += 1
        if seen == len(EVENTS) // 2:
            with server.connect() as connection:
                connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false'))
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
                connection.execute(text(cut), {"name": name})

    with capture_logs() as logs:
        run = full_run(observers=[lose, projection.observer("fraud")])
    assert run.log.events() == EVENTS
    assert [entry["event"] for entry in logs] == ["observer of the record failed"]
    with server.connect() as connection:
        connection.execute(text(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true'))
    server.dispose()
    assert rows_in(url) != never_lost
    projection.rebuild({RUN_ID: run.log.events()}, system="fraud")
    assert rows_in(url) == never_lost
