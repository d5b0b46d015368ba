"""Promises of the evidence beside the figures: who did what, drills, comparison, signatures, and the other pages."""

import json
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest
from made_runs import EAST, WEST, MadeFailover, changed, criteria, made_failover
from test_publishing import SYSTEM, WHERE, bucket, cli, log  # noqa: F401  fixtures

from recovery_ops.errors import RecordError, RequestError, SettingsError
from recovery_ops.model.events import Event, EventType
from recovery_ops.record.log import EventLog
from recovery_ops.record.seal import seal
from recovery_ops.record.verify import verify_run
from recovery_ops.reporting import as_bytes, render, report
from recovery_ops.reporting.html import render_summary, render_trend
from recovery_ops.reporting.pdf import print_pdf
from recovery_ops.reporting.publish import report_of
from recovery_ops.reporting.signatures import sign
from recovery_ops.reporting.trend import trend
from recovery_ops.testing.runs import Run

SCHEMA = json.loads((Path(__file__).parents[3] / "docs" / "reference" / "report.schema.json").read_text())
RUN_ID = "r-20261123-abcdef"
OTHERS = ("r-20261101-aaaaaa", "r-20261102-bbbbbb")


def checked(events: list[Event], **facts: object) -> dict:
    made = report(events, **facts)
    jsonschema.validate(made, SCHEMA)
    assert render(made)
    assert render_summary(made)
    return made


def with_events(*added: tuple[EventType, dict[str, object]], events: list[Event] | None = None) -> list[Event]:
    run = Run(run_id=RUN_ID)
    extra = [run.add(20 + number, "person:carol", kind, **facts) for number, (kind, facts) in enumerate(added)]
    return [*(events or made_failover()), *extra]


def earlier(run_id: str, day: int = 22) -> list[Event]:
    """The same failover on another day; the run it is compared with is of the 23rd."""

    def moved(event: Event) -> Event:
        payload = json.loads(json.dumps(event.payload).replace("2026-11-23T", f"2026-11-{day}T"))
        return replace(event, run_id=run_id, at=event.at + timedelta(days=day - 23), payload=payload)

    return [moved(event) for event in made_failover()]


def compared(*names: str) -> list[Event]:
    return changed(made_failover(), EventType.RUN_CLOSED, where={}, earlier=list(names))


def test_every_control_is_told_with_person_and_reason() -> None:
    who = {"person": "carol", "reason": "because"}
    made = checked(
        with_events(
            (EventType.RUN_PAUSED, who),
            (EventType.RUN_RESUMED, who),
            (EventType.RETRY_ASKED, who | {"step": "features.verify"}),
            (EventType.GRACEFULNESS_CHANGED, who | {"graceful": False, "step": None}),
            (EventType.RUN_TAKEN_OVER, who | {"from_execution": "airflow", "to_execution": "direct"}),
            (EventType.RUN_PREEMPTED, {"by_run": "r-20261124-000000", "person": "carol"}),
            (EventType.RUN_CANCELLED, who),
        )
    )
    kinds = ["paused", "resumed", "retried", "ungraceful", "taken-over", "pre-empted", "cancelled"]
    assert [item["kind"] for item in made["interventions"]] == kinds
    assert {item["kind"] for item in made["deviations"]} >= set(kinds)
    assert made["people"]["incident_lead"] == "carol"
    assert "carol" in made["people"]["participants"]


def test_a_forecast_is_shown_with_the_step_that_causes_it() -> None:
    late = {"forecast_s": 2000, "objective_s": 1800, "late_s": 200, "step": "scoring.redeploy", "chain": ["a", "b"]}
    made = checked(with_events((EventType.RTO_FORECAST, late)))
    assert made["forecasts"][0]["late_s"] == 200
    assert "because of <b>scoring.redeploy</b>" in render(made)


def test_a_debt_that_was_paid_is_no_finding_any_more() -> None:
    debt = {"debt": "fence", "component": "features", "region": EAST, "what": "stop writers of features"}
    made = checked(with_events((EventType.DEBT_PAID, debt | {"person": "carol", "noted_by": RUN_ID})))
    assert [item["paid_by"] for item in made["debts"]] == ["carol", None]
    assert sum(item["source"] == "debt" for item in made["findings"]) == 1


