"""Promises of reports: complete, repeatable, judged by rule, and safe to open in a browser."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from made_runs import EAST, WEST, MadeFailover, changed, criteria, made_failover, without

from recovery_ops.errors import RecordError
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import Mode
from recovery_ops.reporting import as_bytes, render, report
from recovery_ops.reporting.phrases import duration
from recovery_ops.reporting.timeline import picture
from recovery_ops.reporting.verdict import RULES
from recovery_ops.testing.runs import Run, at, full_run, iso

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "reference" / "report.schema.json").read_text())
EVENTS = made_failover()
REPORT = report(EVENTS)

Change = Callable[[list[Event]], list[Event]]


def rules(events: list[Event], **facts: list[dict[str, str]]) -> set[str]:
    return {reason["rule"] for reason in report(events, **facts)["result"]["reasons"]}


def objective(made: dict, component: str, kind: str = "rto") -> dict:
    return next(item for item in made["objectives"] if (item["component"], item["kind"]) == (component, kind))


def put(event_type: EventType, where: dict[str, object] | None = None, **facts: object) -> Change:
    return lambda events: changed(events, event_type, where=where or {}, **facts)


def drop(*event_types: EventType) -> Change:
    return lambda events: without(events, *event_types)


def add(event_type: EventType, second: float = 200, **payload: object) -> Change:
    extra = Run(run_id="r-20261123-abcdef").add(second, "person:alice", event_type, **payload)
    return lambda events: [*events, extra]


def wrong_decision(events: list[Event]) -> list[Event]:
    run = Run(run_id="r-20261123-abcdef")
    fixed = put(EventType.RUN_DECLARED, criteria={"injects": {"alarm": {"expected": ["act"]}}})(events)
    shown = run.add(200, "tabletop", EventType.INJECT_SHOWN, inject="alarm", roles=["sre-lead"])
    facts = {"role": "sre-lead", "person": "alice", "decision": "wait"}
    return [*fixed, shown, run.add(201, "tabletop", EventType.DECISION_TAKEN, inject="alarm", **facts)]


def drop_check(gate: str) -> Change:
    return lambda events: [event for event in events if event.payload.get("gate") != gate]


def test_a_run_that_did_everything_right_passes_without_a_reason() -> None:
    assert REPORT["verdict"] == "pass"
    assert REPORT["result"]["reasons"] == []


def judged_from_point(rto_s: float | None, basis: object = "from-point") -> dict[str, Any]:
    """The report of the run, had features been judged by an objective that holds out of a point."""
    fixed = criteria()
    fixed["components"]["features"] |= {"rto_s": rto_s, "basis": {"rto": basis, "rpo": "ordinary"}}
    return report(changed(EVENTS, EventType.RUN_DECLARED, where={}, criteria=fixed))


def test_a_row_says_which_objective_held_and_is_judged_by_that_one_alone() -> None:
    took_s = objective(REPORT, "features")["achieved_s"]
    met, missed, none = (judged_from_point(rto_s) for rto_s in (took_s + 0.1, took_s - 0.1, None))
    assert [objective(made, "features")["verdict"] for made in (met, missed, none)] == ["pass", "fail", "not-measured"]
    assert [made["verdict"] for made in (met, missed, none)] == ["pass", "fail", "fail"]
    for made in (met, missed, none):
        jsonschema.validate(made, SCHEMA)
        assert objective(made, "features")["basis"] == "from-point"
        assert (objective(made, "features", "rpo")["basis"], objective(made, "system")["basis"]) == ("ordinary",) * 2
    assert "out of a recovery point" in render(met)
    assert "out of a recovery point" not in render(REPORT)


@pytest.mark.parametrize("basis", [None, "", "other", 5])
def test_a_basis_that_nobody_knows_is_the_ordinary_one(basis: object) -> None:
    assert objective(judged_from_point(600.0, basis), "features")["basis"] == "ordinary"


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


def test_a_refused_run_fails_and_says_why() -> None:
    run = Run()
    run.add(1, "declare#1", EventType.RUN_REFUSED, reason="no recovery point", person="alice")
    made = report(run.log.events())
    jsonschema.validate(made, SCHEMA)
    assert "no recovery point" in made["result"]["reasons"][0]["what"]
    assert render(made)


def test_the_same_events_give_the_same_bytes_whatever_their_order() -> None:
    shuffled = EVENTS * 2
    random.Random(7).shuffle(shuffled)
    again = report(shuffled)
    assert as_bytes(again) == as_bytes(REPORT)
    assert render(again) == render(REPORT)


def test_the_page_is_made_from_report_json_alone() -> None:
    assert render(json.loads(as_bytes(REPORT))) == render(REPORT)


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


BAD: list[tuple[str, str, Change]] = [
    ("declared", "never declared", drop(EventType.RUN_DECLARED)),
    ("outcome", "not committed", drop(EventType.RUN_COMMITTED)),
    ("outcome", "rolled back", add(EventType.RUN_ROLLED_BACK, why="soak", to_region=EAST, serving=True)),
    ("outcome", "not be put back: dead", add(EventType.RUN_ROLLED_BACK, why="dead", to_region=None, serving=False)),
    ("verification", "a check failed", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="fail")),
    ("verification", "a probe broke", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="error")),
    ("verification", "a check was not run", put(EventType.CHECK_RECORDED, {"gate": "latency"}, outcome="not-run")),
    ("verification", "a required gate has no check", drop_check("golden-predictions")),
    ("verification", "a gate has advice only", put(EventType.CHECK_RECORDED, {"gate": "latency"}, advisory=True)),
    ("verification", "nothing was verified", drop(EventType.CHECK_RECORDED)),
    ("override", "an override", add(EventType.GATE_OVERRIDDEN, person="alice", reason="now", checks=[])),
    ("objectives", "an RPO missed", put(EventType.RECOVERY_POINT_USED, {"component": "features"}, rpo_modelled_s=301)),
    ("objectives", "an RPO not measured", drop(EventType.RECOVERY_POINT_USED)),
    ("objectives", "an RTO missed", put(EventType.RUN_DECLARED, time_factor=1 / 300)),
    ("objectives", "no T8", put(EventType.SOAK_ENDED, outcome="unhealthy")),
    ("objectives", "no objective", put(EventType.RUN_DECLARED, criteria={})),
    ("client", "more failures than requests", put(EventType.CLIENT_OBSERVED, failed=9999)),
    ("client", "an outage nobody knows", put(EventType.CLIENT_OBSERVED, outage_s=None)),
    ("client", "no answer from the recovery region", put(EventType.CLIENT_OBSERVED, answered_by={EAST: 3})),
    ("writer", "counts that do not add up", put(EventType.DATA_LOSS_COUNTED, lost=1)),
    ("writer", "a loss that nobody knows", put(EventType.DATA_LOSS_COUNTED, lost=None)),
    ("writer", "a loss where no state may be lost", put(EventType.DATA_LOSS_COUNTED, component="scoring")),
    ("writer", "a loss older than the RPO", put(EventType.DATA_LOSS_COUNTED, oldest_lost_at=iso(-6))),
    ("protection", "no T9", drop(EventType.PROTECTION_RESTORED)),
    ("serving", "nobody serves", put(EventType.RUN_CLOSED, answers=False, detail="NOTHING SERVES score.example.com")),
    ("close", "not closed", drop(EventType.RUN_CLOSED)),
    ("guard", "a guard tripped", add(EventType.GUARD_TRIPPED, guard="probes", observed=0.2, limit=0.01)),
    ("clean-up", "something left", add(EventType.CLEANED_UP, removed=[], leftovers=["endpoint x"], spent_usd=0.1)),
    ("cost", "cost not measured", put(EventType.RUN_DECLARED, criteria={"cost_ceiling_usd": 5})),
    ("people", "nobody decided", add(EventType.INJECT_SHOWN, inject="alarm", roles=["sre-lead"])),
    ("decision", "another decision than the playbook says", wrong_decision),
    ("close", "claim kept", put(EventType.RUN_CLOSED, released=False)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "change"), [(rule, change) for rule, _, change in BAD], ids=[name for _, name, _ in BAD]
)
def test_one_thing_wrong_is_enough_for_a_fail(rule: str, change: Change) -> None:
    made = report(change(EVENTS))
    assert made["verdict"] == "fail"
    assert rule in {reason["rule"] for reason in made["result"]["reasons"]}
    jsonschema.validate(made, SCHEMA)
    assert "FAIL" in render(made)


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _, _ in BAD} | {"record"} == set(RULES)


def test_a_record_that_does_not_verify_is_a_fail_that_names_the_place() -> None:
    made = report(EVENTS, broken=[{"key": "systems/x/000001.json", "reason": "changed"}])
    assert made["verdict"] == "fail"
    assert "systems/x/000001.json" in made["result"]["reasons"][0]["what"]
    assert "does not verify" in render(made)


def test_a_missed_objective_of_a_component_that_traffic_does_not_wait_for_is_shown_and_decides_nothing() -> None:
    where = {"component": "training-data"}
    made = report(changed(EVENTS, EventType.RECOVERY_POINT_USED, where=where, rpo_modelled_s=1e6))
    assert objective(made, "training-data", "rpo")["verdict"] == "fail"
    assert made["verdict"] == "pass"
    assert any(finding["what"] == "RPO of training-data" for finding in made["findings"])


def test_a_failed_check_of_any_component_decides() -> None:
    assert rules(put(EventType.CHECK_RECORDED, {"component": "training-data"}, outcome="fail")(EVENTS)) == {
        "verification"
    }


def test_advice_that_is_not_followed_decides_nothing() -> None:
    extra = {"component": "scoring", "gate": "quality", "name": "auc", "outcome": "fail", "advisory": True}
    assert rules(add(EventType.CHECK_RECORDED, **extra)(EVENTS)) == set()


def test_a_second_attempt_at_verification_replaces_the_answers_of_the_first() -> None:
    made = MadeFailover()
    made.declare()
    bad = {"component": "scoring", "gate": "latency", "name": "latency was judged", "outcome": "not-run"}
    made.run.add(5, "scoring.verify#0", EventType.CHECK_RECORDED, step="scoring.verify", **bad)
    assert report(made.whole_after_declare())["verdict"] == "pass"


def test_no_loss_needs_no_objective() -> None:
    facts = {"component": "scoring", "acknowledged": 3, "served": 3, "lost": 0}
    assert rules(put(EventType.DATA_LOSS_COUNTED, **facts)(EVENTS)) == set()


def test_nobody_outside_is_not_measured_and_no_reason() -> None:
    made = report(without(EVENTS, EventType.CLIENT_OBSERVED, EventType.DATA_LOSS_COUNTED))
    assert made["verdict"] == "pass"
    assert made["client"]["outage_s"] is made["writer"]["lost"] is None
    assert "no client outside watched" in render(made)


def test_a_drill_is_judged_without_traffic() -> None:
    drill = MadeFailover(mode=Mode.DRILL)
    drill.declare()
    for step in drill.plan.steps:
        drill.step(step)
    assert rules(drill.run.log.events()) == {"clean-up"}
    drill.run.add(300, "clean-up#1", EventType.CLEANED_UP, removed=["endpoint x"], leftovers=[], spent_usd=0.2)
    made = report(drill.run.log.events())
    assert (made["verdict"], made["clocks"]["T8"]) == ("pass", None)
    assert not any(item["component"] == "system" for item in made["objectives"])


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


HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\'"&{{ 7*7 }}'


@pytest.mark.parametrize(
    ("event_type", "facts"),
    [
        (EventType.RUN_DECLARED, {"reason": HOSTILE, "person": HOSTILE, "warnings": [HOSTILE], "execution": HOSTILE}),
        (
            EventType.CHECK_RECORDED,
            {"name": HOSTILE, "observed": {HOSTILE: HOSTILE}, "detail": HOSTILE, "unit": HOSTILE},
        ),
        (EventType.STEP_SUCCEEDED, {"step": HOSTILE, "phase": HOSTILE, "component": HOSTILE}),
        (EventType.CAPACITY_DECIDED, {"refused": [{"instance": HOSTILE, "reason": HOSTILE}], "obtained": HOSTILE}),
        (EventType.DEBT_NOTED, {"debt": HOSTILE, "what": HOSTILE, "why": HOSTILE, "region": HOSTILE}),
        (EventType.APPROVAL_ANSWERED, {"decision": HOSTILE, "person": HOSTILE, "comment": HOSTILE}),
        (EventType.CLIENT_OBSERVED, {"answered_by": {HOSTILE: 1}}),
        (EventType.RECOVERY_POINT_USED, {"source": HOSTILE, "point_id": HOSTILE, "detail": HOSTILE}),
    ],
)
def test_nothing_that_somebody_wrote_becomes_markup(event_type: EventType, facts: dict[str, object]) -> None:
    page = render(report(changed(EVENTS, event_type, where={}, **facts)))
    assert "<script" not in page
    assert "<img" not in page
    assert "alert(&#34;x&#34;)" in page
    assert "{{ 7*7 }}" in page


class Markup(HTMLParser):
    """Notes what a browser would run or fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "srcdoc")]
        links = [value for name, value in attrs if name == "href" and not str(value).startswith("#")]
        self.found += [tag] if tag in ("script", "img", "iframe", "object", "link") else []
        self.found += links + [name for name in named if name != "href"]


