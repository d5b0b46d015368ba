"""The checks that count: those of the attempt that decided each step, and the required gates without an answer."""

from collections import Counter

from recovery_ops.model.checks import CheckOutcome
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Phase
from recovery_ops.record.payload import Payload
from recovery_ops.reporting.facts import Facts, Json, iso


def verification(facts: Facts) -> list[Json]:
    """Return every check that counts, in the order of events, then one ``not-run`` for each gate without any.

    A repeated verification replaces the answers of the attempt before; of one check asked twice in an attempt the last
    answer counts.
    """
    latest = _deciding_attempts(facts)
    found: dict[tuple[str, str, str, str], Json] = {}
    for event, check in facts.payloads(EventType.CHECK_RECORDED):
        step, attempt = _step(event, check), _attempt(event, check)
        if attempt == latest[step]:
            key = (step, check.text("component"), check.text("gate"), check.text("name"))
            found.pop(key, None)
            found[key] = _shown(event, check, step, attempt)
    checks = list(found.values())
    return checks + _missing(facts, checks)


def summary(checks: list[Json]) -> Json:
    """Return how many checks there are by outcome; ``gating`` leaves advisory ones out."""
    outcomes = Counter(check["outcome"] for check in checks)
    gating = [check for check in checks if not check["advisory"]]
    return {
        "total": len(checks),
        "gating": len(gating),
        "gating_passed": sum(check["outcome"] == CheckOutcome.PASS for check in gating),
        "by_outcome": {outcome.value: outcomes.get(outcome.value, 0) for outcome in CheckOutcome},
        "not_run": [f"{check['component']}: {check['name']}" for check in checks if check["outcome"] == "not-run"],
    }


def _deciding_attempts(facts: Facts) -> dict[str, int]:
    """The attempt whose checks count, by step: the newest that recorded any."""
    latest: dict[str, int] = {}
    for event, check in facts.payloads(EventType.CHECK_RECORDED):
        step = _step(event, check)
        latest[step] = max(latest.get(step, 0), _attempt(event, check))
    return latest


def _step(event: Event, check: Payload) -> str:
    return check.text("step") or event.writer.partition("#")[0]


def _attempt(event: Event, check: Payload) -> int:
    number = event.writer.rpartition("#")[2]
    return check.whole("attempt") or (int(number) if number.isdecimal() else 1)


def _shown(event: Event, check: Payload, step: str, attempt: int) -> Json:
    values = check.everything
    return {
        "component": check.text("component"),
        "gate": check.text("gate"),
        "name": check.text("name"),
        "expected": values.get("expected"),
        "observed": values.get("observed"),
        "tolerance": values.get("tolerance"),
        "unit": check.text("unit"),
        "outcome": _outcome(check.text("outcome")),
        "advisory": check.flag("advisory") is True,
        "detail": check.text("detail"),
        "step": step,
        "attempt": attempt,
        "at": iso(check.time("at") or event.at),
    }


def _outcome(said: str) -> str:
    """An outcome that nobody knows is an error of the probe, never a pass."""
    return said if said in set(CheckOutcome) else CheckOutcome.ERROR.value


def _missing(facts: Facts, checks: list[Json]) -> list[Json]:
    judged = {(check["component"], check["gate"]) for check in checks if not check["advisory"]}
    wanted = [
        (name, gate)
        for name in facts.components
        if f"{name}.{Phase.VERIFY}" in facts.planned
        for gate in facts.criterion(name).texts("gates")
    ]
    return [_not_run(name, gate) for name, gate in wanted if (name, gate) not in judged]


def _not_run(component: str, gate: str) -> Json:
    return {
        "component": component,
        "gate": gate,
        "name": f"{gate} was judged",
        "expected": "at least one result",
        "observed": None,
        "tolerance": None,
        "unit": "",
        "outcome": CheckOutcome.NOT_RUN.value,
        "advisory": False,
        "detail": "nothing of this gate was recorded",
        "step": f"{component}.{Phase.VERIFY}",
        "attempt": None,
        "at": None,
    }
