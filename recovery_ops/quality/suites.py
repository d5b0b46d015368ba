"""Great Expectations suites as checks with three outcomes.

Great Expectations reports an exception of its own, for example a column that is missing, as an expectation that was not
met, drops an expectation whose type it does not know, and calls an expectation met when there was no value to look at.
Here the first two and the third are an ``error``: nothing is known, so nothing has passed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.quality.engine import build_expectation, preload, run_expectations
from recovery_ops.quality.plain import plain
from recovery_ops.quality.probes import broken_probe, describe

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["judge_file", "judge_frame", "preload"]

_KEPT = ("type", "kwargs", "meta", "severity", "notes", "description")
_GATING = "critical"
_INDEX = "recovery_ops_index"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """Whose data is judged."""

    component: str
    label: str

    def broken(self, what: str, reason: str, entry: Mapping[str, Any] | None = None) -> Check:
        """Return an ``error`` check about ``what``."""
        expected = plain(entry.get("kwargs")) if entry else None
        gate = _gate(entry) if entry else Gate.DATA
        return broken_probe(self.component, gate, f"{self.label}: {what}", reason, expected=expected)


def judge_file(frame: "pd.DataFrame", path: Path, *, component: str, label: str) -> list[Check]:
    """Judge ``frame`` by the suite in the JSON file ``path``; as :func:`judge_frame`.

    A file that cannot be read is one ``error`` check.
    """
    try:
        suite = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        subject = _Subject(component=component, label=label)
        return [subject.broken("suite", f"{path.name} cannot be read: {describe(error)}")]
    return judge_frame(frame, suite, component=component, label=label)


def judge_frame(frame: "pd.DataFrame", suite: object, *, component: str, label: str) -> list[Check]:
    """Judge ``frame`` by ``suite``, a mapping as ``suite.to_json_dict()`` writes it; one check each, in its order.

    ``label`` says which data it is. An expectation gates when its severity is ``critical`` (the default); ``warning``
    and ``info`` make advisory checks. ``meta.gate`` of an expectation names its gate, ``data`` by default. A suite
    without expectations, an expectation that is unknown or wrongly put, and any exception of Great Expectations are
    ``error`` checks; the list is never empty. Nothing is raised for what is judged.
    """
    subject = _Subject(component=component, label=label)
    entries = suite.get("expectations") if isinstance(suite, Mapping) else None
    if not isinstance(entries, Sequence) or isinstance(entries, str) or not entries:
        return [subject.broken("suite", "the suite has no expectations, so nothing was judged")]
    judged = _judged(frame, entries, subject)
    if frame.empty and not any("row_count" in str(_type(entry)) for entry in entries):
        judged.append(subject.broken("rows", "there are no rows, so nothing was judged"))
    return judged


def _judged(frame: "pd.DataFrame", entries: Sequence[Any], subject: _Subject) -> list[Check]:
    built: list[Any] = []
    reasons: dict[int, str] = {}
    for index, entry in enumerate(entries):
        try:
            built.append(build_expectation(_numbered(entry, index)))
        except Exception as error:  # noqa: BLE001 - the edge to Great Expectations, which raises all sorts of things
            reasons[index] = describe_problem(error)
    results: dict[int, Any] = {}
    try:
        found = run_expectations(built, frame) if built else []
        results = {result.expectation_config.meta[_INDEX]: result for result in found}
    except Exception as error:  # noqa: BLE001 - the same edge; without a result every expectation is an error
        reasons = dict.fromkeys(range(len(entries)), f"Great Expectations broke: {describe(error)}") | reasons
    return [_check(entry, results.get(index), reasons.get(index, ""), subject) for index, entry in enumerate(entries)]


def _numbered(entry: Any, index: int) -> dict[str, Any]:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("kwargs", {}), Mapping):
        raise TypeError("an expectation must be an object with type and kwargs")
    kept = {name: entry[name] for name in _KEPT if entry.get(name) is not None}
    return kept | {"meta": {**(entry.get("meta") or {}), _INDEX: index}}


def describe_problem(error: Exception) -> str:
    """Return why an expectation could not be built, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


def _check(entry: Any, result: Any, reason: str, subject: _Subject) -> Check:
    if not isinstance(entry, Mapping):
        return subject.broken("expectation", reason)
    severity = str(entry.get("severity") or _GATING)
    reason = reason or _why_inconclusive(result)
    outcome = CheckOutcome.ERROR if reason else CheckOutcome.PASS if result.success else CheckOutcome.FAIL
    kwargs = _kwargs(entry)
    return Check(
        component=subject.component,
        gate=_gate(entry),
        name=f"{subject.label}: {_name(entry)}",
        expected=plain({name: value for name, value in kwargs.items() if name not in {"column", "batch_id"}}),
        observed=None if result is None else _observed(result.result),
        outcome=outcome,
        tolerance=None if "mostly" not in kwargs else {"mostly": plain(kwargs["mostly"])},
        detail="; ".join(part for part in (reason or _detail(outcome, result), _advice(severity)) if part),
        advisory=severity in {"warning", "info"},
    )


def _advice(severity: str) -> str:
    return "" if severity == _GATING else f"severity {severity}"


def _type(entry: Any) -> object:
    return entry.get("type") if isinstance(entry, Mapping) else None


def _kwargs(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    kwargs = entry.get("kwargs")
    return kwargs if isinstance(kwargs, Mapping) else {}


def _name(entry: Mapping[str, Any]) -> str:
    kwargs = _kwargs(entry)
    columns = kwargs.get("column") or kwargs.get("column_list") or ""
    shown = columns if isinstance(columns, str) else ", ".join(map(str, columns))
    return f"{entry.get('type')}({shown})" if shown else str(entry.get("type"))


def _gate(entry: Mapping[str, Any]) -> Gate:
    meta = entry.get("meta")
    name = meta.get("gate") if isinstance(meta, Mapping) else None
    return Gate(name) if name in list(Gate) else Gate.DATA


def _why_inconclusive(result: Any) -> str:
    """Return why ``result`` says nothing about the data, or an empty string."""
    if result is None:
        return "Great Expectations gave no result for it"
    if message := _exception_of(result.exception_info):
        return f"Great Expectations could not judge it: {message}"
    counts = result.result
    if result.success and 0 < counts.get("element_count", 0) == counts.get("missing_count"):
        return "every value is null, so nothing was judged"
    return ""


def _exception_of(info: Mapping[str, Any]) -> str:
    """Return the first exception in ``exception_info``, which is one flat record or a mapping of them."""
    records = [info] if "raised_exception" in info else list(info.values())
    for record in records:
        if isinstance(record, Mapping) and record.get("raised_exception"):
            lines = str(record.get("exception_message") or "no message").strip().splitlines()
            return lines[0][:300]
    return ""


def _observed(result: Mapping[str, Any]) -> Any:
    if "observed_value" in result:
        return plain(result["observed_value"])
    if "unexpected_count" not in result:
        return None
    return {name: plain(result.get(name)) for name in ("element_count", "unexpected_count", "missing_count")}


def _detail(outcome: CheckOutcome, result: Any) -> str:
    examples = result.result.get("partial_unexpected_list") or []
    if outcome is CheckOutcome.PASS or not examples:
        return ""
    return f"for example {', '.join(repr(plain(value)) for value in examples[:5])}"[:300]
