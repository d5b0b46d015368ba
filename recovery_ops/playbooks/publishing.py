"""A playbook in every region of its system and in a local folder; each copy is read back and compared by hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.pages import digest_of, put_page
from recovery_ops.catalog.freeze import catalog_hash
from recovery_ops.errors import RecordError, RecoveryError, StepInterruptedError
from recovery_ops.model.system import System
from recovery_ops.playbooks.history import history_of
from recovery_ops.playbooks.rendering import HTML_NAME, MARKDOWN_NAME, render
from recovery_ops.record import keys

NOTE_NAME = "published.json"
"""Written last: a region that has it has the pages, and readiness sees of which catalog they are."""
TYPES = {
    HTML_NAME: "text/html; charset=utf-8",
    MARKDOWN_NAME: "text/markdown; charset=utf-8",
    NOTE_NAME: "application/json",
}
CATALOG_HASH = "catalog-hash"
"""Key of the metadata of a published page that says which catalog it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One copy of a playbook: where it is, whether it reads back as it was written, and why not."""

    where: str
    verified: bool
    why: str = ""


def write(system: System, files: Mapping[str, bytes], out: Path) -> Copy:
    """Write the files to ``out/<system>/`` and read them back.

    Raises:
        RecordError: The folder cannot be written.
    """
    folder = out / system.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (folder / name).write_bytes(body)
        same = all((folder / name).read_bytes() == body for name, body in files.items())
    except OSError as error:
        raise RecordError(f"the playbook cannot be written to {folder}: {error.strerror or error}") from error
    return Copy(where=str(folder), verified=same, why="" if same else "it reads back as something else")


def publish(system: System, out: Path | None = None) -> list[Copy]:
    """Render the playbook of ``system`` and put it into the record bucket of every region, and into ``out``.

    Returns:
        One entry per region and folder; a region that does not answer is an entry that is not verified.
    """
    with calling_as(Caller(run_id="playbook", step="publish")):
        now = datetime.now(UTC)
        files = render(system, history=history_of(system), made_at=now)
        noted = files | {NOTE_NAME: _note(system, files, now)}
        copies = [_publish_to(system, region, noted) for region in system.regions]
    return [*copies, write(system, files, out)] if out is not None else copies


def publish_everywhere(system: System, out: Path) -> list[str]:
    """Do what :func:`publish` does and return where the copies are.

    Raises:
        StepInterruptedError: A copy is missing or reads back as something else; the others are there. Safe to repeat.
    """
    copies = publish(system, out)
    missing = [f"{copy.where}: {copy.why}" for copy in copies if not copy.verified]
    if missing:
        there = len(copies) - len(missing)
        message = f"playbook of {system.name}: {there} of {len(copies)} copies are verified; {'; '.join(missing)}"
        raise StepInterruptedError(message, system=system.name)
    return [copy.where for copy in copies]


def _note(system: System, files: Mapping[str, bytes], now: datetime) -> bytes:
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    facts = {"catalog_hash": catalog_hash(system), "published_at": now.isoformat(), "sha256": digests}
    return json.dumps(facts, indent=2).encode()


def _publish_to(system: System, region: str, files: Mapping[str, bytes]) -> Copy:
    bucket, where = system.record_bucket.format(region=region), ""
    try:
        for name, body in files.items():
            key = keys.playbook_page_key(system.name, name)
            where, wanted = f"s3://{bucket}/{key}", hashlib.sha256(body).hexdigest()
            facts = {CATALOG_HASH: catalog_hash(system), "sha256": wanted}
            put_page(bucket, key, body, region, content_type=TYPES[name], metadata=facts)
            if digest_of(bucket, key, region) != wanted:
                return Copy(where=where, verified=False, why="it reads back as something else")
    except RecoveryError as error:
        return Copy(where=where, verified=False, why=error.message)
    return Copy(where=f"s3://{bucket}/{keys.playbook_page_key(system.name, HTML_NAME)}", verified=True)
