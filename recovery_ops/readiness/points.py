"""The newest recovery point that could be used in a region, and what is wrong with a newer one; reads only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from recovery_ops.errors import PointDamagedError
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.points import Capture, ConsistentPoint
from recovery_ops.model.restore_tests import RestoreTest
from recovery_ops.model.system import System
from recovery_ops.protection.choice import damage
from recovery_ops.protection.restore_tests import RestoreTests
from recovery_ops.protection.shelf import Shelf

LOOKED_AT = 5
"""Points that are checked before a sweep gives up; each is read and hashed."""


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
    for test in failed_tests(system, found, region):
        what = f"restore test of {found.id} failed: {test.why}"
        return finding("restore-test-failed", test.component, what, subject=found.id)
    return None


def failed_tests(system: System, point: ConsistentPoint, region: str) -> Iterator[RestoreTest]:
    """Yield every component's newest restore test of ``point`` in ``region`` that did not pass."""
    newest: dict[str, RestoreTest] = {}
    for test in RestoreTests(system=system).of(point.id, region):
        newest.setdefault(test.component, test)
    yield from (test for test in newest.values() if not test.passed)
