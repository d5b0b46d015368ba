"""Every gate of every component, damaged by itself in a whole run: that gate says so, and traffic does not move."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import harms
import pytest
from run_world import TARGET, Harm, Told, World, altered, assert_traffic_stayed, lean

from recovery_ops.kinds import driver
from recovery_ops.kinds.s3_dataset import S3Dataset
from recovery_ops.model.checks import Gate
from recovery_ops.model.system import System

pytestmark = pytest.mark.sandbox
TIMED = {Gate.LATENCY, Gate.THROUGHPUT, Gate.END_TO_END}
"""Gates that a busy machine may close although nothing was harmed."""


def as_it_is(system: System) -> System:
    return system


def impatient_features(system: System) -> System:
    """Features may be a minute old at the impact, as the catalog ships; nobody has written any since the point."""
    return altered(system, "features", rpo_s=60.0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One run: what is harmed when a step starts, and exactly the gates that must close, by component."""

    harm: dict[str, Harm] = field(default_factory=dict)
    closed: dict[str, set[Gate]]
    system: Callable[[System], System] = as_it_is


CASES = {
    "other settings and other bytes": Case(
        harm={
            "network.verify": harms.another_stage,
            "config.verify": harms.another_transformation,
            "registry.verify": harms.flipped_model,
            "training-data.verify": harms.lost_version,
        },
        closed={
            "network": {Gate.CONFIGURATION},
            "config": {Gate.CONFIGURATION},
            "registry": {Gate.INTEGRITY},
            "training-data": {Gate.INTEGRITY},
        },
    ),
    "names of home": Case(
        harm={
            "network.verify": harms.certificate_of_home,
            "config.verify": harms.transformation_of_home,
            "registry.verify": harms.withdrawn_approval,
            "training-data.verify": harms.poisoned_training_data,
        },
        closed={
            "network": {Gate.CONFIGURATION, Gate.REFERENCES},
            "config": {Gate.CONFIGURATION, Gate.REFERENCES},
            "registry": {Gate.CONFIGURATION},
            "training-data": {Gate.DATA},
        },
    ),
    "a package of home, an impossible feature, other offline bytes": Case(
        harm={"registry.verify": harms.package_that_names_home, "features.verify": harms.two_sides_of_features},
        closed={"registry": {Gate.REFERENCES}, "features": {Gate.DATA, Gate.INTEGRITY}},
    ),
    "stale features that differ online and offline": Case(
        harm={"features.verify": harms.another_feature},
        closed={"features": {Gate.CONSISTENCY, Gate.FRESHNESS}},
        system=impatient_features,
    ),
    "a bad model on too few instances, and a slow look-up": Case(
        harm={"scoring.redeploy": harms.slow_lookup, "scoring.verify": harms.bad_model},
        closed={"scoring": {Gate.GOLDEN, Gate.QUALITY, Gate.CAPACITY, Gate.REFERENCES, Gate.END_TO_END}},
        system=lean,
    ),
    "a slow model that is as good and another one": Case(
        harm={"scoring.verify": harms.retrained_model}, closed={"scoring": {Gate.GOLDEN, *TIMED}}, system=lean
    ),
}


@pytest.fixture(scope="module")
def told(world: World) -> Callable[[str], Told]:
    """Carry each case out once."""
    done: dict[str, Told] = {}

    def tell(name: str) -> Told:
        if name not in done:
            world.reset()
            case = CASES[name]
            done[name] = world.fail_over(case.harm, system=case.system(world.system))
            done[name].report  # noqa: B018 - read while its world stands
            assert_traffic_stayed(done[name])
        return done[name]

    return tell


GATES = [
    pytest.param(name, component, gate, id=f"{component}-{gate}-{number}")
    for number, (name, case) in enumerate(CASES.items())
    for component, gates in case.closed.items()
    for gate in sorted(gates)
]


