"""Say, once per component with data, what it was recovered from and how much time that costs."""

from datetime import datetime

from recovery_ops.execution.view import DRILL, RunView
from recovery_ops.kinds import Kind, StepContext
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Intent, Phase, Step
from recovery_ops.record.log import EventWriter


def record_point_used(view: RunView, step: Step, kind: Kind, ctx: StepContext, writer: EventWriter) -> None:
    """Record the watermark of what was recovered, right after the data of a component is in place."""
    if not kind.stateful or step.phase != _data_phase(view, step):
        return
    live = kind.live_watermark(ctx) if view.intent is Intent.REGION_LOSS else None
    watermark = live or (ctx.capture.watermark if ctx.capture else None)
    if watermark is None:
        return
    wall_s = max(0.0, (_lost_at(view, ctx, watermark) - watermark).total_seconds())
    factor = view.settings.time_factor
    writer.append(
        EventType.RECOVERY_POINT_USED,
        {
            "component": kind.component.name,
            "kind": kind.name,
            "source": "replica" if live else "point",
            "point_id": (view.declared.get("point") or {}).get("id"),
            "watermark": watermark.isoformat(),
            "rpo_s": round(wall_s, 3),
            "rpo_modelled_s": round(wall_s / factor if factor else wall_s, 3),
            "objective_s": kind.component.rpo_of(view.intent),
        },
    )


def _lost_at(view: RunView, ctx: StepContext, watermark: datetime) -> datetime:
    """Return T0. A drill chose its point when it was declared; building its standby after that makes no point older."""
    from_point = ctx.capture is not None and watermark <= ctx.capture.watermark
    if view.slot == DRILL and from_point:
        return datetime.fromisoformat(view.declared["clocks"]["T0"])
    return view.impact_at


def _data_phase(view: RunView, step: Step) -> str:
    phases = [item.phase for item in view.plan.steps if item.component == step.component]
    return Phase.REHYDRATE if Phase.REHYDRATE in phases else phases[-1]
