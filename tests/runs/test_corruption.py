"""Poisoned features and a swapped model: recovered from the newest complete point before the damage, or refused."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import harms
import pytest
from bad_input import cli, nothing_changes
from run_world import HOME, KEY, TABLE, TARGET, Told, World, altered, lean, until

from recovery_ops.model.events import EventType
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.plan import Intent
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.model.system import System
from recovery_ops.testing.patience import PATIENT_S

pytestmark = pytest.mark.sandbox
OLD, DAMAGED, POISONED = range(3)
POISONED_ROWS = 20


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Three points: a good old one, a good one whose golden set was altered since, and one that holds the poison."""

    world: World
    points: list[ConsistentPoint]
    before: datetime
    rows: dict[str, Any]

    def refusal(self, number: int, refused: dict[str, str]) -> str:
        return refused[self.points[number].id]


@pytest.fixture(scope="module")
def attack(world: World) -> Attack:
    world.reset()
    rows = by_key(world.items(HOME))
    points = [world.points[0], world.protect()]
    newest = max(capture.watermark for capture in points[1].captures.values())
    before = newest.replace(microsecond=0) + timedelta(seconds=1)
    until(lambda: datetime.now(UTC) > before, "the second after the point")
    poison(world)
    points.append(world.protect())
    (golden,) = points[DAMAGED].captures["scoring"].objects
    world.sandbox.control.damage("s3-object", bucket=golden.bucket_in(TARGET), key=golden.key)
    world.sandbox.control.snapshot(world.snapshot("attacked"))
    return Attack(world=world, points=points, before=before, rows=rows)


def by_key(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item[KEY]["S"]: item for item in items}


def poison(world: World) -> None:
    """Write impossible features at home and put another model where the newest one was; both are replicated."""
    dynamodb, archive = world.aws("dynamodb", HOME), harms.learnt_the_opposite()
    for item in world.items(HOME)[:POISONED_ROWS]:
        dynamodb.put_item(TableName=TABLE, Item={**item, "https": {"N": "77"}, "version": {"N": "9"}})
    world.put(f"fraud-models-{HOME}", harms.ARCHIVE, archive, HOME)
    until(lambda: world.body(harms.MODELS, harms.ARCHIVE) == archive, "the swapped model in the other region")
    until(lambda: sum(item["https"]["N"] == "77" for item in world.items()) == POISONED_ROWS, "the poison there")


def slow_but_from_point(system: System) -> System:
    """The system with an RTO, and features with objectives, that only a run out of a point keeps."""
    pointed = FromPoint(rto_s=PATIENT_S, rpo_s=PATIENT_S)
    settings = {**system.component("features").settings, "freshness": PATIENT_S}
    slow = altered(system, "features", rto_s=1e-6, rpo_s=1e-6, from_point=pointed, settings=settings)
    return replace(slow, rto_s=1e-6, from_point=FromPoint(rto_s=PATIENT_S))


@pytest.fixture(scope="module")
def recovered(attack: Attack) -> Told:
    attack.world.reset("attacked")
    told = attack.world.fail_over(
        system=slow_but_from_point(lean(attack.world.system)), lost=None, intent=Intent.CORRUPTION, before=attack.before
    )
    told.report  # noqa: B018 - read while its world stands
    return told


def test_the_newest_complete_point_before_the_damage_is_taken(attack: Attack, recovered: Told) -> None:
    declared = next(event for event in recovered.events if event.type is EventType.RUN_DECLARED)
    point = declared.payload["point"]
    assert point["id"] == attack.points[OLD].id
    assert attack.refusal(POISONED, point["refused"]).startswith("holds data until")
    assert "golden.json" in attack.refusal(DAMAGED, point["refused"])
    assert recovered.report["verdict"] == "pass", recovered.report["result"]["reasons"]
    assert recovered.state.serving_region == TARGET
    until(lambda: recovered.world.answered_by() == TARGET, "an answer of the recovery region")


