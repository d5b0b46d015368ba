"""What every kind promises, put to the test against the sandbox; a kind needs a world of its own to be here."""

import json
import time
from collections.abc import Iterator

import pytest
from fraud_world import HOME, TARGET, FraudWorld
from stories import Case, Story, tell
from taps import CrashError, tapped

import recovery_ops.aws.clients as clients
from recovery_ops.aws import actions, limits
from recovery_ops.errors import ClaimLostError, StepInterruptedError
from recovery_ops.kinds import Kind, all_kinds
from recovery_ops.model.checks import CheckOutcome
from recovery_ops.model.plan import Intent
from recovery_ops.model.points import Capture

pytestmark = pytest.mark.sandbox

KINDS = sorted(all_kinds())
CASES = [(kind, intent) for kind in KINDS for intent in Intent]
LOOKS = ("Describe", "List", "Get", "Head", "BatchGet")
ENOUGH_S = 60.0

every_case = pytest.mark.parametrize(("kind_name", "intent"), CASES)
every_kind = pytest.mark.parametrize("kind_name", KINDS)


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def story(request: pytest.FixtureRequest, fraud_world: FraudWorld) -> Iterator[Story]:
    yield tell(Case.of(fraud_world, *request.param))
    fraud_world.sandbox.control.heal()


def test_doing_something_twice_is_one_effect(story: Story) -> None:
    for what, (before, after) in story.states.items():
        assert after == before, what
    assert [first.resource_id for first, _ in story.refs] == [second.resource_id for _, second in story.refs]


def test_outputs_are_the_same_every_time_and_plain_json(story: Story) -> None:
    for first, second in story.outputs:
        assert first == second
        assert json.loads(json.dumps(first)) == first


def test_every_declared_gate_is_answered_and_passes(story: Story) -> None:
    assert {check.gate for check in story.checks} >= story.case.kind.gates
    assert [check for check in story.checks if check.outcome is not CheckOutcome.PASS and not check.advisory] == []
    assert {check.component for check in story.checks} == {story.case.component.name}
    assert all(json.loads(json.dumps(check.to_json())) for check in story.checks)


def test_readiness_only_describes_lists_and_gets(story: Story) -> None:
    assert [call for call in story.looking if not call.operation.startswith(LOOKS)] == []


def test_polling_and_verifying_change_nothing(story: Story) -> None:
    assert [call for call in (*story.polling, *story.verifying) if call.mutates] == []


def test_the_region_that_is_left_is_never_called(story: Story) -> None:
    assert {call.region for call in story.calls} == {TARGET}
    ours = [line for line in story.log if "recovery-ops/" in line["caller"]]
    assert ours, "the run is in the request log"
    assert [line for line in ours if line["region"] == HOME] == []


def test_every_call_of_a_run_says_which_run_and_step_it_is(story: Story) -> None:
    ours = [line["caller"] for line in story.log if "recovery-ops/" in line["caller"]]
    step = f"run/{story.case.context().run_id} step/{story.case.component.name}."
    assert [caller for caller in ours if step not in caller] == []


def test_declared_actions_cover_every_call(story: Story) -> None:
    needed = {action: call.operation for call in story.calls for action in call.actions}
    assert {action: call for action, call in needed.items() if action not in story.case.kind.aws_actions} == {}


@every_case
def test_a_crash_after_any_mutation_ends_where_an_undisturbed_run_does(
    kind_name: str, intent: Intent, fraud_world: FraudWorld
) -> None:
    """Reads change nothing, so dying after each mutation covers dying at every call."""
    case = Case.of(fraud_world, kind_name, intent)
    case.reset()
    with tapped() as tap:
        case.recover()
    undisturbed, outputs = case.state(), dict(fraud_world.outputs[case.component.name])
    for number, call in enumerate(tap.mutations, 1):
        case.reset()
        with tapped(crash_after=number), pytest.raises(CrashError):
            case.recover()
        case.recover()
        assert case.state() == undisturbed, f"died after {call.operation}, number {number}"
        assert fraud_world.outputs[case.component.name].keys() == outputs.keys()


@every_case
def test_nothing_is_changed_once_the_claim_is_lost(kind_name: str, intent: Intent, fraud_world: FraudWorld) -> None:
    def lost(operation: str) -> None:
        raise ClaimLostError(f"{operation} is not ours to call any more")

    case = Case.of(fraud_world, kind_name, intent)
    case.reset()
    before = case.state()
    for phase in case.phases:
        with case.step(phase, before_mutation=lost):
            try:
                case.kind.start(phase, case.context())
            except ClaimLostError:
                break
    assert case.state() == before


