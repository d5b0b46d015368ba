"""Readiness sweeps against a protected world: what they find, what they leave alone, and what they do in the dark."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fraud_world import CATALOG, HOME, POINT, TARGET, FraudWorld
from typer.testing import CliRunner

from recovery_ops.aws.calls import is_read
from recovery_ops.cli.app import app
from recovery_ops.execution.policies import policies
from recovery_ops.model.freezing import catalog_hash
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.readiness import ProofState, ReadinessState, Sweep
from recovery_ops.model.restore_tests import RestoreTest
from recovery_ops.model.system import System
from recovery_ops.protection.restore_tests import RestoreTests
from recovery_ops.protection.shelf import Shelf
from recovery_ops.readiness.rpo import live_rpo
from recovery_ops.readiness.spending import monthly_bill
from recovery_ops.readiness.sweeping import is_due, sweep
from recovery_ops.record.keys import playbook_key

pytestmark = pytest.mark.sandbox


@pytest.fixture
def world(fraud_world: FraudWorld) -> Iterator[FraudWorld]:
    """The protected world with its point published in both regions, and the playbook of today."""
    fraud_world.sandbox.control.restore(fraud_world.folder / "protected.snapshot")
    fraud_world.sandbox.control.heal()
    publish(fraud_world, POINT)
    for region in fraud_world.system.regions:
        publish_playbook(fraud_world, region)
    yield fraud_world
    fraud_world.sandbox.control.heal()


def publish(world: FraudWorld, name: str) -> None:
    now = datetime.now(UTC)
    point = ConsistentPoint(
        id=name, system=world.system.name, taken_at=now, region=HOME,
        catalog_hash=catalog_hash(world.system), captures=world.captures,
    )  # fmt: skip
    for region in world.system.regions:
        Shelf(system=world.system).publish(point, region, locked_until=now + timedelta(hours=1))


def publish_playbook(world: FraudWorld, region: str) -> None:
    """As the playbooks' own DAG does: a note that says of which catalog the published one is."""
    s3(world, region).put_object(
        Bucket=f"recovery-ops-record-{region}",
        Key=playbook_key(world.system.name),
        Body=json.dumps({"catalog_hash": catalog_hash(world.system)}).encode(),
    )


def s3(world: FraudWorld, region: str = TARGET) -> Any:
    return world.outsider("s3", region)


def codes(found: Sweep) -> set[tuple[str, str]]:
    return {(item.finding.component, item.finding.code) for item in found.open}


def blockers(found: Sweep) -> set[tuple[str, str]]:
    standing = (item.finding for item in found.open if item.finding.severity == "blocker")
    return {(item.component, item.code) for item in standing}


def with_component(system: System, name: str, **changed: Any) -> System:
    components = (replace(item, **changed) if item.name == name else item for item in system.components)
    return replace(system, components=tuple(components))


def test_a_protected_system_is_ready_and_says_what_is_not_guaranteed(world: FraudWorld) -> None:
    found = sweep(world.system)
    assert blockers(found) == set()
    assert found.state in (ReadinessState.READY, ReadinessState.WARNED)
    way = found.directions[0]
    assert (way.from_region, way.region, way.point_id) == (HOME, TARGET, POINT)
    assert {state.component: state.source for state in way.recoverable} == {
        "config": "point", "registry": "point", "features": "replica", "training-data": "replica",
    }  # fmt: skip
    assert all(state.within for state in way.recoverable)
    ladder = {item.finding.subject for item in found.open if item.finding.code == "capacity-not-guaranteed"}
    assert ladder == set(world.system.component("scoring").settings["instances"])
    assert way.proof.state is ProofState.UNPROVEN
    assert ("", "permission-not-known") in codes(found), "the sandbox's caller is no principal of IAM"


def test_a_sweep_changes_nothing_but_its_own_record(world: FraudWorld) -> None:
    begin = world.request_log.stat().st_size
    sweep(world.system)
    with world.request_log.open() as log:
        log.seek(begin)
        lines = [json.loads(line) for line in log]
    ours = [line for line in lines if "recovery-ops/" in line["caller"]]
    assert ours
    assert all("run/readiness" in line["caller"] for line in ours)
    changing = [line for line in ours if not is_read(line["operation"])]
    assert {line["operation"] for line in changing} == {"PutObject"}
    assert len(changing) == len(world.system.regions), "one result in the record of each region"


def test_a_damaged_point_turns_readiness_red(world: FraudWorld) -> None:
    sweep(world.system)
    item = world.captures["training-data"].objects[0]
    world.sandbox.control.damage("s3-object", bucket=item.bucket_in(TARGET), key=item.key)
    red = sweep(world.system)
    assert ("", "point-damaged") in blockers(red)
    assert red.state is ReadinessState.NOT_READY
    assert any(key[2] == "point-damaged" for key in red.new)