def test_the_poison_is_gone_and_everything_else_is_back(attack: Attack, recovered: Told) -> None:
    world = recovered.world
    parameter = world.aws("ssm").get_parameter(Name="/fraud-detection/features/table")["Parameter"]["Value"]
    assert parameter == f"{TABLE}-{recovered.ref.run_id}"
    assert by_key(world.items(table=parameter)) == attack.rows
    (artifact,) = (item for item in attack.points[OLD].captures["registry"].objects if item.key == harms.ARCHIVE)
    sagemaker = world.aws("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointConfigName"]
    served = sagemaker.describe_endpoint_config(EndpointConfigName=config)["ProductionVariants"][0]["ModelName"]
    assert served.startswith(f"scoring-{recovered.ref.run_id}")
    assert world.body(harms.MODELS, harms.ARCHIVE) != harms.learnt_the_opposite()
    golden = [check for check in recovered.report["verification"] if check["gate"] == "golden-predictions"]
    assert all(check["observed"]["max_difference"] <= 1e-6 for check in golden)
    assert artifact.sha256 in json.dumps([event.payload for event in recovered.events], default=dict)


def test_the_old_writers_are_fenced_first_and_home_is_not_called_else(recovered: Told) -> None:
    order = [event.type for event in recovered.events]
    assert EventType.FENCED in order
    assert recovered.forbidden == []
    refused = False
    try:
        recovered.world.aws("dynamodb", HOME).put_item(TableName=TABLE, Item=recovered.world.items(HOME)[0])
    except Exception as error:  # noqa: BLE001 - any client error will do, its words are looked at
        refused = "explicit deny" in str(error)
    assert refused


def test_the_point_says_what_it_costs(attack: Attack, recovered: Told) -> None:
    used = {item["component"]: item for item in recovered.report["recovery_points"]}
    watermark = attack.points[OLD].captures["features"].watermark
    lost_s = (recovered.impact_at - watermark).total_seconds()
    assert used["features"]["source"] == "point"
    assert used["features"]["rpo_s"] == pytest.approx(lost_s / recovered.world.sandbox.factor, rel=0.01)


def test_it_is_judged_by_the_objectives_that_hold_out_of_a_point(recovered: Told) -> None:
    bases = {(item["component"], item["kind"]): item["basis"] for item in recovered.report["objectives"]}
    pointed = {name for name, basis in bases.items() if basis == "from-point"}
    assert pointed == {("system", "rto"), ("features", "rto"), ("features", "rpo")}
    assert not recovered.state.note(EventType.RTO_FORECAST)


def test_a_damaged_point_that_was_asked_for_is_refused_and_the_next_older_one_offered(attack: Attack) -> None:
    attack.world.reset("attacked")
    asked, offered = attack.points[DAMAGED].id, attack.points[OLD]
    with nothing_changes(attack.world):
        done = cli("failover", "fraud-detection", "--to", TARGET, "--intent", "corruption", "--point", asked)
    assert done.exit_code == 2
    assert f"there is no recovery point {asked} in {TARGET}; nothing was changed" in done.output
    assert f"{asked}: " in done.output
    assert "golden.json" in done.output
    assert f"the next older complete one is {offered.id}: ask for it with --point; it would lose " in done.output


def test_the_older_one_is_taken_when_it_is_asked_for(attack: Attack) -> None:
    attack.world.reset("attacked")
    wanted = ("--intent", "corruption", "--point", attack.points[OLD].id, "--dry-run", "--json")
    with nothing_changes(attack.world):
        done = cli("failover", "fraud-detection", "--to", TARGET, *wanted)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["point"]
    assert found["id"] == attack.points[OLD].id
    assert found["age_s"] > 0


def test_without_a_time_the_newest_complete_point_is_taken(attack: Attack) -> None:
    attack.world.reset("attacked")
    with nothing_changes(attack.world):
        done = cli("failover", "fraud-detection", "--to", TARGET, "--intent", "corruption", "--dry-run", "--json")
    assert json.loads(done.stdout)["point"]["id"] == attack.points[POISONED].id