@pytest.mark.parametrize(
    ("rule", "event_type", "facts"),
    [
        ("guard", EventType.GUARD_TRIPPED, {"guard": "probes", "observed": 0.2, "limit": 0.01}),
        ("clean-up", EventType.CLEANED_UP, {"removed": ["a"], "leftovers": ["endpoint x"], "spent_usd": 0.4}),
        ("cost", EventType.CLEANED_UP, {"removed": ["a"], "leftovers": [], "spent_usd": 9.5}),
    ],
)
def test_a_drill_that_harms_leaves_or_spends_too_much_fails(
    rule: str, event_type: EventType, facts: dict[str, object]
) -> None:
    made = MadeFailover()
    made.declare(criteria={**made_failover()[0].payload.get("criteria", {}), "cost_ceiling_usd": 5})
    found = checked(with_events((event_type, facts), events=made.whole_after_declare()))
    assert rule in {reason["rule"] for reason in found["result"]["reasons"]}


def tabletop(*decisions: dict[str, object], people: dict[str, object] | None = None) -> dict:
    run = Run(run_id=RUN_ID)
    criteria = {"people": people or {}}
    run.declare(0, mode="drill", drill="tabletop", plan={}, criteria=criteria, components=[], warnings=[])
    inject = {"inject": "alarm", "at_s": 0, "known": "p95 rises", "question": "Fail over?", "roles": ["sre-lead"]}
    run.add(2, "tabletop#1", EventType.INJECT_SHOWN, **inject)
    for number, facts in enumerate(decisions):
        run.add(3 + number, "tabletop#1", EventType.DECISION_TAKEN, inject="alarm", role="sre-lead", **facts)
    run.add(30, "close#1", EventType.RUN_CLOSED, outcome="committed", released=True)
    return checked(run.log.events())


SAID = {"person": "alice", "decision": "yes", "comment": "at once", "after_s": 40, "simulated": False}


def test_a_person_who_decides_meets_the_objective_of_the_role() -> None:
    made = tabletop(SAID, people={"sre-lead": 60})
    assert made["verdict"] == "pass", made["result"]["reasons"]
    assert made["tabletop"]["people"][0]["verdict"] == "pass"
    assert made["people"]["presence"][0]["took_part"] == ["alice"]


@pytest.mark.parametrize("change", [{"simulated": True}, {"after_s": 61}, {"after_s": None}])
def test_a_simulated_or_late_participant_meets_no_objective(change: dict[str, object]) -> None:
    made = tabletop(SAID | change, people={"sre-lead": 60})
    assert {reason["rule"] for reason in made["result"]["reasons"]} == {"people"}


def test_a_simulated_participant_is_nobody_and_fails_only_what_was_wanted() -> None:
    made = tabletop(SAID | {"simulated": True, "person": "bob"})
    assert made["verdict"] == "pass"
    assert made["tabletop"]["people"][0]["verdict"] == "not-measured"
    assert "bob" not in made["people"]["participants"]
    assert "simulated participant" in render(made)


def test_a_question_that_nobody_decided_fails_the_tabletop() -> None:
    assert tabletop()["result"]["reasons"][0]["what"] == "nobody decided on inject alarm"


def test_earlier_runs_of_the_plan_stand_beside_this_one() -> None:
    made = checked(compared(*OTHERS), earlier=[earlier(name) for name in OTHERS])
    assert [run["run_id"] for run in made["comparison"]["runs"]] == list(OTHERS)
    whole = next(item for item in made["comparison"]["objectives"] if item["component"] == "system")
    assert (whole["change_s"], whole["runs"]) == (0.0, 2)
    assert made["identity"]["previous_report"].startswith(OTHERS[0])
    assert made["plan_changes"] == {
        "compared_with": OTHERS[0], "same_plan": True, "altered": [], "more": 0, "next_due": None,
    }  # fmt: skip


def test_a_restore_out_of_a_point_is_not_compared_with_a_replica() -> None:
    fixed = criteria()
    fixed["components"]["features"]["basis"] = {"rto": "from-point", "rpo": "ordinary"}
    restored = changed(earlier(OTHERS[0]), EventType.RUN_DECLARED, where={}, criteria=fixed)
    made = checked(compared(*OTHERS), earlier=[restored, earlier(OTHERS[1])])
    runs = {(item["component"], item["kind"]): item["runs"] for item in made["comparison"]["objectives"]}
    assert (runs["features", "rto"], runs["features", "rpo"], runs["scoring", "rto"]) == (1, 2, 2)


def test_runs_that_close_later_or_were_not_named_change_nothing() -> None:
    first = as_bytes(report(compared(OTHERS[0]), earlier=[earlier(OTHERS[0])]))
    late = replace(earlier(OTHERS[0], day=24)[-1], seq=9, writer="person:carol", type=EventType.RUN_PAUSED)
    again = report(compared(OTHERS[0]), earlier=[[*earlier(OTHERS[0]), late], earlier(OTHERS[1])])
    assert as_bytes(again) == first
    after = report(compared(OTHERS[0]), earlier=[earlier(OTHERS[0], day=24)])
    assert (after["comparison"]["runs"], after["comparison"]["not_read"]) == ([], [OTHERS[0]])


