"""For every gate: what it guards is harmed, the gate says so, and traffic stays where it was."""

from typing import Any

import harm
import pytest
from ground import TARGET, Ground, in_a_process, record, step
from matrix import Undisturbed

from recovery_ops.kinds import all_kinds
from recovery_ops.model.checks import CheckOutcome, Gate

FAIL, ERROR = CheckOutcome.FAIL, CheckOutcome.ERROR

HARMS: list[tuple[str, Gate, CheckOutcome, harm.Harm]] = [
    ("network", Gate.CONFIGURATION, FAIL, harm.stack_parameter),
    ("network", Gate.REFERENCES, FAIL, harm.stack_reference),
    ("config", Gate.CONFIGURATION, FAIL, harm.parameter_value),
    ("config", Gate.REFERENCES, FAIL, harm.parameter_reference),
    ("registry", Gate.INTEGRITY, FAIL, harm.model_archive),
    ("registry", Gate.CONFIGURATION, FAIL, harm.model_approval),
    ("registry", Gate.REFERENCES, FAIL, harm.package_reference),
    ("features", Gate.DATA, FAIL, harm.poisoned_features),
    ("features", Gate.INTEGRITY, FAIL, harm.offline_features),
    ("features", Gate.CONSISTENCY, FAIL, harm.lost_features),
    ("features", Gate.FRESHNESS, FAIL, harm.stale_features),
    ("training-data", Gate.INTEGRITY, FAIL, harm.training_bytes),
    ("training-data", Gate.INTEGRITY, FAIL, harm.truncated_training),
    ("training-data", Gate.INTEGRITY, FAIL, harm.missing_version),
    ("training-data", Gate.DATA, FAIL, harm.training_values),
    ("scoring", Gate.GOLDEN, FAIL, harm.older_model),
    ("scoring", Gate.QUALITY, FAIL, harm.older_model),
    ("scoring", Gate.GOLDEN, ERROR, harm.silent_model),
    ("scoring", Gate.LATENCY, FAIL, harm.slow_model),
    ("scoring", Gate.THROUGHPUT, FAIL, harm.slow_model),
    ("scoring", Gate.END_TO_END, FAIL, harm.slow_model),
    ("scoring", Gate.CAPACITY, FAIL, harm.fewer_instances),
    ("scoring", Gate.REFERENCES, FAIL, harm.model_reference),
]


@pytest.mark.parametrize(
    ("component", "gate", "outcome", "done"), HARMS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_harm_is_seen_by_its_gate_and_traffic_stays(
    ground: Ground, known: dict[str, Undisturbed], component: str, gate: Gate, outcome: CheckOutcome, done: harm.Harm
) -> None:
    ground.back_to(f"before-{component}.verify")
    done(ground)
    verified = in_a_process(step(ground, f"{component}.verify", 1))
    assert f"the checks in {TARGET} did not pass; traffic has not moved" in verified.error, verified
    refused = [in_a_process(step(ground, name, 1)).error for name in ("approve", "cutover")]
    assert all("traffic stays" in error or "not moved" in error for error in refused), refused
    assert not ground.switch()
    assert not known["fence"].moved
    events = in_a_process(record(ground)).value["events"]
    assert outcome in _outcomes(events, component, gate), _outcomes(events, component, gate)


def test_every_gate_of_every_kind_is_harmed(ground: Ground) -> None:
    harmed = {(component, gate) for component, gate, _, _ in HARMS}
    kinds = all_kinds()
    assert harmed == {(item.name, gate) for item in ground.system.components for gate in kinds[item.kind].gates}


def _outcomes(events: list[dict[str, Any]], component: str, gate: Gate) -> set[str]:
    checks = [event["payload"] for event in events if event["type"] == "check-recorded"]
    return {item["outcome"] for item in checks if (item["component"], item["gate"]) == (component, gate)}
