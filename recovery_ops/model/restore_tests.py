"""Restore tests: whether a component really comes back from one recovery point. The result stands with the point."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTest:
    """One component restored in isolation from one point. ``at`` is when that ended (aware UTC).

    ``why`` is empty for a pass. ``run_id`` is the drill that did it, empty when the point was refused before one began.
    ``rto_s`` is how long the component took, in AWS seconds; ``None`` when it was not restored.
    """

    point_id: str
    component: str
    region: str
    at: datetime
    passed: bool
    why: str = ""
    run_id: str = ""
    rto_s: float | None = None
    checks: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; ``verdict`` is ``pass`` or ``fail``."""
        facts = {name: value for name, value in asdict(self).items() if name != "passed"}
        return facts | {"at": self.at.isoformat(), "verdict": "pass" if self.passed else "fail"}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "RestoreTest":
        """Rebuild a result from :meth:`to_json`; raises ``KeyError``, ``TypeError`` or ``ValueError`` if it is none."""
        facts = {name: item for name, item in value.items() if name in cls.__dataclass_fields__}
        return cls(**facts | {"at": datetime.fromisoformat(value["at"]), "passed": value["verdict"] == "pass"})
