"""What the command line asks of a drill, from its options to the request of a run."""

import getpass
import uuid

from rich.console import Console

from recovery_ops.model.drills import DrillKind
from recovery_ops.model.runs import RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

console = Console(stderr=True)


def request_of(
    system: System, kind: DrillKind, component: str | None, region: str | None, reason: str, inject: bool, via: str
) -> RunRequest:
    """Return the request of a drill: the least drilled component unless one is named, no fault where none can be made.

    Raises:
        RecoveryError: The kind is a tabletop, the region serves, or no record answers.
    """
    from recovery_ops.drills.requesting import drill_request

    name = component or (_least_drilled(system) if kind is DrillKind.COMPONENT else None)
    return drill_request(
        system, kind, person=getpass.getuser(), token=uuid.uuid4().hex, execution=via, reason=reason,
        component=name, region=region, inject=inject and _can_inject(kind),
    )  # fmt: skip


def _least_drilled(system: System) -> str:
    from recovery_ops.drills.clearing import answering
    from recovery_ops.drills.requesting import least_drilled
    from recovery_ops.reporting.drill_history import drills_of

    drilled = [(run.component, run.declared_at) for run in drills_of(system.name, answering(system))]
    return least_drilled(system, [(name, at) for name, at in drilled if name and at is not None])


def _can_inject(kind: DrillKind) -> bool:
    """Return whether this installation can break a region; a drill without a fault says so in its evidence."""
    from recovery_ops.aws.breaking import can_break
    from recovery_ops.drills.requesting import BREAKS

    able = can_break(Settings.from_environment())
    if kind in BREAKS and not able:
        console.print("no fault will be injected: neither RECOVERY_OPS_DRILL_ROLE nor RECOVERY_OPS_FAULT_URL is set")
    return able
