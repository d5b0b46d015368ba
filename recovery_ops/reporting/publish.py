"""Publishing: from the record of a run to ``report.json`` and ``report.html``, on disk and beside the record."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from recovery_ops.errors import RecordError, RecoveryError
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.runs import RunRef
from recovery_ops.record import keys
from recovery_ops.record.log import EventLog, put_once
from recovery_ops.record.seal import complete
from recovery_ops.record.verify import verify_run
from recovery_ops.reporting.building import as_bytes, report
from recovery_ops.reporting.comparing import wanted
from recovery_ops.reporting.facts import Facts, Json
from recovery_ops.reporting.html import render

JSON_NAME, HTML_NAME, SUMMARY_NAME = "report.json", "report.html", "summary.html"
WRITER = "report"
logger = structlog.get_logger(__name__)


def publish(ref: RunRef, out: Path | None = None) -> Json:
    """Verify the record of a run, build its report and write it to ``out`` and to the record bucket.

    Args:
        ref: The run.
        out: Folder for ``report.json`` and ``report.html``, made if need be; existing files are replaced.

    Returns:
        The report. Its record may not verify; the verdict is ``fail`` then and says why.

    Raises:
        RecordError: The record cannot be read or is empty, or ``out`` cannot be written; says which, and what was not
            produced.
        RecoveryError: The store of the record does not answer.
    """
    from recovery_ops.execution.view import open_log

    return publish_log(open_log(ref), out)


def publish_log(log: EventLog, out: Path | None = None) -> Json:
    """Do what :func:`publish` does, for a log that is open already; its mirrors are compared with it.

    A report that cannot be made or written is itself a fact of the run: ``report-failed``, with its cause.
    """
    try:
        made = report_of(log)
        files = files_of(made)
        if out is not None:
            write(out, files)
    except Exception as error:
        _note_failure(log, error)
        raise
    store(log, made, files)
    return made


def _note_failure(log: EventLog, error: Exception) -> None:
    """Record why there is no report; best effort, the error itself goes on to the caller."""
    try:
        if log.store.list(log.prefix):
            log.writer(WRITER).append(EventType.REPORT_FAILED, {"why": f"{type(error).__name__}: {error}"})
            complete(log)
    except RecoveryError as second:
        logger.warning("a failed report is not recorded", run_id=log.run_id, why=second.message)


def report_of(log: EventLog) -> Json:
    """Verify the record of a run and return its report.

    Raises:
        RecordError: There is nothing to report on, or an event cannot be read at all.
    """
    try:
        broken = [item.to_json() for item in verify_run(log)]
        events = log.events()
        return report(events, broken=broken, earlier=earlier_runs(log, events))
    except RecordError as error:
        message = f"no report of run {log.run_id} of {log.system} was made: {error.message}"
        raise type(error)(message, **error.facts) from error


def earlier_runs(log: EventLog, events: Sequence[Event]) -> list[list[Event]]:
    """Return the events of the runs that a run is compared with, from the store that holds its own.

    A run that is gone or damaged there is left out, and the report says so.
    """
    found = []
    for run_id in wanted(Facts.of(events)) if events else ():
        try:
            found.append(EventLog(log.store, log.system, run_id).events())
        except RecordError as error:
            logger.warning("a run is not compared with", run_id=run_id, why=error.message)
    return found


def files_of(made: Json) -> Mapping[str, bytes]:
    """Return the files of a report by name."""
    return {JSON_NAME: as_bytes(made), HTML_NAME: render(made).encode()}


def store(log: EventLog, made: Json, files: Mapping[str, bytes]) -> list[str]:
    """Put the files beside the record, under the hash of the events they were made from; return what could not be put.

    Best effort: a report can be made again from the events at any time, so nothing fails here. Written once and never
    replaced; a report of more events is another one.
    """
    missed: list[str] = []
    for name, body in files.items():
        key = report_key(log.system, log.run_id, made["identity"]["event_log_sha256"], name)
        try:
            if not put_once(log.store, key, body):
                missed.append(f"{key} holds something else already")
        except RecoveryError as error:
            missed.append(f"{key}: {error.message}")
    return missed


def report_key(system: str, run_id: str, log_sha256: str, name: str) -> str:
    """Return where a file of a report lies: ``systems/<system>/runs/<run>/report/<hash of the events>/<name>``."""
    folder = keys.events_prefix(system, run_id).removesuffix("events/")
    return f"{folder}report/{log_sha256[:16]}/{name}"


def write(out: Path, files: Mapping[str, bytes]) -> None:
    """Write files into a folder, made if need be; raises ``RecordError`` when that cannot be done."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (out / name).write_bytes(body)
    except OSError as error:
        raise RecordError(f"the report cannot be written to {out}: {error.strerror or error}") from error