def test_what_changed_in_the_plan_is_named_by_its_path() -> None:
    before = earlier(OTHERS[0])
    plan = json.loads(json.dumps(before[0].payload["plan"]))
    plan["frozen"]["components"][0]["rto_s"] = 1.0
    before = changed(before, EventType.RUN_DECLARED, where={}, plan=plan, plan_hash="f" * 64)
    made = checked(compared(OTHERS[0]), earlier=[before])
    name = plan["frozen"]["components"][0]["name"]
    wanted = {"change": "changed", "where": f"system.components.{name}.rto_s", "before": 1.0, "after": 600.0}
    assert made["plan_changes"]["altered"] == [wanted]
    assert made["comparison"]["runs"] == []


@pytest.fixture
def made_log() -> EventLog:
    made = MadeFailover()
    made.whole()
    return made.run.log


def test_a_signature_is_an_event_that_holds_for_the_events_it_was_given_for(made_log: EventLog) -> None:
    signed = {"person": "alice", "decision": "accept", "comment": "complete", "payments": []}
    sign(made_log, report_of(made_log), **signed)
    made = report_of(made_log)
    jsonschema.validate(made, SCHEMA)
    assert verify_run(made_log) == []
    assert (made["sign_off"]["state"], made["sign_off"]["signed_by"]) == ("accepted", "alice")
    assert made["sign_off"]["signatures"][0]["roles"] == ["sre-lead"]
    assert len(made["sign_off"]["signatures"][0]["debts_open"]) == 2
    with pytest.raises(RequestError, match="already"):
        sign(made_log, made, **signed)
    made_log.writer("person:bob").append(EventType.RUN_PAUSED, {"person": "bob", "reason": "late"})
    seal(made_log)
    assert report_of(made_log)["sign_off"]["state"] == "outdated"
    with pytest.raises(RequestError, match="read it again"):
        sign(made_log, made, **signed)


def test_a_run_that_is_open_cannot_be_signed() -> None:
    made = MadeFailover()
    made.declare()
    with pytest.raises(RequestError, match="not closed"):
        sign(made.run.log, report_of(made.run.log), person="alice", decision="accept", comment="", payments=[])


def test_the_trend_counts_runs_and_shows_them(tmp_path: Path) -> None:
    found = trend("fraud", [made_failover(), earlier(OTHERS[0]), MadeFailover().whole()[:3]])
    assert [run["run_id"] for run in found["runs"]] == [OTHERS[0], RUN_ID]
    assert (found["kinds"][0]["runs"], found["kinds"][0]["passed"]) == (2, 2)
    page = render_trend(found)
    assert page.count('class="dot pass" cx') == 3
    assert render_trend(trend("fraud", []))


def test_the_summary_says_the_outcome_in_one_page() -> None:
    page = render_summary(report(compared(OTHERS[0]), earlier=[earlier(OTHERS[0])]))
    assert f"Clients are answered by {WEST}" in page
    assert "1 earlier run of this plan: none" in page


def test_no_pdf_without_a_browser_and_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOVERY_OPS_CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(SettingsError, match=r"print report\.html from any browser"):
        print_pdf("<p>x", tmp_path / "x.pdf")


def test_a_browser_that_prints_nothing_is_an_error_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho no display >&2\nexit 3\n")
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("RECOVERY_OPS_CHROMIUM", str(fake))
    with pytest.raises(RecordError, match="ended with 3: no display"):
        print_pdf("<p>x", tmp_path / "x.pdf")


def test_the_commands_sign_and_tell_the_trend(bucket: None, tmp_path: Path) -> None:  # noqa: F811
    place = WHERE[2:]
    signed = cli("sign", SYSTEM, RUN_ID, *place, "--person", "alice", "--comment", "read")
    assert signed.exit_code == 0, signed.output
    assert "accepted by alice, verdict pass" in signed.output
    told = cli("trend", SYSTEM, *place, "--html", str(tmp_path / "trend.html"))
    assert RUN_ID in told.output
    assert (tmp_path / "trend.html").exists()
    assert cli(RUN_ID, *WHERE, "--out", str(tmp_path), "--summary").exit_code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "report.html",
        "report.json",
        "summary.html",
        "trend.html",
    ]
