"""Who watches the local world from outside: a client, one that ignores TTL, and a writer; and what they testify."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from recovery_ops.cli import local
from recovery_ops.errors import RecoveryError
from recovery_ops.execution.view import RunView
from recovery_ops.execution.witnesses import record_client, record_writer
from recovery_ops.model.system import System
from recovery_ops.sandbox.outside.crowd import Person, send_out
from recovery_ops.sandbox.outside.journal import acknowledged, client_facts, lines
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.sandbox.seed import data

STICKY_MODELLED_S = 300.0
"""How long the client that ignores TTL keeps an answer."""
SETTLED_LIMIT_S = 240.0
WRITTEN_TO = "features"
"""The component that the writer writes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Three running processes, each with a journal of what it saw."""

    client: Person
    sticky: Person
    writer: Person

    @property
    def pids(self) -> Mapping[str, int]:
        """Return the process of each."""
        return {name: getattr(self, name).process.pid for name in ("client", "sticky", "writer")}

    def leave(self) -> None:
        """End all three; safe to repeat."""
        for person in (self.client, self.sticky, self.writer):
            person.leave()

    def testify(self, view: RunView, impact: datetime) -> None:
        """Append to the record of a run what the client saw since ``impact`` and which acknowledged writes are gone."""
        record_client(view, client_facts(lines(self.client.journal), lines(self.sticky.journal), impact))
        record_writer(view, WRITTEN_TO, acknowledged(lines(self.writer.journal)))


def send_everybody(
    system: System, sandbox: RunningSandbox, folder: Path, *, every_s: float = 0.05, stay_with: int | None = None
) -> Outside:
    """Send out all three and return when each has been served once.

    Args:
        system: Whose DNS name they know.
        sandbox: Where it lives.
        folder: Journals go here, ``client.jsonl``, ``sticky.jsonl`` and ``writer.jsonl``; made when missing.
        every_s: Wall seconds between two requests of each.
        stay_with: They end when this process is gone; the calling process unless given.

    Raises:
        RecoveryError: Somebody was not served within four minutes; all are ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, object] = {
        "name": system.traffic.name,
        "resolver": f"{sandbox.base_url}/dns-query",
        "row": json.dumps(local.sample_row()),
        "every": every_s,
    } | ({"stay_with": stay_with} if stay_with else {})
    writing = {
        "endpoint_url": sandbox.base_url,
        "parameter": f"/{system.name}/features/table",
        "features": json.dumps(list(data.FEATURES)),
    }
    outside = Outside(
        client=send_out("client", folder / "client.jsonl", **known),
        sticky=send_out("client", folder / "sticky.jsonl", sticky=STICKY_MODELLED_S * sandbox.factor, **known),
        writer=send_out("writer", folder / "writer.jsonl", **known, **writing),
    )
    try:
        for person in (outside.client, outside.sticky, outside.writer):
            _await_service(person)
    except BaseException:
        outside.leave()
        raise
    return outside


def _await_service(person: Person) -> None:
    end = time.monotonic() + SETTLED_LIMIT_S
    while not any(line["ok"] for line in lines(person.journal)):
        if time.monotonic() > end:
            raise RecoveryError(f"{person.journal.stem} was not served within {SETTLED_LIMIT_S:.0f} s")
        time.sleep(0.2)