def canaries(value: Any) -> Any:
    """The same structure with markup behind every text, as key and as value, but where a time or a hash stands."""
    if isinstance(value, dict):
        return {key: canaries(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canaries(item) for item in value]
    keep = not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT.*|[0-9a-f]{64}", value)
    return value if keep else f"{value}{HOSTILE}"


def test_markup_in_every_text_of_every_event_stays_text() -> None:
    """Whoever writes it: a catalog, an error of AWS, a person or a probe."""
    hostile = [replace(event, payload=canaries(event.payload), writer=f"{event.writer}{HOSTILE}") for event in EVENTS]
    for made in (report(hostile), canaries(REPORT)):
        page = render(made)
        assert Markup(page).found == []
        assert "{{ 7*7 }}" in page


def test_the_page_asks_nobody_for_anything() -> None:
    page = render(REPORT)
    for word in ("http:", "https:", "@import", "src=", "<link", "<script", "//"):
        assert word not in page, word


def test_what_stands_in_the_page_is_what_stands_in_the_report() -> None:
    page = render(REPORT)
    for text in (
        REPORT["identity"]["event_log_sha256"],
        REPORT["identity"]["plan_hash"],
        "9\u00a0min\u00a049\u00a0s",
        WEST,
    ):
        assert text in page
    for step in REPORT["steps"]:
        assert step["step"] in page
    assert at(0).strftime("%H:%M:%S.000") in page


PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "report.md").read_text()


@pytest.mark.parametrize("name", [*REPORT, *RULES])
def test_every_key_and_every_rule_is_documented(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not measured"), (0, "0.00 s"), (0.344, "0.34 s"), (12, "12 s"), (59.96, "1 min"), (61, "1 min 01 s"),
        (3599.6, "1 h"), (3900, "1 h 05 min"), (86400, "1 d"), (97200, "1 d 3 h"), (-2.5, "\N{MINUS SIGN}2.5 s"),
    ],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize("seconds", [7, 140, 900, 9000, 200_000])
def test_no_two_marks_of_the_timeline_say_the_same(seconds: int) -> None:
    clocks = {"T0": iso(0), "T9": iso(seconds)}
    drawn = picture({"clocks": clocks, "steps": [], "client": {"outage_s": None, "outage_started_at": None}})
    assert drawn is not None
    labels = [label for _, label in drawn.ticks]
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)
