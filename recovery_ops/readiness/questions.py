"""Asking without being stopped: a question that gets no answer becomes a finding, and the others are still asked."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from recovery_ops.errors import RecoveryError
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding

log = structlog.get_logger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Answers:
    """What was found in one recovery region. ``unasked`` are components (empty: the system) with an open question."""

    region: str
    findings: list[Finding] = field(default_factory=list)
    unasked: set[str] = field(default_factory=set)

    def ask(self, component: str, question: str, call: Callable[[], Iterable[Finding]]) -> None:
        """Add what ``call`` finds; when it is not answered, say so and go on."""
        found = self.value(component, question, lambda: list(call()))
        self.findings += found or []

    def value(self, component: str, question: str, call: Callable[[], T]) -> T | None:
        """Return what ``call`` returns, or ``None`` and a finding when it is not answered."""
        try:
            return call()
        except RecoveryError as error:
            why = error.message
        except Exception as error:
            log.warning("a readiness question failed", component=component, question=question, exc_info=True)
            why = f"{type(error).__name__}: {error}"
        self.unasked.add(component)
        self.findings.append(finding("not-asked", component, f"{question}: {why}", subject=question))
        return None

    def add(self, others: "Answers") -> None:
        """Take over what another part of the sweep found."""
        self.findings += others.findings
        self.unasked |= others.unasked
