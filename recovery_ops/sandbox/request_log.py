"""Every AWS request the sandbox saw, answered or refused, as JSON lines."""

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from recovery_ops.sandbox.calls import Call


class RequestLog:
    """Counts requests and, given a file, appends a line for each: ``at, region, service, operation, status, caller``.

    ``at`` is when the request arrived (UTC, milliseconds); ``status`` is 0 when no answer was sent. A request that
    touches two regions, as an S3 copy between them, has a line for each.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._file = None if path is None else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, call: Call, status: int, at: datetime) -> None:
        """Append ``call``, which arrived at ``at`` and was answered with ``status``."""
        with self._lock:
            self.count += 1
            if self._file is not None:
                os.write(self._file, "".join(_line(call, region, status, at) for region in _regions(call)).encode())

    def close(self) -> None:
        """Close the file; later requests are counted only."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
            self._file = None


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def _regions(call: Call) -> tuple[str, ...]:
    return (call.region, *call.sources)


def _line(call: Call, region: str, status: int, at: datetime) -> str:
    facts = {
        "at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "region": region,
        "service": call.service,
        "operation": call.operation,
        "status": status,
        "caller": call.caller,
    }
    return json.dumps(facts) + "\n"
