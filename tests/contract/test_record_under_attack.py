"""One real failover whose record is attacked while it goes on: S3 takes no writes for a while, PostgreSQL dies."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from fraud_world import HOME, TARGET, FraudWorld
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.view import open_log
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.record import envelope, keys
from recovery_ops.record.embedded import EmbeddedPostgres, embedded_postgres
from recovery_ops.record.fold import fold
from recovery_ops.record.log import EventLog
from recovery_ops.record.projection import Projection
from recovery_ops.record.seal import complete, read_seal
from recovery_ops.record.spool import Spool
from recovery_ops.record.verify import verify_run
from recovery_ops.reporting.html import render
from recovery_ops.reporting.publish import files_of, report_of
from recovery_ops.testing.stores import InMemoryObjectStore

pytestmark = pytest.mark.sandbox
REFUSED_FROM, TAKEN_FROM = "fence", "approve"
UNPROJECTED_FROM = "features.rehydrate"
"""The step at whose start PostgreSQL is lost."""
KEY_ID, SIGNATURE, PASSWORD = "AKIACANARYCANARYCANA", "c0ffee00canary", "hunter2canary"
SIGNED = f"https://bucket.s3.amazonaws.com/key?X-Amz-Signature={SIGNATURE}&X-Amz-Credential=canary-credential"
CANARIES = (KEY_ID, SIGNATURE, PASSWORD, "canary-credential")


@dataclass(kw_only=True)
class Attacked:
    """A run, what its progress said, and a copy of its record that tests may damage."""

    ref: RunRef
    log: EventLog
    spooled: int
    database: EmbeddedPostgres
    logs: list[MutableMapping[str, Any]]
    steps: list[tuple[str, str]] = field(default_factory=list)

    @cached_property
    def events(self) -> list[Event]:
        """Every event, read once."""
        return self.log.events()

    @cached_property
    def in_memory(self) -> EventLog:
        """A copy that is put right after every damage."""
        return self.copy()

    def copy(self) -> EventLog:
        """The record in memory: the same keys and bytes."""
        store = InMemoryObjectStore()
        for key in self.log.store.list(keys.runs_prefix(self.ref.system)):
            found = self.log.store.get(key)
            assert found is not None
            store.damage(key, found[0])
        return EventLog(store, self.ref.system, self.ref.run_id)


@pytest.fixture(scope="module")
def database() -> Iterator[EmbeddedPostgres]:
    """PostgreSQL with our tables, below a directory that every account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-ops-test-"))
    folder.chmod(0o755)
    server = embedded_postgres(folder / "postgres", durable=False)
    projection = Projection(server.url)
    projection.migrate()
    projection.close()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def attacked(
    fraud_world: FraudWorld, database: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Attacked]:
    """S3 of the recovery region refuses PutObject from the fence until people agree; PostgreSQL dies meanwhile."""
    sandbox, spool = fraud_world.sandbox, tmp_path_factory.mktemp("spool")
    os.environ |= {
        "RECOVERY_OPS_TIME_FACTOR": str(sandbox.factor),
        "RECOVERY_OPS_RESOLVER": f"{sandbox.base_url}/dns-query",
        "RECOVERY_OPS_SPOOL": str(spool),
        "RECOVERY_OPS_DATABASE_URL": database.url.replace("postgres@", f"postgres:{PASSWORD}@"),
    }
    sandbox.control.restore(fraud_world.folder / "protected.snapshot")
    protect(fraud_world.system)
    sandbox.control.fault(HOME, "reset")
    said: list[tuple[str, str]] = []
    waiting = 0

    def progress(step: str, state: str) -> None:
        nonlocal waiting
        said.append((step, state))
        if (step, state) == (REFUSED_FROM, "started"):
            sandbox.control.fault(TARGET, "503", services=["s3"], operations=["PutObject"])
        if (step, state) == (UNPROJECTED_FROM, "started"):
            database.stop()
        if (step, state) == (TAKEN_FROM, "succeeded"):
            waiting = sum(len(Spool(folder).entries()) for folder in Path(spool).glob("*/*/*"))
            sandbox.control.heal(TARGET)

    request = RunRequest(
        system=fraud_world.system.name, mode=Mode.FAILOVER, recovery_region=TARGET, person="alice", execution="direct",
        reason=f"the console showed {KEY_ID} and {SIGNED}", token="under-attack",
    )  # fmt: skip
    with capture_logs() as logs:
        ref = run_direct(request, fraud_world.system, progress=progress)
    yield Attacked(ref=ref, log=open_log(ref), spooled=waiting, database=database, logs=logs, steps=said)
    sandbox.control.heal()


def removed(log: EventLog, key: str) -> set[str]:
    store = log.store
    assert isinstance(store, InMemoryObjectStore)
    body = store.body(key)
    store.remove(key)
    try:
        return {item.key for item in verify_run(log)}
    finally:
        store.damage(key, body)


def with_object(log: EventLog, key: str, body: bytes) -> set[str]:
    """Keys that verification names while ``body`` stands under ``key``."""
    store = log.store
    assert isinstance(store, InMemoryObjectStore)
    before = store.body(key) if key in store.all_keys() else None
    store.damage(key, body)
    try:
        return {item.key for item in verify_run(log)}
    finally:
        store.remove(key) if before is None else store.damage(key, before)


