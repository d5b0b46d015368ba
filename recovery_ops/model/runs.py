"""Runs: one execution of a plan, and how to find it again."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.system import System

RUN_ID = re.compile(r"r-\d{8}-[0-9a-f]{6}")
ANY_RUN = "r-*"
"""Every run id in a pattern of IAM."""


def mint_run_id(token: str, now: datetime) -> str:
    """Return ``r-<yyyymmdd>-<6 hex>``, the same for the same ``token`` and day, allowed in every AWS name."""
    return f"r-{now.astimezone(UTC):%Y%m%d}-{hashlib.sha256(token.encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """What a person (or an alarm) asks for. Times are aware UTC.

    ``token`` makes the request idempotent: the same token is the same run. ``before`` and ``point_id`` choose the
    recovery point of a ``corruption`` run. ``override`` is a reason given by ``person`` for moving traffic in spite of
    a failed gate. ``drill`` is how much a drill takes in (mode ``drill`` only), ``inject`` whether it breaks the region
    that it leaves for its own callers first.
    """

    system: str
    mode: Mode
    recovery_region: str
    person: str
    reason: str
    token: str
    execution: str = "airflow"
    graceful: bool = False
    intent: Intent = Intent.REGION_LOSS
    impaired_region: str | None = None
    impact_at: datetime | None = None
    detected_at: datetime | None = None
    decided_at: datetime | None = None
    before: datetime | None = None
    point_id: str | None = None
    component: str | None = None
    override: str | None = None
    drill: DrillKind | None = None
    inject: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRef:
    """Where the record of a run lives; small enough for an XCom or a command line."""

    system: str
    run_id: str
    recovery_region: str
    impaired_region: str
    record_bucket: str

    @classmethod
    def of(cls, system: System, run_id: str, *, recovery_region: str, impaired_region: str) -> "RunRef":
        """Return where the record of a run of ``system`` lives: in the bucket of its recovery region."""
        return cls(
            system=system.name,
            run_id=run_id,
            recovery_region=recovery_region,
            impaired_region=impaired_region,
            record_bucket=system.record_bucket.format(region=recovery_region),
        )

    @classmethod
    def asked(
        cls, system: System, token: str, now: datetime, *, recovery_region: str, impaired_region: str
    ) -> "RunRef":
        """Return where the run lives that a request with ``token`` opens on the day of ``now``."""
        run_id = mint_run_id(f"{system.name}/{token}", now)
        return cls.of(system, run_id, recovery_region=recovery_region, impaired_region=impaired_region)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RunRef":
        """Rebuild a ref from :meth:`to_json`."""
        return cls(**value)
