"""Restore tests: a recovery point taken by chance is restored beside production, verified, timed and removed again."""

import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.drills.requesting import any_of, drill_request, leaving
from recovery_ops.drills.settling import publish_settled
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.execution.direct import run_direct
from recovery_ops.kinds import driver
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.restore_tests import RestoreTest
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import System
from recovery_ops.protection.restore_tests import RestoreTests
from recovery_ops.protection.shelf import Shelf

LOOKING = Caller(run_id="restore-test", step="choose.point")
REASON = "restore test"

Run = Callable[[RunRequest, System], RunRef]
Report = Callable[[RunRef], Mapping[str, Any]]


def restore_test(
    system: System,
    *,
    person: str,
    point_id: str | None = None,
    component: str | None = None,
    region: str | None = None,
    run: Run = run_direct,
    report: Report = publish_settled,
) -> RestoreTest:
    """Restore one component from one point in isolation and store the result beside the point.

    It is a component drill that trusts no replica, so it has a claim, guards, a clean-up and a report of its own.

    Args:
        system: Whose point.
        person: Who asks.
        point_id: Which point; one by chance of those in the region unless given.
        component: Which component; one by chance of those that are protected unless given.
        region: Where; see :func:`recovery_ops.drills.requesting.drill_request`.
        run: How the drill is carried out.
        report: How its report is made.

    Raises:
        RequestError: There is no such component, or the drill may not begin now; nothing was tested.
        NoRecoveryPointError: There is no point in the region.
    """
    name = component or any_of(sorted(item.name for item in system.components if driver(item).protected))
    _, where = leaving(system, region)
    asked = drill_request(
        system, DrillKind.COMPONENT, person=person, token=uuid.uuid4().hex, execution="direct", reason=REASON,
        component=name, region=where, point_id=point_id or _some_point(system, where),
    )  # fmt: skip
    point = str(asked.point_id)
    facts: dict[str, Any] = {"point_id": point, "component": name, "region": where}
    try:
        ref = run(asked, system)
    except NoRecoveryPointError as error:
        if point not in error.facts.get("refused", {}):
            raise
        why = str(error.facts["refused"][point])
        return _stored(system, RestoreTest(**facts, at=datetime.now(UTC), passed=False, why=why))
    made = report(ref)
    return _stored(system, RestoreTest(**facts, at=datetime.now(UTC), run_id=ref.run_id, **_judged(made, name)))


def _some_point(system: System, region: str) -> str:
    with calling_as(LOOKING):
        found = Shelf(system=system).ids(region)
    if not found:
        raise NoRecoveryPointError(f"{system.name}: there is no recovery point in {region}", system=system.name)
    return any_of(found)


def _judged(report: Mapping[str, Any], component: str) -> dict[str, Any]:
    """Return what the report says of the point: late is no fault of it, wrong or incomplete is."""
    checks = [check for check in report["verification"] if not check["advisory"]]
    bad = [check for check in checks if check["outcome"] != "pass"]
    whole = [step for step in report["steps"] if step["component"] is not None]
    undone = [step for step in whole if step["outcome"] != "succeeded"]
    reasons = [f"{check['component']}: {check['gate']}: {check['name']}: {check['outcome']}" for check in bad]
    reasons += [f"{step['step']}: {step['error'] or step['outcome']}" for step in undone]
    times = [item for item in report["objectives"] if (item["component"], item["kind"]) == (component, "rto")]
    return {
        "passed": bool(checks) and not reasons,
        "why": "; ".join(reasons) or ("" if checks else "nothing was verified"),
        "rto_s": times[0]["achieved_s"] if times else None,
        "checks": len(checks),
    }


def _stored(system: System, test: RestoreTest) -> RestoreTest:
    with calling_as(Caller(run_id=test.run_id or "restore-test", step="store.result")):
        RestoreTests(system=system).write(test)
    return test
