"""The projection: rows in PostgreSQL for dashboards and metrics, made from events and never the truth.

Every row that is not an event is computed from all events of its run by the fold, so applying events twice, in any
order or from several processes gives the same rows as rebuilding.
"""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, create_engine, delete, func, select, text
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from recovery_ops.errors import RecordError, SettingsError
from recovery_ops.model.events import Event
from recovery_ops.record import rows, tables
from recovery_ops.record.fold import fold
from recovery_ops.record.rows import CheckRow, PointRow, PointUsedRow, RunRow, RunRows, StepRow
from recovery_ops.record.state import RunState

CONNECT_TIMEOUT_S = 2
STATEMENT_TIMEOUT_MS = 5000
ROWS_PER_STATEMENT = 500
MIGRATION_LOCK = 7_310_244_981


class Projection:
    """Write and read the projection in the PostgreSQL database at ``url``; safe for threads and after a fork.

    Nothing is connected until the first call. Every method raises :class:`~recovery_ops.errors.RecordError` when the
    database does not answer (at the latest 2 s after a call wants to connect) or refuses; nothing was changed then, and
    the next call connects anew.

    Raises:
        SettingsError: ``url`` is no PostgreSQL URL (``postgresql+psycopg://…`` or ``postgresql+psycopg2://…``).
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError as error:
            raise SettingsError("the URL of the projection's database cannot be read as a URL") from error
        if parsed.get_backend_name() != "postgresql":
            raise SettingsError(f"the projection needs PostgreSQL; its URL starts with {parsed.drivername!r}")
        self._where = parsed.render_as_string(hide_password=True)
        self._pid = os.getpid()
        self._engine = create_engine(
            parsed,
            pool_pre_ping=True,
            pool_size=2,
            pool_timeout=CONNECT_TIMEOUT_S,
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "tcp_user_timeout": CONNECT_TIMEOUT_S * 1000},
        )

    def migrate(self) -> None:
        """Bring the tables to the newest revision, creating them when there are none; one process at a time."""
        from recovery_ops.record.migrations import upgrade

        with self._begin(timeout_ms=0) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
            upgrade(connection)

    def apply(self, event: Event, *, system: str = "") -> None:
        """Take in one event; see :meth:`apply_all`."""
        self.apply_all([event], system=system)

    def apply_all(self, events: Sequence[Event], *, system: str = "") -> None:
        """Take in events of one run, all or none; those that are there already change nothing.

        One transaction folds the run once, so that many events cost little more than one. What other rows should say
        and do not, because events were only noted, is made good.

        Args:
            events: Events as the log returned them, at least one, all of the same run.
            system: Whose run it is. A declared run says so itself; protection and refused runs do not.
        """
        run_id = events[0].run_id
        with self._begin() as connection:
            self._lock_run(connection, run_id)
            self._insert_events(connection, [rows.event_row(event, system) for event in events])
            self._refresh(connection, run_id)

    def note_all(self, events: Sequence[Event], *, system: str = "") -> None:
        """Take in events of one run and nothing that follows from them, see :meth:`refresh`.

        Costs one statement, however long the run is, and waits for nobody; ``events`` and ``system`` as above.
        """
        with self._begin() as connection:
            self._insert_events(connection, [rows.event_row(event, system) for event in events])

    def refresh(self, run_id: str) -> None:
        """Make every row of a run that is not an event say what the events in the database say."""
        with self._begin() as connection:
            self._lock_run(connection, run_id)
            self._refresh(connection, run_id)

    def connect(self) -> None:
        """Connect, so that the next call need not."""
        with self._begin():
            pass

    def observer(self, system: str) -> Callable[[Event], None]:
        """Return :meth:`apply` for the events of ``system``, as an event log wants its observers."""

        def observe(event: Event) -> None:
            self.apply(event, system=system)

        return observe

    def rebuild(self, events_by_run: Mapping[str, Iterable[Event]], *, system: str = "") -> int:
        """Replace everything about these runs by what their events say; return how many events that were.

        Either all of it becomes visible at once or nothing does. Other runs stay as they are.
        """
        count = 0
        with self._begin(timeout_ms=0) as connection:
            for run_id in sorted(events_by_run):
                self._lock_run(connection, run_id)
                for table in tables.ALL:
                    connection.execute(delete(table).where(table.c.run_id == run_id))
                self._insert_events(connection, [rows.event_row(event, system) for event in events_by_run[run_id]])
                written = self._events(connection, run_id)
                _write(connection, _derived(written), _derived([]))
                count += len(written)
        return count

    def runs(self, system: str) -> list[RunRow]:
        """Return the runs of ``system``, newest first."""
        order = tables.runs.c.last_at.desc(), tables.runs.c.run_id
        found = self._select(select(tables.runs).where(tables.runs.c.system == system).order_by(*order))
        return [_run(row) for row in found]

    def run(self, run_id: str) -> RunRows | None:
        """Return everything about one run, or ``None`` when the projection does not know it."""
        with self._begin() as connection:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            found = connection.execute(_of_run(tables.runs, run_id)).one_or_none()
            if found is None:
                return None
            started = tables.steps.c.started_at.nulls_last(), tables.steps.c.step
            steps = connection.execute(_of_run(tables.steps, run_id).order_by(*started)).all()
            checks = connection.execute(_of_run(tables.checks, run_id).order_by(tables.checks.c.number)).all()
            uses = connection.execute(_of_run(tables.points_used, run_id).order_by(tables.points_used.c.number)).all()
        return RunRows(
            run=_run(found),
            steps=tuple(StepRow(**row._mapping) for row in steps),
            checks=tuple(CheckRow(**row._mapping) for row in checks),
            points_used=tuple(PointUsedRow(**row._mapping) for row in uses),
        )

    def state(self, run_id: str) -> RunState | None:
        """Return the state of a run folded from the events in the projection, or ``None`` when there are none."""
        with self._begin() as connection:
            found = self._events(connection, run_id)
        return fold(event for event, _ in found) if found else None

    def points(self, system: str) -> list[PointRow]:
        """Return the recovery points of ``system``, newest first."""
        order = tables.points.c.taken_at.desc().nulls_last(), tables.points.c.point_id
        found = self._select(select(tables.points).where(tables.points.c.system == system).order_by(*order))
        return [_point(row) for row in found]

    def close(self) -> None:
        """Give back every connection of this process."""
        self._engine.dispose()

    @contextmanager
    def _begin(self, timeout_ms: int = STATEMENT_TIMEOUT_MS) -> Iterator[Connection]:
        self._notice_fork()
        try:
            with self._engine.begin() as connection:
                connection.execute(text(f"SET LOCAL statement_timeout = {int(timeout_ms)}"))
                yield connection
        except SQLAlchemyError as error:
            reason = str(error).splitlines()[0]
            raise RecordError(f"the projection at {self._where} did not do it: {reason}") from error

    def _notice_fork(self) -> None:
        """Connections of a parent process must be neither used nor closed here."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._engine.dispose(close=False)

    def _select(self, query: "Select[Any]") -> list["Row[Any]"]:
        with self._begin() as connection:
            return list(connection.execute(query))

    def _lock_run(self, connection: Connection, run_id: str) -> None:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(run_id, 0))))

    def _refresh(self, connection: Connection, run_id: str) -> None:
        _write(connection, _derived(self._events(connection, run_id)), _held(connection, run_id))

    def _insert_events(self, connection: Connection, found: list[rows.Row]) -> None:
        for start in range(0, len(found), ROWS_PER_STATEMENT):
            connection.execute(
                insert(tables.events).on_conflict_do_nothing(), found[start : start + ROWS_PER_STATEMENT]
            )

    def _events(self, connection: Connection, run_id: str) -> list[tuple[Event, str]]:
        """Every event of a run with the system it was applied for."""
        query = select(tables.events.c.body, tables.events.c.system).where(tables.events.c.run_id == run_id)
        return [(Event.from_json(json.loads(body)), system) for body, system in connection.execute(query)]


