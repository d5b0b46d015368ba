"""The trigger form: Airflow renders it from these parameters and refuses values that do not fit."""

from collections.abc import Sequence

from airflow.sdk import Param

from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent
from recovery_ops.model.system import System

TIME = {"type": ["null", "string"], "format": "date-time"}
FIELDS = (
    "target_region", "reason", "impact_at", "detected_at", "decided_at", "graceful", "intent", "before", "point_id",
    "person", "override", "resume_run",
)  # fmt: skip
"""Every field of the form; a DAG run with other keys in its configuration is refused."""
DRILL_FIELDS = ("kind", "component", "target_region", "inject", "reason", "person", "resume_run")
"""Every field of the form of a drill."""
TABLETOP_FIELDS = (
    "scenario", "simulate", "announced", "third_parties", "patience_minutes", "reason", "person", "resume_run",
)  # fmt: skip
"""Every field of the form of a tabletop."""
RUN_ID = r"^r-\d{8}-[0-9a-f]{6}$"


def recovery_form(system: System, *, homeward: bool = False) -> dict[str, Param]:
    """Return the parameters of a run of ``system``; ``homeward`` of one that goes home, graceful unless said."""
    away = [region for region in system.regions if region != system.home]
    targets, known = ([system.home], [system.home]) if homeward else (away, list(system.regions))
    return {
        "target_region": Param(
            targets[0],
            type="string",
            enum=known,
            title="Recovery region",
            description="Where the system comes back. It must not be the impaired region.",
        ),
        "reason": Param(
            None, type="string", minLength=5, title="Reason", description="What happened; it stands in the evidence."
        ),
        "impact_at": Param(
            None, **TIME, title="Impact since", description="T0: when users were first hit. RTO and RPO count from it."
        ),
        "detected_at": Param(None, **TIME, title="Detected at"),
        "decided_at": Param(None, **TIME, title="Decided at"),
        "graceful": Param(
            default=homeward,
            type="boolean",
            title="Graceful",
            description="The region to leave still answers and may be asked to hand over.",
        ),
        "intent": Param(
            str(Intent.REGION_LOSS),
            type="string",
            enum=[str(intent) for intent in Intent],
            title="Intent",
            description="region-loss: the newest state wins. corruption: a complete point from before the damage.",
        ),
        "before": Param(None, **TIME, title="Before", description="corruption: newest complete point until this time."),
        "point_id": Param(None, type=["null", "string"], title="Recovery point", description="One exact point."),
        "person": _on_behalf(),
        "override": Param(
            None,
            type=["null", "string"],
            title="Override failed gates",
            description="A reason for moving traffic although a gate fails. The verdict will be fail.",
        ),
        "resume_run": Param(
            None,
            type=["null", "string"],
            pattern=RUN_ID,
            title="Carry on run",
            description="An open run whose runner was lost; of the other fields only reason and person count then.",
        ),
    }


def drill_form(system: System) -> dict[str, Param]:
    """Return the parameters of a drill of ``system``."""
    held = [str(kind) for kind in DrillKind if kind is not DrillKind.TABLETOP]
    names = [component.name for component in system.components]
    return {
        "kind": Param(
            str(DrillKind.REGIONAL),
            type="string",
            enum=held,
            title="Kind",
            description="component: one, and what it needs. regional: all, with traffic of its own. full: all out of "
            "the recovery point, traffic there and back.",
        ),
        "component": Param(
            None, type=["null", "string"], enum=[None, *names], title="Component", description="Of a component drill."
        ),
        "target_region": Param(
            None, type=["null", "string"], enum=[None, *system.regions], title="Region",
            description="Where it is brought up; the first that does not serve, unless given.",
        ),
        "inject": Param(
            default=True, type="boolean", title="Inject the fault",
            description="Break the region for the drill alone, so that detection is on the clock.",
        ),
        "reason": Param("drill", type="string", minLength=5, title="Reason", description="It stands in the evidence."),
        "person": _on_behalf(),
        "resume_run": Param(
            None, type=["null", "string"], pattern=RUN_ID, title="Carry on drill",
            description="An open drill whose runner was lost; of the other fields only reason and person count then.",
        ),
    }  # fmt: skip


def tabletop_form(scenarios: Sequence[str]) -> dict[str, Param]:
    """Return the parameters of a tabletop in which one of ``scenarios`` is played."""
    return {
        "scenario": Param(
            "regional-loss" if "regional-loss" in scenarios else scenarios[0], type="string", enum=list(scenarios),
            title="Scenario", description="The story that is told; people decide at each of its injects.",
        ),
        "simulate": Param(
            default=False, type="boolean", title="Nobody takes part",
            description="Simulated participants answer; this says nothing about people and counts for no calendar.",
        ),
        "announced": Param(default=True, type="boolean", title="Announced", description="People knew of it."),
        "third_parties": Param(
            [], type="array", items={"type": "string"}, title="Third parties", description="Who else takes part."
        ),
        "patience_minutes": Param(
            120, type="integer", minimum=1, maximum=1440, title="Patience",
            description="Minutes that a question waits. The exercise then goes on without that answer and fails.",
        ),
        "reason": Param(
            None, type=["null", "string"], title="Reason", description="The title of the scenario, unless given."
        ),
        "person": _on_behalf(),
        "resume_run": Param(
            None, type=["null", "string"], pattern=RUN_ID, title="Carry on tabletop",
            description="An open tabletop that was cut off; it goes on with the first question without an answer.",
        ),
    }  # fmt: skip


def _on_behalf() -> Param:
    return Param(None, type=["null", "string"], title="On behalf of", description="You, unless given.")
