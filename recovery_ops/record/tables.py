"""Tables of the projection, in a schema of their own so that they can share a database with Airflow's.

Everything in them comes from events and can be dropped and rebuilt at any time. Times are ``timestamptz`` in UTC,
durations wall seconds.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "recovery_ops"
CLOCKS = tuple(f"t{number}" for number in range(10))

metadata = MetaData(schema=SCHEMA)


def _time(name: str) -> Column[object]:
    return Column(name, DateTime(timezone=True))


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


runs = Table(
    "runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    *(_text(name) for name in ("system", "mode", "intent", "execution", "home", "impaired_region", "recovery_region")),
    *(_text(name) for name in ("person", "reason", "tool_version", "account", "plan_hash", "criteria_hash")),
    Column("graceful", Boolean),
    Column("time_factor", Double, nullable=False),
    _time("declared_at"),
    *(_time(name) for name in CLOCKS),
    _time("committed_at"),
    _time("rolled_back_at"),
    _time("closed_at"),
    Column("is_open", Boolean, nullable=False),
    Column("outcome", Text),
    Column("serving_region", Text),
    Column("overridden", Boolean, nullable=False),
    Column("debts", Integer, nullable=False),
    _time("last_at"),
    Index("ix_runs_system", "system", "declared_at"),
)

steps = Table(
    "steps",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("component", Text),
    _text("phase"),
    _text("status"),
    Column("attempts", Integer, nullable=False),
    _time("started_at"),
    _time("ended_at"),
    Column("worked_s", Double, nullable=False),
    Column("waited_s", Double, nullable=False),
    Column("error_type", Text),
    Column("error_message", Text),
    Column("playbook", Text),
)

events = Table(
    "events",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("writer", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    _text("system"),
    Column("at", DateTime(timezone=True), nullable=False),
    _text("type"),
    _text("hash"),
    _text("body"),
    Index("ix_events_type", "type", "at"),
)

checks = Table(
    "checks",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    *(_text(name) for name in ("step", "component", "gate", "name", "outcome", "unit", "detail")),
    Column("attempt", Integer, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("current", Boolean, nullable=False),
    Column("expected", JSONB(none_as_null=True)),
    Column("observed", JSONB(none_as_null=True)),
    Column("tolerance", JSONB(none_as_null=True)),
)

points = Table(
    "points",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("point_id", Text, primary_key=True),
    _text("system"),
    Column("complete", Boolean, nullable=False),
    _time("taken_at"),
    _time("watermark"),
    Column("regions", JSONB, nullable=False),
    Column("components", JSONB, nullable=False),
    _text("reason"),
    Index("ix_points_system", "system", "taken_at"),
)

points_used = Table(
    "points_used",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    *(_text(name) for name in ("component", "kind", "source", "detail")),
    Column("point_id", Text),
    _time("watermark"),
    Column("rpo_s", Double),
    Column("objective_s", Double),
    Column("at", DateTime(timezone=True), nullable=False),
)

DERIVED = (runs, steps, checks, points, points_used)
ALL = (events, *DERIVED)