def test_a_failed_restore_test_counts_against_its_point(world: FraudWorld) -> None:
    shelf, noon = RestoreTests(system=world.system), datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    failed = RestoreTest(
        point_id=POINT, component="features", region=TARGET, at=noon, passed=False, why="two rows differ"
    )
    shelf.write(failed)
    assert ("features", "restore-test-failed") in blockers(sweep(world.system))
    shelf.write(replace(failed, at=noon + timedelta(hours=1), passed=True, why=""))
    assert blockers(sweep(world.system)) == set()


def test_findings_keep_the_time_they_were_first_seen_and_are_resolved_once_gone(world: FraudWorld) -> None:
    s3(world).delete_object(Bucket=f"recovery-ops-record-{TARGET}", Key=playbook_key(world.system.name))
    first, second = sweep(world.system), sweep(world.system)
    absent = (TARGET, "", "playbook-absent", "")
    assert absent in first.new
    assert absent not in second.new
    assert {item.first_seen for item in second.open if item.key == absent} == {first.at}
    publish_playbook(world, TARGET)
    third = sweep(world.system)
    assert [(item.key, item.first_seen, item.resolved_at) for item in third.resolved] == [(absent, first.at, third.at)]


@pytest.mark.parametrize("mode", ["reset", "hang", "503"])
def test_a_dark_recovery_region_is_a_finding_and_not_a_wait(world: FraudWorld, mode: str) -> None:
    before = sweep(world.system)
    world.sandbox.control.fault(TARGET, mode)
    found = sweep(world.system)
    assert found.dark == (TARGET,)
    assert ("", "region-dark") in blockers(found)
    assert found.state is ReadinessState.NOT_READY
    assert {item.key for item in before.open} <= {item.key for item in found.open}, "the dark resolves nothing"


def test_a_sweep_goes_on_when_the_region_that_serves_is_dark(world: FraudWorld) -> None:
    world.sandbox.control.fault(HOME, "reset")
    found = sweep(world.system)
    assert found.dark == (HOME,)
    assert ("", "serving-region-dark") in codes(found)
    assert blockers(found) == set(), "what recovery needs is in the recovery region"


def test_one_service_that_hangs_leaves_the_other_questions_answered(world: FraudWorld) -> None:
    world.sandbox.control.fault(TARGET, "hang", services=["sagemaker"])
    found = sweep(world.system)
    assert {("scoring", "not-asked")} <= codes(found)
    assert found.directions[0].point_id == POINT
    assert {state.component for state in found.directions[0].recoverable} >= {"features", "config"}


def test_quota_and_offering_are_asked_for_every_rung(world: FraudWorld) -> None:
    for kind in ("ml.c6i.2xlarge", "ml.m6i.2xlarge", "ml.c5.2xlarge"):
        world.sandbox.control.capacity(TARGET, kind, quota=1)
    found = sweep(world.system)
    assert ("scoring", "quota-too-small") in codes(found)
    assert ("scoring", "no-rung") in blockers(found)


