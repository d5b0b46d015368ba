"""Runs besides the failover: the way home after it, a failover that a person ends, and a drill that leaves nothing."""

from dataclasses import dataclass, replace
from functools import partial

from ground import BEGIN, BY_OTHERS, HOME, PROTECTED, TARGET, Ground, planned, replicated
from matrix import CLOSED

from recovery_ops.drills.requesting import drill_request
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Mode, Phase, SystemStep
from recovery_ops.model.runs import RunRequest

BOTH = (HOME, TARGET)
LOOKING = (Phase.VERIFY, SystemStep.APPROVE, SystemStep.OBSERVE, SystemStep.COMMIT)


@dataclass(frozen=True, slots=True)
class Course:
    """Where a run is killed: in these steps, in these with a new process that ends the run, in these and given up."""

    ground: Ground
    steps: tuple[str, ...]
    runs: tuple[str, ...]
    given_up: tuple[str, ...] = ()


def failback(after: Ground) -> Course:
    """Return the way home from where the failover on ``after``, rehearsed to its end, has left everything.

    Debts are paid and a recovery point is taken before it, by what stands before the steps of its DAG. Left out are the
    steps that do no more than in a failover: they look, ask and accept.
    """
    after.back_to(CLOSED)
    after.sandbox.control.heal(HOME)
    replicated(after)
    facts = {"mode": Mode.FAILBACK, "recovery_region": HOME, "graceful": True, "impact_at": None}
    ground = _on("failback", after, replace(after.request, **facts, token="torture-failback"))
    ground.keep(BEGIN)
    ground.ref, steps = planned(ground, partial(BY_OTHERS["prepare"], ground))
    ground.steps = ("prepare", *steps)
    changing = tuple(step_id for step_id in ground.steps if step_id.rpartition(".")[2] not in LOOKING)
    return Course(ground, changing, (SystemStep.RECONCILE, SystemStep.CUTOVER, SystemStep.REPROTECT))


def taken_back(first: Ground) -> Course:
    """Return a failover from a home that lives, which a person ends once traffic has moved."""
    request = replace(first.request, graceful=True, impact_at=None, token="torture-rollback")
    ground = _protected("rollback", first, request)
    moved = ground.steps[: ground.steps.index(SystemStep.CUTOVER) + 1]
    ground.steps = (*moved, "cancel", SystemStep.ROLLBACK, SystemStep.CLOSE)
    return Course(ground, (SystemStep.ROLLBACK, SystemStep.CLOSE), (SystemStep.ROLLBACK,))


def drill(first: Ground) -> Course:
    """Return a full drill: everything out of the recovery point, beside production, and gone afterwards."""
    asked = {"person": "alice", "token": "torture-drill", "execution": "direct"}
    ground = _protected("drill", first, drill_request(first.system, DrillKind.FULL, **asked))
    last = SystemStep.CUTOVER, SystemStep.OBSERVE, SystemStep.GO_BACK, SystemStep.CLEAN_UP, SystemStep.CLOSE
    made = tuple(step_id for step_id in ground.steps if step_id.partition(".")[2] not in ("", Phase.VERIFY))
    return Course(ground, (SystemStep.DECLARE, SystemStep.STAGE, *last), (SystemStep.CLEAN_UP,), made)


def _protected(course: str, first: Ground, request: RunRequest) -> Ground:
    first.back_to(PROTECTED)
    ground = _on(course, first, request)
    ground.keep(BEGIN)
    ground.ref, ground.steps = planned(ground)
    return ground


def _on(course: str, ground: Ground, request: RunRequest) -> Ground:
    """Return the same sandbox for another run."""
    return replace(ground, course=course, request=request, ref=None, steps=(), regions=BOTH, marks={})


COURSES = {"failback": failback, "rollback": taken_back, "drill": drill}
