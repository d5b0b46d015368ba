"""The checklist and the rule of cutover: not run is not passed."""

import pytest

from recovery_ops.model.checks import Check, CheckOutcome, Gate, all_passed
from recovery_ops.quality.checklist import checklist, gate_verdict

REQUIRED = {"scoring": {Gate.GOLDEN, Gate.LATENCY}, "features": {Gate.DATA}}


def check(component, gate, outcome=CheckOutcome.PASS, **facts):
    return Check(component=component, gate=gate, name="probe", expected=1, observed=1, outcome=outcome, **facts)


ALL = [check("scoring", Gate.GOLDEN), check("scoring", Gate.LATENCY), check("features", Gate.DATA)]


def test_all_required_gates_passed_opens_cutover():
    verdict = gate_verdict(ALL, REQUIRED)
    assert (verdict.open, verdict.passed, verdict.blocking) == (True, True, ())


@pytest.mark.parametrize("missing", range(3))
def test_a_gate_without_a_result_is_listed_as_not_run_and_closes_cutover(missing):
    checks = [item for index, item in enumerate(ALL) if index != missing]
    (added,) = checklist(checks, REQUIRED)[2:]
    assert added.outcome is CheckOutcome.NOT_RUN
    assert (added.component, added.gate) == (ALL[missing].component, ALL[missing].gate)
    verdict = gate_verdict(checks, REQUIRED)
    assert not verdict.open
    assert verdict.blocking == (added,)
    assert "not-run" in verdict.reason


@pytest.mark.parametrize("outcome", [CheckOutcome.FAIL, CheckOutcome.ERROR, CheckOutcome.NOT_RUN])
@pytest.mark.parametrize("required", [REQUIRED, {}])
def test_one_gating_check_that_is_no_pass_closes_cutover_required_or_not(outcome, required):
    bad = check("config", Gate.CONFIGURATION, outcome)
    verdict = gate_verdict([*ALL, bad], required)
    assert not verdict.open
    assert verdict.blocking == (bad,)


def test_nothing_judged_closes_cutover():
    assert not gate_verdict([], {}).open
    assert not gate_verdict([check("a", Gate.DATA, advisory=True)], {}).open


def test_an_advisory_result_neither_closes_a_gate_nor_stands_for_it():
    advisory = check("features", Gate.DATA, CheckOutcome.FAIL, advisory=True)
    assert gate_verdict([*ALL, advisory], REQUIRED).open
    stand_in = check("features", Gate.DATA, advisory=True)
    assert not gate_verdict([*ALL[:2], stand_in], REQUIRED).open


def test_components_that_traffic_does_not_need_do_not_close_cutover():
    bad = check("notebooks", Gate.DATA, CheckOutcome.FAIL)
    assert gate_verdict([*ALL, bad], REQUIRED, ungated={"notebooks"}).open
    assert not gate_verdict([bad], {}, ungated={"notebooks"}).open


def test_an_override_opens_cutover_and_is_never_a_pass():
    verdict = gate_verdict(ALL[:1], REQUIRED, override="customers are waiting", person="alice")
    assert (verdict.open, verdict.passed) == (True, False)
    assert len(verdict.blocking) == 2
    assert "overridden by alice: customers are waiting" in verdict.reason
    assert verdict.to_json()["person"] == "alice"


@pytest.mark.parametrize(
    ("why", "who"), [("", "alice"), ("  ", "alice"), (None, "alice"), ("reason", None), ("x", " ")]
)
def test_an_override_needs_a_reason_and_a_person(why, who):
    assert not gate_verdict([], REQUIRED, override=why, person=who).open


def test_an_override_that_was_not_needed_is_not_claimed():
    verdict = gate_verdict(ALL, REQUIRED, override="to be safe", person="alice")
    assert (verdict.passed, verdict.override) == (True, "")


def test_all_passed_ignores_advice_and_still_wants_a_pass():
    advisory = check("a", Gate.DATA, CheckOutcome.FAIL, advisory=True)
    assert all_passed([check("a", Gate.DATA), advisory])
    assert not all_passed([advisory])
    assert not all_passed([check("a", Gate.DATA, advisory=True)])
    assert not all_passed([])
    assert Check.from_json(advisory.to_json()) == advisory


def test_a_check_recorded_before_advice_existed_still_reads():
    old = {name: value for name, value in ALL[0].to_json().items() if name != "advisory"}
    assert Check.from_json(old) == ALL[0]
