"""The state of a run as plain JSON values, for the command line and for whoever reads without Python."""

import enum
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime

from recovery_ops.record.state import RunState, StepState


def state_json(state: RunState) -> dict[str, object]:
    """Return everything about a run, with what is derived: ``is_open``, ``outcome``, ``clocks`` and sums per step."""
    derived = {"is_open": state.is_open, "outcome": state.outcome, "clocks": as_json(state.clocks)}
    steps = {step.id: step_json(step) for step in state.steps.values()}
    return {field.name: as_json(getattr(state, field.name)) for field in fields(state)} | derived | {"steps": steps}


def step_json(step: StepState) -> dict[str, object]:
    """Return one step with its sums."""
    sums = {"attempts": step.attempts, "worked_s": step.worked_s, "waited_s": step.waited_s}
    return {field.name: as_json(getattr(step, field.name)) for field in fields(step)} | sums


def summary_json(state: RunState) -> dict[str, object]:
    """Return one line about a run."""
    names = (
        "run_id",
        "system",
        "mode",
        "intent",
        "execution",
        "impaired_region",
        "recovery_region",
        "person",
        "reason",
    )
    facts = {name: as_json(getattr(state, name)) for name in (*names, "declared_at", "closed_at", "serving_region")}
    return facts | {"is_open": state.is_open, "outcome": state.outcome}


def as_json(value: object) -> object:
    """Return ``value`` with times as ISO 8601, enums as text, tuples as lists and keys as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value
