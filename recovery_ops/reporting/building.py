"""From the events of one run to its report, as plain JSON values. Pure: the same events give the same bytes."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from recovery_ops.model.events import Event
from recovery_ops.reporting import circumstances, comparing, consequences, drilling, interventions, outside, timing
from recovery_ops.reporting.appendix import appendix
from recovery_ops.reporting.facts import Facts, Json
from recovery_ops.reporting.objectives import FAIL, NOT_MEASURED, PASS, objectives, recovery_points
from recovery_ops.reporting.people import people
from recovery_ops.reporting.signatures import sign_off
from recovery_ops.reporting.verdict import verdict
from recovery_ops.reporting.verification import summary, verification

SCHEMA_VERSION = "1.2"


def report(events: Iterable[Event], *, broken: Iterable[Json] = (), earlier: Iterable[Sequence[Event]] = ()) -> Json:
    """Return the report of the run that ``events`` belong to; ``docs/reference/report.md`` describes every key.

    Args:
        events: All events of one run, in any order.
        broken: What verification of the record found, ``{key, reason}`` each; one is enough for a ``fail``.
        earlier: The events of other runs of the system. Only those count that the close of this run names, as they
            stood at that time.

    Raises:
        RecordError: There are no events, or they are of several runs.
    """
    facts = Facts.of(events, broken)
    wanted, checks, client = objectives(facts), verification(facts), outside.client(facts)
    points = recovery_points(facts)
    outcome, reasons = verdict(facts, wanted, checks, client)
    before, owed = comparing.before(facts, earlier), consequences.debts(facts)
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": outcome,
        "execution": facts.state.execution or None,
        "result": _result(facts, outcome, reasons, wanted),
        "identity": circumstances.identity(facts, comparing.previous_report(before)),
        "classification": circumstances.classification(facts),
        "scope": circumstances.scope(facts),
        "people": people(facts),
        "success_criteria": circumstances.criteria(facts),
        "objectives": wanted,
        "clocks": timing.clocks(facts),
        "time": timing.time(facts),
        "steps": timing.steps(facts),
        "client": client,
        "writer": outside.writer(facts),
        "recovery_points": points,
        "data_loss": outside.data_loss(facts, points),
        "verification": checks,
        "verification_summary": summary(checks),
        "traffic": consequences.traffic(facts),
        "capacity": consequences.capacity(facts),
        "references": consequences.references(facts),
        "deviations": consequences.deviations(facts),
        "interventions": interventions.interventions(facts),
        "forecasts": interventions.forecasts(facts),
        "record_gaps": interventions.record_gaps(facts),
        "faults": drilling.faults(facts),
        "guards": drilling.guards(facts),
        "tabletop": drilling.tabletop(facts),
        "debts": owed,
        "reconciliation": consequences.reconciliation(facts),
        "clean_up": drilling.clean_up(facts, owed),
        "findings": consequences.findings(facts, wanted, checks),
        "comparison": comparing.comparison(facts, wanted, before),
        "plan_changes": comparing.plan_changes(facts, before),
        "sign_off": sign_off(facts),
        "events": appendix(facts),
    }


def as_bytes(value: Json) -> bytes:
    """Return a report as the bytes of ``report.json``: indented, UTF-8, ending with a newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _result(facts: Facts, outcome: str, reasons: list[Json], wanted: list[Json]) -> Json:
    counts = Counter(item["verdict"] for item in wanted)
    return {
        "verdict": outcome,
        "reasons": reasons,
        "outcome": facts.state.outcome or "open",
        "serving_region": facts.state.serving_region,
        "objectives": {name: counts.get(name, 0) for name in (PASS, FAIL, NOT_MEASURED)},
    }