def test_the_recovery_goes_on_while_the_record_takes_no_writes(attacked: Attacked) -> None:
    succeeded = Counter(step for step, state in attacked.steps if state == "succeeded")
    assert set(succeeded.values()) == {1}
    assert {step for step, state in attacked.steps if state == "started"} == set(succeeded)
    assert attacked.spooled > 20
    state = fold(attacked.log.events())
    assert (state.outcome, state.serving_region, state.released) == ("committed", TARGET, True)


def test_the_gap_is_closed_and_shown(attacked: Attacked) -> None:
    (gap,) = [event for event in attacked.log.events() if event.type is EventType.RECORD_GAP_CLOSED]
    assert gap.payload["events"] >= attacked.spooled
    assert "ServiceUnavailable" in gap.payload["reason"]
    assert attacked.log.spool is not None
    assert not attacked.log.spool.waits()
    made = report_of(attacked.log)
    (shown,) = [item for item in made["deviations"] if item["kind"] == "record-gap"]
    assert f"{gap.payload['events']} events" in shown["what"]
    assert "record-gap" in render(made)


def test_a_projection_lost_in_the_middle_is_rebuilt_as_if_it_had_not_been_lost(attacked: Attacked) -> None:
    again = embedded_postgres(attacked.database.home, durable=False)
    again.create_database("never_lost")
    lost, never_lost = Projection(again.url), Projection(again.url_of("never_lost"))
    try:
        lost.refresh(attacked.ref.run_id)  # what was noted last had not been folded yet
        left = lost.run(attacked.ref.run_id)
        assert left is not None
        assert left.run.is_open
        assert lost.rebuild({attacked.ref.run_id: attacked.events}, system=attacked.ref.system) == len(attacked.events)
        never_lost.migrate()
        never_lost.apply_all(attacked.events, system=attacked.ref.system)
        found = projected(lost, attacked.ref)
        assert found == projected(never_lost, attacked.ref)
        assert not found[0].run.is_open
    finally:
        lost.close()
        never_lost.close()


def projected(projection: Projection, ref: RunRef) -> tuple[Any, ...]:
    """All that readers of the database can learn about a run."""
    points = [point for point in projection.points(ref.system) if point.run_id == ref.run_id]
    return projection.run(ref.run_id), projection.state(ref.run_id), projection.runs(ref.system), points


def test_the_record_verifies_and_is_sealed(attacked: Attacked) -> None:
    assert verify_run(attacked.log) == []
    found = read_seal(attacked.log)
    assert found is not None
    assert found.heads.everything == attacked.log.heads()


def test_every_single_removed_event_is_found_where_it_was(attacked: Attacked) -> None:
    log = attacked.copy()
    missed = [key for key in log.store.list(log.prefix) if key not in removed(log, key)]
    assert missed == []


def test_a_removed_seal_is_found(attacked: Attacked) -> None:
    log = attacked.copy()
    key = keys.seal_key(log.system, log.run_id)
    assert removed(log, key) == {key}
    assert with_object(log, key, b"{}") == {key}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found_where_it_is(attacked: Attacked, data: st.DataObject) -> None:
    log = attacked.in_memory
    key = data.draw(st.sampled_from(log.store.list(log.prefix)))
    found = log.store.get(key)
    assert found is not None
    body = bytearray(found[0])
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert key in with_object(log, key, bytes(body))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_added_event_is_found_even_with_a_fitting_hash(attacked: Attacked, data: st.DataObject) -> None:
    """By somebody who knows the format: behind the end of a chain, or as a chain of its own, at any time."""
    log = attacked.in_memory
    model = data.draw(st.sampled_from(attacked.events))
    writer = data.draw(st.sampled_from(sorted({*log.heads(), "person:mallory"})))
    head = log.heads().get(writer, {"seq": 0, "hash": envelope.NO_HASH})
    at = model.at + timedelta(seconds=data.draw(st.integers(-86400, 86400)))
    place = {"writer": writer, "seq": head["seq"] + 1, "prev_hash": head["hash"], "at": at}
    added = envelope.seal(replace(model, **place))
    key = log.prefix + keys.event_name(keys.Place(added.writer, added.seq))
    assert key in with_object(log, key, envelope.body_of(added))


def test_what_is_appended_after_the_close_is_sealed_by_whoever_does_it(attacked: Attacked) -> None:
    log = attacked.copy()
    late = log.writer("witness:client").append(EventType.CLIENT_OBSERVED, {"outage_s": 1.0})
    assert [item.reason.split(":")[0] for item in verify_run(log)] == ["added"]
    assert complete(log)
    assert verify_run(log) == []
    assert log.heads()["witness:client"]["hash"] == late.hash


def test_no_secret_reaches_events_reports_or_logs(attacked: Attacked, tmp_path: Path) -> None:
    made = report_of(attacked.log)
    texts = {"events": repr(attacked.events), "logs": repr(attacked.logs), **files_of(made)}
    found = [name for name, text in texts.items() for canary in CANARIES if canary in str(text)]
    assert found == []
    assert "the console showed [redacted]" in repr(attacked.events)