@every_kind
def test_fencing_protecting_and_reprotecting_use_declared_actions(kind_name: str, fraud_world: FraudWorld) -> None:
    case = Case.of(fraud_world, kind_name, Intent.REGION_LOSS)
    case.reset()
    fraud_world.sandbox.control.heal()
    with tapped() as tap:
        list(case.kind.fence(case.context()))
        list(case.kind.fence(case.context()))
        assert list(case.kind.unfence(case.context())) == list(case.kind.unfence(case.context()))
        fraud_world.capture(case.component)
    needed = {action for call in tap.calls for action in call.actions if "points" not in call.bucket}
    assert needed - case.kind.aws_actions == set()


@every_kind
def test_throttling_ends_in_an_interruption_that_can_be_repeated(
    kind_name: str, fraud_world: FraudWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clients, "THROTTLED_S", 0.5)
    case = Case.of(fraud_world, kind_name, Intent.REGION_LOSS)
    case.reset()
    fraud_world.sandbox.control.fault(TARGET, "throttle")
    began = time.monotonic()
    with case.step(case.phases[0]), pytest.raises(StepInterruptedError) as caught:
        case.kind.start(case.phases[0], case.context())
    assert time.monotonic() - began < ENOUGH_S
    assert caught.value.retryable


@every_kind
def test_a_region_that_hangs_ends_in_an_interruption(
    kind_name: str, fraud_world: FraudWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case.of(fraud_world, kind_name, Intent.REGION_LOSS)
    case.reset()
    monkeypatch.setattr(clients, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setattr(clients, "ATTEMPTS", 2)
    clients._client.cache_clear()
    fraud_world.sandbox.control.fault(TARGET, "hang")
    began = time.monotonic()
    with case.step(case.phases[0]), pytest.raises(StepInterruptedError):
        case.kind.start(case.phases[0], case.context())
    # One call that hangs costs this on AWS, pauses aside; here silence is cut short, so that a busy machine has time.
    assert time.monotonic() - began < limits.ATTEMPTS * (limits.CONNECT_TIMEOUT_S + limits.READ_TIMEOUT_S)
    clients._client.cache_clear()


@every_kind
def test_declared_actions_exist(kind_name: str) -> None:
    """An action with a typo would make a policy that grants nothing."""
    assert {action for action in all_kinds()[kind_name].aws_actions if not actions.exists(action)} == set()


@every_kind
def test_the_example_in_the_docstring_of_the_settings_loads(kind_name: str) -> None:
    import yaml

    model = all_kinds()[kind_name].settings_model
    assert "```yaml" in (model.__doc__ or ""), f"{model.__name__} shows no example"
    written = yaml.safe_load((model.__doc__ or "").split("```yaml")[1].split("```")[0])
    loaded = model.model_validate(written, context={"written": True})
    assert model.model_validate(loaded.model_dump(mode="json")) == loaded


@every_kind
def test_costs_are_positive_and_name_verify_last(kind_name: str, fraud_world: FraudWorld) -> None:
    case = Case.of(fraud_world, kind_name, Intent.REGION_LOSS)
    costs = type(case.kind).costs(case.component)
    assert list(costs)[-1] == "verify"
    assert all(cost.estimate_s >= 0 and cost.budget_s > cost.estimate_s for cost in costs.values())


@every_kind
def test_out_of_a_point_the_same_phases_take_other_durations(kind_name: str, fraud_world: FraudWorld) -> None:
    """Plan and hash are the same, and no restore is quicker than a replica."""
    case = Case.of(fraud_world, kind_name, Intent.CORRUPTION)
    costs, restored = type(case.kind).costs(case.component), type(case.kind).costs_from_point(case.component)
    assert [(phase, cost.control_planes) for phase, cost in restored.items()] == [
        (phase, cost.control_planes) for phase, cost in costs.items()
    ]
    assert all(costs[phase].estimate_s <= cost.estimate_s < cost.budget_s for phase, cost in restored.items())


def test_a_capture_survives_the_manifest(fraud_world: FraudWorld) -> None:
    for capture in fraud_world.captures.values():
        assert Capture.from_json(json.loads(json.dumps(capture.to_json()))) == capture


def test_a_kind_declares_what_the_suite_needs() -> None:
    for kind in all_kinds().values():
        assert issubclass(kind, Kind)
        assert kind.gates, f"{kind.name} proves nothing"
