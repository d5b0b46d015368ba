"""Promises of reports: complete, documented, and the same bytes whatever the order of events."""

import random
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from made_runs import WEST, MadeFailover
from report_changes import EVENTS, REPORT, SCHEMA, add, objective

from recovery_ops.errors import RecordError
from recovery_ops.model.events import EventType
from recovery_ops.model.plan import Mode
from recovery_ops.reporting import as_bytes, render, report
from recovery_ops.reporting.verdict import RULES
from recovery_ops.testing.runs import full_run


@pytest.mark.parametrize("mode", [Mode.FAILOVER, Mode.DRILL])
def test_every_report_follows_the_documented_schema(mode: Mode) -> None:
    jsonschema.validate(report(MadeFailover(mode=mode).whole()), SCHEMA)


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_a_run_that_is_cut_off_anywhere_still_gives_a_report_that_follows_the_schema_and_fails(count: int) -> None:
    made = report(EVENTS[:count])
    jsonschema.validate(made, SCHEMA)
    assert made["verdict"] == "fail"
    assert render(made)


def test_a_run_of_an_older_writer_with_little_in_its_payloads_follows_the_schema() -> None:
    made = report(full_run().log.events())
    jsonschema.validate(made, SCHEMA)
    assert "not measured" in render(made)


def test_the_report_says_which_region_answered_a_client_after_the_cutover() -> None:
    (answer,) = REPORT["traffic"]["answers"]
    assert (answer["answered_by"], answer["probes"]) == (WEST, 21)
    assert f"answered by {WEST}, after 21 probes" in render(REPORT)


def test_the_same_events_give_the_same_bytes_whatever_their_order() -> None:
    shuffled = EVENTS * 2
    random.Random(7).shuffle(shuffled)
    again = report(shuffled)
    assert as_bytes(again) == as_bytes(REPORT)
    assert render(again) == render(REPORT)


def test_the_report_is_as_old_as_the_last_event() -> None:
    assert REPORT["identity"]["generated_at"] == max(event.at for event in EVENTS).isoformat()


def test_another_event_gives_another_hash_of_the_event_log() -> None:
    later = add(EventType.RUN_COMMITTED)(EVENTS)
    assert report(later)["identity"]["event_log_sha256"] != REPORT["identity"]["event_log_sha256"]


def test_a_report_is_about_one_run() -> None:
    with pytest.raises(RecordError, match="no events"):
        report([])
    with pytest.raises(RecordError, match="2 runs"):
        report([*EVENTS, replace(EVENTS[0], run_id="r-20261123-000000", writer="x")])


def test_the_clocks_are_all_there_and_the_rto_is_t8_minus_t0_with_waiting_stretched() -> None:
    assert all(REPORT["clocks"].values())
    time = REPORT["time"]
    assert time["wall_s"] == pytest.approx(27.31)
    assert time["modelled_s"] == pytest.approx(27.31 + time["waited_s"] * 59)
    assert objective(REPORT, "system")["achieved_s"] == time["modelled_s"]
    assert objective(REPORT, "scoring")["achieved_s"] == pytest.approx(24.31 + 7.9 * 59)


def test_overhead_is_what_lies_between_the_steps_of_the_longest_chain() -> None:
    time = REPORT["time"]
    assert time["overhead_s"] == pytest.approx(sum(hop["gap_s"] for hop in time["hops"]))
    assert time["overhead_per_hop_s"] == pytest.approx(0.3)
    assert time["hops"][0]["after"] == "T3"


def test_the_rpo_is_the_modelled_one_with_its_wall_value_beside() -> None:
    found = objective(REPORT, "features", "rpo")
    assert (found["achieved_s"], found["achieved_wall_s"]) == (150.0, 2.5)


def test_an_rpo_without_a_modelled_value_is_stretched_by_the_factor() -> None:
    events = [
        replace(event, payload={k: v for k, v in event.payload.items() if k != "rpo_modelled_s"}) for event in EVENTS
    ]
    assert objective(report(events), "features", "rpo")["achieved_s"] == pytest.approx(150.0)


def test_what_went_differently_is_told_with_reason() -> None:
    run = MadeFailover()
    run.declare(warnings=["no impact time was given"])
    fault = {"type": "StepInterruptedError", "message": "throttled", "retryable": True}
    facts = {"step": "features.verify", "component": "features", "phase": "verify", "attempt": 1, "error": fault}
    extra = run.run.add(13.0, "features.verify#1", EventType.STEP_FAILED, **facts)
    made = report([*EVENTS, replace(extra, writer="features.verify#7", payload={**extra.payload, "attempt": 7})])
    told = {(item["kind"], item["why"]) for item in made["deviations"]}
    assert ("failed", "throttled") in told


def test_a_gap_of_the_record_is_told() -> None:
    facts = {
        "events": 12,
        "from": "2026-11-23T12:00:10+00:00",
        "until": "2026-11-23T12:00:40+00:00",
        "reason": "AWS refused",
    }
    gap = replace(EVENTS[-1], writer="record:merge", seq=1, type=EventType.RECORD_GAP_CLOSED, payload=facts)
    (found,) = [item for item in report([*EVENTS, gap])["deviations"] if item["kind"] == "record-gap"]
    assert found["what"].startswith("12 events, 2026-11-23T12:00:10")
    assert found["why"] == "AWS refused"


def test_debts_are_listed_and_become_findings() -> None:
    assert [debt["debt"] for debt in REPORT["debts"]] == ["fence", "reprotect"]
    assert sum(finding["source"] == "debt" for finding in REPORT["findings"]) == 2


PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text()


@pytest.mark.parametrize("name", [*REPORT, *RULES])
def test_every_key_and_every_rule_is_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE
