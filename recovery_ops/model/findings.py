"""Readiness: reasons why a recovery would not work today."""

import enum
from dataclasses import asdict, dataclass
from typing import Any


class Severity(enum.StrEnum):
    """How bad a finding is: ``blocker`` means the recovery cannot succeed as planned."""

    BLOCKER = "blocker"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason why the answer to a readiness check is no, with a hint for the person who mends it.

    ``subject`` says which one, where a component can have several of one ``code`` (an instance type, a parameter); the
    text of ``message`` may change from one sweep to the next, code and subject do not. ``component`` is empty for what
    concerns the whole system.
    """

    severity: Severity
    component: str
    code: str
    message: str
    hint: str = ""
    subject: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)
