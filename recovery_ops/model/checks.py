"""Verification: what was asked of a restored component and what the answer was."""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


class CheckOutcome(enum.StrEnum):
    """``error`` means the probe itself broke: nothing is known. Only ``pass`` is a pass."""

    PASS = "pass"
    FAIL = "fail"
    ERROR = "error"
    NOT_RUN = "not-run"


class Gate(enum.StrEnum):
    """The families of checks; each has a stored baseline or a manifest it is judged against."""

    DATA = "data"
    INTEGRITY = "integrity"
    CONSISTENCY = "consistency"
    FRESHNESS = "freshness"
    REFERENCES = "references"
    GOLDEN = "golden-predictions"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    QUALITY = "quality"
    END_TO_END = "end-to-end"
    CAPACITY = "capacity"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One probe: what was expected, what was seen, how far they may differ. Values are plain JSON.

    An ``advisory`` check is shown and recorded; it neither opens nor closes a gate.
    """

    component: str
    gate: Gate
    name: str
    expected: Any
    observed: Any
    outcome: CheckOutcome
    tolerance: Any = None
    unit: str = ""
    detail: str = ""
    advisory: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Check":
        """Rebuild a check from :meth:`to_json`."""
        facts = dict(value)
        return cls(**facts | {"gate": Gate(facts["gate"]), "outcome": CheckOutcome(facts["outcome"])})


def all_passed(checks: Iterable[Check]) -> bool:
    """Return whether there is at least one gating check and every one of them passed.

    Advisory checks count neither for nor against; nothing measured is never a pass.
    """
    outcomes = [check.outcome for check in checks if not check.advisory]
    return bool(outcomes) and all(outcome is CheckOutcome.PASS for outcome in outcomes)
