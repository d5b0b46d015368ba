"""What the request log must never show."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

OURS = ("recovery-ops",)
POLICIES = frozenset(f"{verb}{what}Policy" for verb in ("Get", "Put", "Delete") for what in ("Bucket", "Resource"))
"""What fences are made of."""


def calls_of_run(calls: list[Mapping[str, Any]], run_id: str, region: str, since: datetime) -> list[Mapping[str, Any]]:
    """Return calls of a run to ``region`` from ``since`` on; left out is what is allowed: fences, and their end.

    A run that moved no traffic tries to let writers in again when it closes.
    """
    return [
        call
        for call in calls
        if call["region"] == region
        and f"run/{run_id}" in call["caller"]
        and not _fences(call)
        and datetime.fromisoformat(call["at"].replace("Z", "+00:00")) >= since
    ]


def _fences(call: Mapping[str, Any]) -> bool:
    step = call["caller"].split("step", 1)[-1]
    return "/fence" in step or ("/close" in step and call["operation"] in POLICIES)


def strangers(calls: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return refused requests whose caller nobody knows: something escaped the library."""
    return [call for call in calls if call["status"] in (0, 501, 503) and not _known(call["caller"])]


def _known(caller: str) -> bool:
    return any(name in caller for name in OURS)
