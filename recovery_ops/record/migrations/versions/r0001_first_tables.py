"""The first tables: runs, steps, events, checks, points and what runs used of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SCHEMA = "recovery_ops"


def _key(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, primary_key=True)


def _texts(*names: str) -> "list[sa.Column[str]]":
    return [sa.Column(name, sa.Text, nullable=False, server_default="") for name in names]


def _times(*names: str) -> "list[sa.Column[object]]":
    return [sa.Column(name, sa.DateTime(timezone=True)) for name in names]


def _numbers(*names: str) -> "list[sa.Column[int]]":
    return [sa.Column(name, sa.Integer, nullable=False) for name in names]


def upgrade() -> None:
    """Create the tables."""
    _runs()
    _steps()
    _events()
    _checks()
    _points()


def downgrade() -> None:
    """Drop the tables; nothing is lost that a rebuild does not bring back."""
    for name in ("points_used", "points", "checks", "events", "steps", "runs"):
        op.drop_table(name, schema=SCHEMA)


def _runs() -> None:
    op.create_table(
        "runs",
        _key("run_id"),
        *_texts("system", "mode", "intent", "execution", "home", "impaired_region", "recovery_region"),
        *_texts("person", "reason", "tool_version", "account", "plan_hash", "criteria_hash"),
        sa.Column("graceful", sa.Boolean),
        sa.Column("time_factor", sa.Double, nullable=False),
        *_times("declared_at", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "t9"),
        *_times("committed_at", "rolled_back_at", "closed_at"),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("serving_region", sa.Text),
        sa.Column("overridden", sa.Boolean, nullable=False),
        *_numbers("debts"),
        *_times("last_at"),
        schema=SCHEMA,
    )
    op.create_index("ix_runs_system", "runs", ["system", "declared_at"], schema=SCHEMA)


def _steps() -> None:
    op.create_table(
        "steps",
        _key("run_id"),
        _key("step"),
        sa.Column("component", sa.Text),
        *_texts("phase", "status"),
        *_numbers("attempts"),
        *_times("started_at", "ended_at"),
        sa.Column("worked_s", sa.Double, nullable=False),
        sa.Column("waited_s", sa.Double, nullable=False),
        sa.Column("error_type", sa.Text),
        sa.Column("error_message", sa.Text),
        sa.Column("playbook", sa.Text),
        schema=SCHEMA,
    )


def _events() -> None:
    op.create_table(
        "events",
        _key("run_id"),
        _key("writer"),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        *_texts("system"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *_texts("type", "hash", "body"),
        schema=SCHEMA,
    )
    op.create_index("ix_events_type", "events", ["type", "at"], schema=SCHEMA)


def _checks() -> None:
    op.create_table(
        "checks",
        _key("run_id"),
        sa.Column("number", sa.Integer, primary_key=True),
        *_texts("step", "component", "gate", "name", "outcome", "unit", "detail"),
        *_numbers("attempt"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current", sa.Boolean, nullable=False),
        *(sa.Column(name, postgresql.JSONB) for name in ("expected", "observed", "tolerance")),
        schema=SCHEMA,
    )


def _points() -> None:
    op.create_table(
        "points",
        _key("run_id"),
        _key("point_id"),
        *_texts("system"),
        sa.Column("complete", sa.Boolean, nullable=False),
        *_times("taken_at", "watermark"),
        *(sa.Column(name, postgresql.JSONB, nullable=False) for name in ("regions", "components")),
        *_texts("reason"),
        schema=SCHEMA,
    )
    op.create_index("ix_points_system", "points", ["system", "taken_at"], schema=SCHEMA)
    op.create_table(
        "points_used",
        _key("run_id"),
        sa.Column("number", sa.Integer, primary_key=True),
        *_texts("component", "kind", "source", "detail"),
        sa.Column("point_id", sa.Text),
        *_times("watermark"),
        sa.Column("rpo_s", sa.Double),
        sa.Column("objective_s", sa.Double),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        schema=SCHEMA,
    )
