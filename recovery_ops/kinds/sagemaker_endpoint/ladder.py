"""One deployment on the first instance type of the ladder that AWS gives, and what is said about it."""

from typing import Any

from recovery_ops.aws import endpoints
from recovery_ops.aws.deployment import Deployment, Refusals, decision
from recovery_ops.errors import StepFailedError
from recovery_ops.kinds.sagemaker_endpoint.target import Target
from recovery_ops.model.events import EventType
from recovery_ops.model.operations import OperationRef, OperationStatus
from recovery_ops.model.plan import Phase


def deploy(target: Target) -> OperationRef:
    """Observe what serves, then deploy what is missing.

    Raises:
        StepFailedError: No rung of the ladder is to be had; the endpoint is as it was.
        StepInterruptedError: Somebody else's deployment is under way on the endpoint.
    """
    wanted = target.deployment()
    seen = endpoints.look(wanted.endpoint, wanted.region)
    ours = wanted.rung_of(seen.target) if seen else None
    if seen is None or (ours is None and not wanted.reusable(seen)):
        return _launched(target, wanted, *wanted.launch(seen, 0, []))
    if ours is None:
        return _ref(target, wanted, seen.config, [])
    refused = wanted.refused_before(seen.target)
    if seen.status != "Failed":
        return _ref(target, wanted, seen.target, refused)
    after = wanted.after_refusal(ours, seen.reason, refused) if ours + 1 < len(wanted.rungs) else []
    return _launched(target, wanted, *wanted.launch(seen, (ours + 1) % len(wanted.rungs), after))


def next_rung(target: Target, ref: OperationRef, status: OperationStatus) -> OperationRef:
    """Deploy on the rung after that of ``ref``, which AWS had no capacity for.

    Raises:
        StepFailedError: No other rung is to be had.
    """
    wanted = target.deployment()
    rung = wanted.rung_of(ref.details["config"]) or 0
    refused = wanted.after_refusal(rung, status.detail, ref.details["refused"])
    seen = endpoints.look(wanted.endpoint, wanted.region)
    return _launched(target, wanted, *wanted.launch(seen, rung + 1, refused))


def decided(target: Target, obtained: str | None, count: int, refused: Refusals) -> dict[str, Any]:
    """Say which instances were obtained, and return what was said."""
    ctx, ladder = target.ctx, target.settings.instances
    facts = {"count": count, "refused": [dict(item) for item in refused]}
    said = decision(ctx.component.name, ctx.target_region, ladder, obtained, **facts)
    ctx.emit(EventType.CAPACITY_DECIDED, said)
    return said


def _launched(target: Target, wanted: Deployment, rung: int | None, refused: Refusals) -> OperationRef:
    if rung is not None:
        return _ref(target, wanted, wanted.name(rung), refused)
    decided(target, None, 0, refused)
    name, region = target.ctx.component.name, target.ctx.target_region
    reasons = "; ".join(f"{item['instance']}: {item['reason']}" for item in refused)
    message = f"{name}: no instance type of the ladder is to be had in {region}: {reasons}"
    raise StepFailedError(message, component=name, region=region)


def _ref(target: Target, wanted: Deployment, config: str, refused: Refusals) -> OperationRef:
    details = {"config": config, "count": wanted.count, "refused": [dict(item) for item in refused]}
    return target.ctx.ref(Phase.REDEPLOY, wanted.endpoint, **details)