@pytest.mark.parametrize(("name", "component", "gate"), GATES)
def test_a_gate_that_fails_says_what_and_where_and_traffic_stays(
    told: Callable[[str], Told], name: str, component: str, gate: Gate
) -> None:
    run = told(name)
    broken = [check for check in run.checks(component) if check["gate"] == gate]
    assert broken
    assert all(check["outcome"] == "fail" for check in broken)
    assert all(check["detail"] or check["expected"] != check["observed"] for check in broken)
    assert run.report["verdict"] == "fail"
    assert any(reason.startswith(f"{component}: {gate}: ") for reason in run.reasons("verification"))
    (error,) = run.failures(f"{component}.verify")
    assert error["type"] == "VerificationFailedError"
    assert f"{component}.verify" in error["message"]
    assert TARGET in error["message"]
    assert f"{gate} {broken[0]['name']}: fail: " in error["message"]


@pytest.mark.parametrize("name", CASES)
def test_nothing_but_the_harmed_gate_closes(told: Callable[[str], Told], name: str) -> None:
    run, closed = told(name), CASES[name].closed
    for component in run.world.system.components:
        wanted = closed.get(component.name, set())
        assert run.failed_gates(component.name) - TIMED == wanted - TIMED, component.name
        assert run.failed_gates(component.name) & wanted == wanted
    assert run.forbidden == []


def test_every_gate_of_every_component_is_among_the_cases(world: World) -> None:
    declared = {(item.name, gate) for item in world.system.components for gate in driver(item).gates}
    assert {
        (name, gate) for case in CASES.values() for name, gates in case.closed.items() for gate in gates
    } == declared


def test_what_was_not_asked_is_not_passed(told: Callable[[str], Told]) -> None:
    """The parameters are wrong, so the model that needs them was never deployed; its gates are listed, as not run."""
    run = told("other settings and other bytes")
    asked = [check for check in run.report["verification"] if check["component"] == "scoring"]
    assert {check["outcome"] for check in asked} == {"not-run"}
    assert {check["gate"] for check in asked} == {
        str(gate) for gate in driver(run.world.system.component("scoring")).gates
    }


def test_a_probe_that_breaks_is_an_error_and_a_gate_without_an_answer_not_run(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A column is gone, which Great Expectations answers with an exception; and a kind forgets a gate that it has.

    The run also meets a hostile archive and a truncated file.
    """
    monkeypatch.setattr(S3Dataset, "gates", S3Dataset.gates | {Gate.FRESHNESS})
    world.reset()
    run = world.fail_over(
        {
            "training-data.verify": harms.column_that_is_gone,
            "features.verify": harms.truncated_parquet,
            "registry.verify": harms.hostile_model,
        }
    )
    checks = [check for check in run.report["verification"] if check["component"] == "training-data"]
    errors = [check for check in checks if check["outcome"] == "error"]
    assert errors
    assert all("Great Expectations could not judge it" in check["detail"] for check in errors)
    assert all("https" in check["name"] for check in errors)
    assert not [check for check in checks if check["outcome"] == "fail" and check in errors]
    (absent,) = (check for check in checks if check["outcome"] == "not-run")
    assert (absent["gate"], absent["observed"]) == ("freshness", None)
    (error,) = run.failures("training-data.verify")
    assert "data training: expect_column_values_to_not_be_null(https): error: " in error["message"]
    assert "freshness freshness was judged: not-run: " in error["message"]
    _hostile_archive_was_caught(run)
    _truncated_file_was_caught(run)
    assert run.report["verdict"] == "fail"
    assert_traffic_stayed(run)


def _hostile_archive_was_caught(run: Told) -> None:
    details: list[Any] = [check["detail"] for check in run.checks("registry")]
    assert run.failed_gates("registry") == {Gate.INTEGRITY}
    assert any("../../etc/cron.d/own" in detail for detail in details), details
    assert any("instead of" in detail for detail in details), details


def _truncated_file_was_caught(run: Told) -> None:
    unreadable = [check for check in run.checks("features") if check["outcome"] == "fail"]
    assert [check["name"] for check in unreadable] == [f"{harms.OFFLINE}: readable Parquet"]
    assert run.failed_gates("features") == {Gate.INTEGRITY, Gate.DATA, Gate.CONSISTENCY}
    assert (
        f"{harms.OFFLINE}: readable Parquet: fail: it cannot be read" in run.failures("features.verify")[0]["message"]
    )
