"""Long-running work in AWS, as a value that survives a crash."""

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


class OperationState(enum.StrEnum):
    """Where an operation stands."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRef:
    """Enough to find an operation again from another process. ``details`` holds JSON values only."""

    kind: str
    component: str
    phase: str
    region: str
    resource_id: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"details": dict(self.details)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "OperationRef":
        """Rebuild a ref from :meth:`to_json`."""
        return cls(**value)


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationStatus:
    """One look at an operation. ``detail`` is AWS's own status or failure reason."""

    state: OperationState
    detail: str = ""

    @property
    def over(self) -> bool:
        """Return whether the operation has ended, well or badly."""
        return self.state is not OperationState.RUNNING


DONE = OperationStatus(state=OperationState.SUCCEEDED, detail="done")
