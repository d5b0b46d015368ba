"""The newest recovery point that could be used in a region, and what is wrong with a newer one; reads only."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from recovery_ops.aws.object_store import open_store
from recovery_ops.errors import PointDamagedError
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.points import Capture, ConsistentPoint
from recovery_ops.model.system import System
from recovery_ops.protection.choice import damage
from recovery_ops.protection.shelf import Shelf

LOOKED_AT = 5
"""Points that are checked before a sweep gives up; each is read and hashed."""
RESULTS = "restore-test"
"""What the key of a restore-test result has in it, beside the files of its point."""
PASSED = ("pass", "passed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """The newest complete, unaltered point of a region, if any, and why newer ones are not."""

    point: ConsistentPoint | None
    findings: tuple[Finding, ...] = ()

    @property
    def captures(self) -> Mapping[str, Capture]:
        """Return what each component can be recovered from."""
        return self.point.captures if self.point else {}


def usable_point(system: System, region: str) -> Usable:
    """Return the newest point that a recovery in ``region`` could start from.

    Raises:
        StepError: The region's S3 does not answer, or refuses; nothing is known then.
    """
    problems: list[Finding] = []
    for number, found in enumerate(Shelf(system=system).all(region)):
        if number >= LOOKED_AT:
            break
        problem = _problem(system, found, region)
        if problem is None:
            assert isinstance(found, ConsistentPoint)
            return Usable(point=found, findings=tuple(problems))
        problems.append(problem)
    if not problems:
        problems.append(finding("no-recovery-point", "", f"there is no recovery point of {system.name} in {region}"))
    return Usable(point=None, findings=tuple(problems))


def _problem(system: System, found: ConsistentPoint | PointDamagedError, region: str) -> Finding | None:
    if isinstance(found, PointDamagedError):
        return finding("point-damaged", "", found.message, subject=str(found.facts["point_id"]))
    if why := damage(system, found, region):
        return finding("point-damaged", "", f"recovery point {found.id} in {region}: {why}", subject=found.id)
    for component, why in failed_tests(system, found, region):
        what = f"restore test of {found.id} failed: {why}"
        return finding("restore-test-failed", component, what, subject=found.id)
    return None


def failed_tests(system: System, point: ConsistentPoint, region: str) -> Iterator[tuple[str, str]]:
    """Yield (component, why) for every failed restore test that is stored beside ``point`` in ``region``.

    Results are JSON objects with ``verdict`` or ``outcome``; one that cannot be read counts as none.
    """
    store = open_store(Shelf(system=system).bucket(region), region)
    newest: dict[str, Result] = {}
    for key in store.list(f"{system.name}/points/{point.id}/"):
        if RESULTS in key and (result := _result(store.get(key))) is not None:
            before = newest.get(result.component)
            newest[result.component] = result if before is None or before.at <= result.at else before
    for component, result in newest.items():
        if not result.passed:
            yield component, result.why


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One restore test. ``at`` is ISO 8601 text, so that the newest of a component wins."""

    component: str
    passed: bool
    at: str
    why: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def _result(found: tuple[bytes, str] | None) -> Result | None:
    try:
        facts = json.loads(found[0]) if found else None
    except ValueError:
        return None
    said = (facts.get("verdict") or facts.get("outcome")) if isinstance(facts, dict) else None
    if not isinstance(facts, dict) or said is None:
        return None
    return Result(
        component=str(facts.get("component") or ""),
        passed=said in PASSED,
        at=str(facts.get("at") or facts.get("ended_at") or ""),
        why=str(facts.get("why") or facts.get("detail") or said),
        facts=facts,
    )
