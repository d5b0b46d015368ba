"""What the people outside saw, read back from their JSON lines."""

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def lines(path: Path) -> list[Line]:
    """Return every complete line of a journal; a last line cut by a kill is left out."""
    found = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            found.append(json.loads(text))
        except ValueError:
            continue
    return found


def outage_s(journal: list[Line], since: datetime) -> float | None:
    """Return wall seconds from the last good answer before the first failure after ``since`` to the next good one.

    0 when nothing failed; ``None`` when no answer was good again.
    """
    before, failing = since, False
    for line in journal:
        at = datetime.fromisoformat(line["at"])
        if line["ok"]:
            if failing:
                return round((at - before).total_seconds(), 3)
            before = at
        elif at >= since:
            failing = True
    return None if failing else 0.0


def client_facts(journal: list[Line], sticky: list[Line], since: datetime) -> dict[str, Any]:
    """Return the payload of a ``client-observed`` event."""
    after = [line for line in journal if datetime.fromisoformat(line["at"]) >= since]
    return {
        "outage_s": outage_s(journal, since),
        "requests": len(after),
        "failed": sum(not line["ok"] for line in after),
        "sticky_outage_s": outage_s(sticky, since),
        "answered_by": dict(Counter(line["region"] for line in journal if line["ok"])),
    }


def acknowledged(journal: list[Line]) -> dict[str, list[int]]:
    """Return the acknowledged versions of every entity, oldest first."""
    found: dict[str, list[int]] = {}
    for line in journal:
        if line["ok"]:
            found.setdefault(line["entity"], []).append(line["version"])
    return found
