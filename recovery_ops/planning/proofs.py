"""Whether a plan is proven: a run of exactly its hash succeeded, and not too long ago. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from recovery_ops.model.readiness import Proof, ProofState


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A closed run, as proof sees it: the hash of the plan it executed, when it closed (UTC), whether it succeeded."""

    run_id: str
    plan_hash: str
    at: datetime
    succeeded: bool


def proof_of(
    plan_hash: str, trials: Iterable[Trial], *, now: datetime, lasts_s: float, drill_hash: str | None = None
) -> Proof:
    """Return the proof of the plan with ``plan_hash``.

    Any change of the catalog changes the hash and so takes the mark away. A failed run of the same hash after the
    success takes it away too.

    Args:
        plan_hash: Of the plan in question.
        trials: Closed runs of the system, in any order.
        now: Aware.
        lasts_s: How long a success proves its plan, wall seconds.
        drill_hash: Of the drill of the same catalog in the same direction; a success of it is shown as a rehearsal.
    """
    found = sorted(trials, key=lambda trial: trial.at, reverse=True)
    rehearsal = next((trial for trial in found if trial.plan_hash == drill_hash and trial.succeeded), None)
    bare = Proof(
        plan_hash=plan_hash,
        state=ProofState.UNPROVEN,
        why="no run of exactly this plan is known" if found else "no run of this system is known",
        rehearsed_by=rehearsal.run_id if rehearsal else None,
        rehearsed_at=rehearsal.at if rehearsal else None,
    )
    newest = next((trial for trial in found if trial.plan_hash == plan_hash), None)
    if newest is None:
        return bare
    if not newest.succeeded:
        return replace(bare, why=f"{newest.run_id}, the newest run of this plan, did not succeed")
    expires_at = newest.at + timedelta(seconds=lasts_s)
    state = ProofState.PROVEN if now < expires_at else ProofState.EXPIRED
    return replace(
        bare,
        state=state,
        why=f"{newest.run_id} succeeded; that counts until {expires_at:%Y-%m-%d %H:%M} UTC",
        run_id=newest.run_id,
        at=newest.at,
        expires_at=expires_at,
    )