def _derived(found: list[tuple[Event, str]]) -> dict[str, list[rows.Row]]:
    """Every row by table that follows from these events of one run."""
    state = fold(event for event, _ in found)
    system = state.system or max((name for _, name in found), default="")
    run = rows.run_row(state, system)
    return {
        "runs": [] if run is None else [run],
        "steps": rows.step_rows(state),
        "checks": rows.check_rows(state),
        "points": rows.point_rows(state, system),
        "points_used": rows.point_used_rows(state),
    }


def _held(connection: Connection, run_id: str) -> dict[str, list[rows.Row]]:
    """Every derived row of a run by table, as it is now."""
    return {
        table.name: [dict(row._mapping) for row in connection.execute(_of_run(table, run_id))]
        for table in tables.DERIVED
    }


def _write(connection: Connection, derived: Mapping[str, list[rows.Row]], before: Mapping[str, list[rows.Row]]) -> None:
    """Insert or replace the rows that are not the same already; rows never go away as events are added."""
    for table in tables.DERIVED:
        key = [column.name for column in table.primary_key.columns]
        held = {tuple(row[name] for name in key): row for row in before[table.name]}
        changed = [row for row in derived[table.name] if held.get(tuple(row[name] for name in key)) != row]
        for start in range(0, len(changed), ROWS_PER_STATEMENT):
            connection.execute(_upsert(table), changed[start : start + ROWS_PER_STATEMENT])


def _upsert(table: Table) -> Insert:
    statement = insert(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if not column.primary_key}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=others)


def _of_run(table: Table, run_id: str) -> "Select[Any]":
    return select(table).where(table.c.run_id == run_id)


def _run(row: "Row[Any]") -> RunRow:
    facts = dict(row._mapping)
    clocks = {name.upper(): facts.pop(name) for name in tables.CLOCKS}
    return RunRow(**facts, clocks={name: at for name, at in clocks.items() if at is not None})


def _point(row: "Row[Any]") -> PointRow:
    facts = dict(row._mapping)
    return PointRow(**facts | {"regions": tuple(facts["regions"]), "components": tuple(facts["components"])})