def test_a_denied_action_is_named(world: FraudWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    iam = world.outsider("iam")
    arn = iam.create_role(RoleName="recoverer", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    statements = [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sagemaker:UpdateEndpoint", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_role_policy(RoleName="recoverer", PolicyName="p", PolicyDocument=policy)
    monkeypatch.setenv("RECOVERY_OPS_PRINCIPAL", arn)
    found = sweep(world.system)
    assert ("scoring", "permission-denied") in blockers(found)
    assert {i.finding.subject for i in found.open if i.finding.code == "permission-denied"} == {
        "sagemaker:UpdateEndpoint"
    }


@pytest.fixture
def recoverer(world: FraudWorld, monkeypatch: pytest.MonkeyPatch) -> str:
    """A role with the policies that are made from the catalog, and with nothing else."""
    iam = world.outsider("iam")
    arn = str(iam.create_role(RoleName="recoverer", AssumeRolePolicyDocument="{}")["Role"]["Arn"])
    for name, policy in policies(world.system).items():
        iam.put_role_policy(RoleName="recoverer", PolicyName=name, PolicyDocument=json.dumps(policy))
    monkeypatch.setenv("RECOVERY_OPS_PRINCIPAL", arn)
    return arn


def test_the_policies_that_we_make_are_enough(world: FraudWorld, recoverer: str) -> None:
    assert {code for _, code in codes(sweep(world.system)) if code.startswith("permission")} == set()


def test_a_policy_for_other_buckets_is_found_out(world: FraudWorld, recoverer: str) -> None:
    iam, name = world.outsider("iam"), f"{world.system.name}-recover"
    wrong = json.dumps(policies(world.system)[name]).replace("fraud-models", "other-models")
    iam.put_role_policy(RoleName="recoverer", PolicyName=name, PolicyDocument=wrong)
    found = [item.finding for item in sweep(world.system).open if item.finding.code == "permission-denied"]
    assert {(item.component, item.subject) for item in found} >= {("registry", "s3:GetObjectVersion")}
    assert {item.component for item in found} <= {"registry", "scoring"}


def test_what_changed_at_home_since_the_point_is_seen(world: FraudWorld) -> None:
    world.outsider("ssm", HOME).put_parameter(
        Name="/fraud-detection/transform/config", Value='{"version": 4}', Type="String", Overwrite=True
    )
    s3(world, HOME).delete_bucket_replication(Bucket=f"fraud-data-{HOME}")
    s3(world, HOME).put_object(Bucket=f"fraud-data-{HOME}", Key="training/part-0007.parquet", Body=b"new")
    found = codes(sweep(world.system))
    assert ("config", "changed-since-point") in found
    assert ("training-data", "no-replication") in found
    assert ("training-data", "replication-lag") in found


def test_a_state_older_than_the_rpo_is_a_blocker(world: FraudWorld) -> None:
    strict = with_component(world.system, "config", rpo_s=0.001)
    found = sweep(strict, store=False)
    assert ("config", "rpo-exceeded") in blockers(found)


def test_a_sweep_is_due_once_and_again_when_the_catalog_changes(world: FraudWorld) -> None:
    now = datetime.now(UTC)
    assert is_due(world.system, now)
    sweep(world.system)
    assert not is_due(world.system, datetime.now(UTC))
    assert is_due(replace(world.system, rto_s=601.0), datetime.now(UTC))
    assert is_due(world.system, datetime.now(UTC) + timedelta(minutes=16))


def test_the_bill_names_standby_replicas_points_and_the_health_check(world: FraudWorld) -> None:
    begin = world.request_log.stat().st_size
    made = monthly_bill(world.system)
    found = {(line.usage.component, line.usage.region, str(line.usage.purpose)) for line in made.lines}
    assert found == {
        ("scoring", TARGET, "standby"),
        ("registry", TARGET, "replicated storage"),
        ("features", TARGET, "replicated storage"),
        ("training-data", TARGET, "replicated storage"),
        ("", TARGET, "recovery points"),
        ("", HOME, "recovery points"),
        ("", "global", "traffic"),
    }
    hours = next(line for line in made.lines if line.usage.purpose == "standby")
    assert (hours.usage.quantity, hours.usd) == (730.0, pytest.approx(730 * 0.408)), "one instance stands by"
    assert made.complete
    with world.request_log.open() as log:
        log.seek(begin)
        ours = [line for line in map(json.loads, log) if "recovery-ops/" in line["caller"]]
    assert [line for line in ours if not is_read(line["operation"])] == []


def test_the_bill_says_what_it_could_not_ask_for(world: FraudWorld) -> None:
    world.sandbox.control.fault(TARGET, "reset")
    assert f"{TARGET}: does not answer" in monthly_bill(world.system).not_counted


def test_the_live_rpo_is_known_without_a_sweep(world: FraudWorld) -> None:
    (way,) = live_rpo(world.system)
    assert way.within
    assert {state.component for state in way.recoverable} == {"config", "registry", "features", "training-data"}
    (strict,) = live_rpo(with_component(world.system, "config", rpo_s=0.001))
    assert not strict.within


def test_the_command_line_shows_it_all_and_ends_with_1_on_a_blocker(
    world: FraudWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(CATALOG.parent))
    s3(world).delete_object(Bucket=f"recovery-ops-record-{TARGET}", Key=playbook_key("fraud-detection"))
    world.outsider("iam").delete_role(RoleName="fraud-sagemaker-role")
    asked = run("readiness", "fraud-detection", "--json", "--no-store")
    found = Sweep.from_json(json.loads(asked.stdout.splitlines()[-1]))
    assert ("scoring", "role-absent") in blockers(found)
    assert asked.exit_code == 1
    shown = run("readiness", "fraud-detection", "--no-store", "--to", TARGET).stdout
    assert "role-absent" in shown
    assert "unproven" in shown
    assert "longest chain" in shown
    assert json.loads(run("rpo", "fraud-detection", "--json").stdout.splitlines()[-1])["components"]
    priced = json.loads(run("cost", "fraud-detection", "--json").stdout.splitlines()[-1])
    assert priced["total_usd"] > 0
    assert priced["objectives"]["scoring"]["rto_s"] == 540
    assert run("readiness", "fraud-detection", "--to", "eu-west-1").exit_code == 2


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "300"})
