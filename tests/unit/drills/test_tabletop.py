"""Tabletops: who decided what and when, and what that proves; simulated participants prove nothing of people."""

import json
from dataclasses import replace
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
from table import AWAY, HOME, Killed, Table, reasons

from recovery_ops.drills.findings import settle
from recovery_ops.drills.junit import junit
from recovery_ops.drills.scenario_files import scenario_names
from recovery_ops.drills.tabletop import Question
from recovery_ops.errors import RequestError
from recovery_ops.execution import controls
from recovery_ops.execution.open_runs import open_run
from recovery_ops.execution.predecessors import predecessors
from recovery_ops.execution.serving import serving_region
from recovery_ops.execution.view import load_run
from recovery_ops.model.drill_findings import EntryKind
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.scenarios import Inject, Scenario
from recovery_ops.model.tabletops import Given, Lesson
from recovery_ops.planning.drill_calendar import DueState, calendar
from recovery_ops.readiness.history import history_of
from recovery_ops.record.claims import Claims, Slot
from recovery_ops.record.findings import Findings, known_findings
from recovery_ops.record.seal import read_seal
from recovery_ops.record.verify import verify_run
from recovery_ops.record.views import summary_json
from recovery_ops.reporting import render
from recovery_ops.reporting.dashboard_run import run_page
from recovery_ops.reporting.drill_history import held, open_drills
from recovery_ops.reporting.signatures import sign

HOSTILE = "<script>alert('x')</script> [red]{{ 7 * 7 }}[/red] {question}"


def test_people_who_decide_in_time_as_the_playbook_says_pass(table: Table) -> None:
    ref = table.convene(third_parties=("the bank",), announced=False)
    assert table.play(ref) == "completed"
    made = table.report(ref)
    assert (made["verdict"], reasons(made)) == ("pass", [])
    assert {role["role"]: role["verdict"] for role in made["tabletop"]["people"]} == {
        "sre-lead": "pass",
        "data-owner": "pass",
    }
    assert made["people"]["participants"] == ["alice", "carol"]
    facts = made["classification"]
    assert (facts["drill_type"], facts["scenario"], facts["announced"]) == ("tabletop", "regional-loss", False)
    assert made["scope"]["third_parties"] == ["the bank"]
    assert made["plan_changes"]["next_due"]["drill"] == "tabletop"
    first = made["tabletop"]["injects"][1]["decisions"]
    assert [(item["role"], item["person"], item["after_s"]) for item in first] == [
        ("sre-lead", "alice", 30.0),
        ("data-owner", "carol", 60.0),
    ]


def test_a_tabletop_touches_nothing_and_its_record_is_whole(table: Table) -> None:
    ref = table.convene()
    claims = Claims(table.store(ref.record_bucket, AWAY))
    table.play(ref)
    assert [claims.holder(table.system.name, slot) for slot in Slot] == [None, None]
    assert serving_region(table.system).region == HOME
    log = table.exercise(ref).log
    assert verify_run(log) == []
    assert read_seal(log) is not None
    made = table.report(ref)
    assert [step["component"] for step in made["steps"]] == [None]
    log.store.remove(log.prefix + "tabletop.first-alarms.1%231/000001.json".replace("%23", "#"))
    assert "record" in {rule for rule, _ in reasons(table.report(ref))}


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_that_ships_can_be_rehearsed_by_nobody(table: Table, name: str) -> None:
    ref = table.convene(name, simulated=True)
    table.play(ref)
    made = table.report(ref)
    assert table.asked == []
    assert (made["verdict"], reasons(made)) == ("pass", [])
    assert {role["verdict"] for role in made["tabletop"]["people"]} == {"not-measured"}
    assert made["people"]["participants"] == ["alice"]
    assert all(item["simulated"] for inject in made["tabletop"]["injects"] for item in inject["decisions"])
    assert "simulated participant" in render(made)
    assert "nothing of people" in render(made)


def test_simulated_answers_fill_no_role_when_people_are_wanted(table: Table) -> None:
    answers = {
        inject: {"sre-lead": Given(person="alice", decision=decision)}
        for inject, decision in (
            ("first-alarms", "declare and name a leader"),
            ("fail-over", "fail over with intent region-loss"),
            ("smaller-instances", "move on the second rung and say that it is degraded"),
            ("old-side-returns", "fence it and pay the debts before any failback"),
        )
    }
    ref = table.convene(prepared=answers)
    table.play(ref)
    made = table.report(ref)
    assert {inject for inject, role in table.asked if role == "sre-lead"} == set()
    roles = {role["role"]: role for role in made["tabletop"]["people"]}
    lead = roles["sre-lead"]
    assert (lead["verdict"], lead["answered_by_people"], lead["simulated"]) == ("not-measured", 0, 4)
    assert roles["data-owner"]["verdict"] == "pass"
    assert reasons(made) == [("people", "sre-lead: 0 of 4 injects answered by a person")]
    assert "alice" not in {item["person"] for item in made["people"]["substitutions"]}


def test_a_role_without_an_answer_fails_and_is_named(table: Table) -> None:
    ref = table.convene()
    assert table.play(ref, lambda question: absent_at(question, table)) == "failed"
    made = table.report(ref)
    assert ("people", "data-owner did not decide on inject fail-over") in reasons(made)
    assert ("people", "data-owner: 1 of 2 injects answered by a person, the slowest after 60 s") in reasons(made)
    assert "data-owner did not decide" in render(made)


def absent_at(question: Question, table: Table) -> Given | None:
    return None if (question.inject.id, question.role) == ("fail-over", "data-owner") else table.right(question)


def test_nobody_at_all_fails(table: Table) -> None:
    ref = table.convene()
    table.play(ref, lambda _: None)
    found = reasons(table.report(ref))
    assert ("people", "nobody decided on inject first-alarms") in found
    assert ("people", "sre-lead: 0 of 4 injects answered by a person") in found


def test_each_inject_has_its_own_time(table: Table) -> None:
    """The first inject wants an answer within 5 minutes, the others within 10."""
    table.takes_s = 301.0
    ref = table.convene()
    table.play(ref)
    made = table.report(ref)
    lead = next(role for role in made["tabletop"]["people"] if role["role"] == "sre-lead")
    assert (lead["slowest_s"], lead["within_s"], lead["verdict"]) == (301.0, 300.0, "fail")
    assert [rule for rule, what in reasons(made) if "sre-lead" in what] == ["people"]


def test_a_decision_against_the_playbook_fails_and_is_a_finding_until_it_is_decided_otherwise(table: Table) -> None:
    ref = table.convene()
    table.play(ref, lambda question: wrong_at("fail-over", question, table))
    made = table.report(ref)
    rules = [rule for rule, _ in reasons(made)]
    assert rules == ["decision", "decision"]
    assert "not what the playbook says" in render(made)
    (finding,) = known_findings(table.records, table.system.name)
    assert (finding.code, finding.subject, finding.closed_at) == ("decision", "fail-over", None)
    table.now += timedelta(days=7)
    table.play(table.convene())
    assert known_findings(table.records, table.system.name)[0].closed_at is not None


def wrong_at(name: str, question: Question, table: Table) -> Given | None:
    given = table.right(question)
    if given is None or question.inject.id != name:
        return given
    wrong = next(choice for choice in question.inject.choices if choice not in question.inject.expected)
    return Given(person=given.person, decision=wrong)


def test_a_simulated_decision_against_the_playbook_fails_and_is_no_finding(table: Table) -> None:
    prepared = {"first-alarms": {"sre-lead": Given(person="x", decision="open a support case first")}}
    ref = table.convene(simulated=True, prepared=prepared)
    table.play(ref)
    assert [rule for rule, _ in reasons(table.report(ref))] == ["decision"]
    assert known_findings(table.records, table.system.name) == []


@pytest.mark.parametrize("after", range(7))
def test_killed_after_any_answer_it_goes_on_with_the_next_question(table: Table, after: int) -> None:
    ref = table.convene()

    def decide(question: Question) -> Given | None:
        if len(table.asked) > after:
            raise Killed
        return table.right(question)

    if after < 6:
        with pytest.raises(Killed):
            table.play(ref, decide)
        killed_at = table.asked.pop()
        assert open_drills(table.system.name, table.records) == []  # nothing is left behind for anybody to clean up
    else:
        killed_at = None
    before = list(table.asked)
    assert table.play(ref) == "completed"
    assert killed_at is None or table.asked[len(before)] == killed_at
    assert len(table.asked) == len(set(table.asked)) == 6
    made = table.report(ref)
    assert (made["verdict"], reasons(made)) == ("pass", [])


def test_the_clock_of_a_question_does_not_stop_while_nobody_asks_it(table: Table) -> None:
    ref = table.convene()

    def die(_question: Question) -> Given | None:
        raise Killed

    with pytest.raises(Killed):
        table.play(ref, die)
    table.now += timedelta(hours=3)
    table.play(ref)
    made = table.report(ref)
    assert made["tabletop"]["injects"][0]["decisions"][0]["after_s"] > 3 * 3600
    assert [rule for rule, _ in reasons(made)] == ["people"]


def test_closing_may_die_anywhere_and_be_done_again(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = table.convene(simulated=True)
    store = table.store(ref.record_bucket, AWAY)

    def die(operation: str, key: str) -> None:
        if operation == "put_new" and "close#1/000002" in key:
            raise Killed

    store.before = die
    with pytest.raises(Killed):
        table.play(ref)
    store.before = None
    assert table.play(ref) == "completed"
    log = table.exercise(ref).log
    assert (verify_run(log), read_seal(log) is not None) == ([], True)
    assert table.report(ref)["verdict"] == "pass"


def test_the_first_answer_counts_and_what_is_no_answer_is_refused(table: Table) -> None:
    exercise = table.exercise(table.convene())
    question = exercise.unanswered()[0]
    with pytest.raises(RequestError, match="none of the choices"):
        exercise.decide(question, Given(person="alice", decision="wait for the AWS helth page"))
    with pytest.raises(RequestError, match="say who"):
        exercise.decide(question, Given(person=" ", decision=question.inject.choices[0]))
    assert exercise.decide(question, Given(person="alice", decision=question.inject.choices[0]))
    assert not exercise.decide(question, Given(person="bob", decision=question.inject.choices[1]))
    exercise.close()
    with pytest.raises(RequestError, match="is over: failed"):
        exercise.decide(exercise.unanswered()[0], Given(person="alice", decision=question.inject.choices[0]))


def test_the_same_token_is_the_same_exercise(table: Table) -> None:
    first = table.convene(token="t")
    table.play(first)
    assert table.convene(token="t", simulated=True) == first
    assert not table.exercise(first).simulated


def test_a_cancelled_tabletop_asks_no_more_and_does_not_pass(table: Table) -> None:
    ref = table.convene()

    def decide(question: Question) -> Given | None:
        controls.cancel(ref, person="bob", reason="a real incident")
        return table.right(question)

    assert table.play(ref, decide) == "abandoned"
    assert table.asked == [("first-alarms", "sre-lead")]
    made = table.report(ref)
    assert made["verdict"] == "fail"
    assert ("people", "inject fail-over was not shown") in reasons(made)
    assert "fail-over" in made["tabletop"]["not_shown"]


def test_what_recovers_something_does_not_take_a_tabletop_for_a_run_of_its_own(table: Table) -> None:
    ref = table.convene()
    with pytest.raises(RequestError, match=f"--kind tabletop --resume {ref.run_id}"):
        load_run(ref)


def test_lessons_become_findings_with_owner_and_day_and_are_open_until_they_are_called_mended(table: Table) -> None:
    what = "Nobody knew the number of the bank"
    lesson = Lesson(what=what, person="alice", owner="bob", due=date(2026, 12, 24))
    ref = table.convene()
    table.play(ref, lessons=(lesson, lesson, Lesson(what="Print the playbook", person="carol")))
    made = table.report(ref)
    assert [item["what"] for item in made["tabletop"]["lessons"]] == [what, "Print the playbook"]
    assert what in render(made)
    found = {item.subject: item for item in known_findings(table.records, table.system.name)}
    assert (found[what].code, found[what].owner, found[what].due.date()) == ("lesson", "bob", date(2026, 12, 24))
    assert found["Print the playbook"].owner == ""
    table.now += timedelta(days=30)
    later = table.convene()
    table.play(later, lessons=(Lesson(what=what, person="alice", mended=True),))
    found = {item.subject: item for item in known_findings(table.records, table.system.name)}
    assert (found[what].closed_by, found["Print the playbook"].closed_at) == (later.run_id, None)


def test_the_calendar_counts_a_tabletop_that_people_attended_and_no_other(table: Table) -> None:
    def line() -> DueState:
        history = list(held(table.system.name, table.records))
        lines = calendar(table.system, history, table.now, scenarios=scenario_names())
        return next(item.state for item in lines if item.kind is DrillKind.TABLETOP)

    table.play(table.convene(simulated=True))
    table.now += timedelta(minutes=1)
    assert line() is DueState.DUE
    table.play(table.convene())
    assert line() is not DueState.DUE


def test_hostile_text_is_text(table: Table) -> None:
    inject = Inject(
        id="one", at_s=0.0, known=HOSTILE, question=HOSTILE, roles=(HOSTILE,), choices=(HOSTILE, "no"),
        expected=(HOSTILE,), points=(HOSTILE,), decide_within_s=600.0,
    )  # fmt: skip
    scenario = Scenario(name="hostile", title=HOSTILE, goal=HOSTILE, injects=(inject,))
    ref = table.convene(scenario=scenario)
    given = Given(person=HOSTILE, decision=HOSTILE, comment=HOSTILE)
    table.play(ref, lambda _: given, lessons=(Lesson(what=HOSTILE, person=HOSTILE, owner=HOSTILE),))
    made = table.report(ref)
    assert made["verdict"] == "pass"
    page = render(made)
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert") >= 8
    assert HOSTILE in json.loads(json.dumps(made))["tabletop"]["lessons"][0]["what"]


def test_junit_shows_each_question_as_a_test(table: Table) -> None:
    ref = table.convene()
    table.play(ref, lambda question: absent_at(question, table))
    root = ElementTree.fromstring(junit(table.report(ref)))
    failed = [case.get("name") for case in root.iter("testcase") if case.find("failure") is not None]
    assert failed == ["verdict", "data-owner"]
    table.play(rehearsed := table.convene(simulated=True))
    root = ElementTree.fromstring(junit(table.report(rehearsed)))
    assert [len(list(root.iter(name))) for name in ("failure", "skipped")] == [0, 6]


def test_whoever_watches_sees_an_open_tabletop_and_a_recovery_is_not_mistaken_for_it(table: Table) -> None:
    ref = table.convene()
    exercise = table.exercise(ref)
    exercise.decide(exercise.unanswered()[0], table.right(exercise.unanswered()[0]))
    page = run_page(exercise.log.events(), table.now)
    assert page is not None
    assert page["sentence"] == "People decide; nothing is touched."
    assert [name for name, may in page["may"].items() if may] == ["cancel"]
    assert "alice decided as sre-lead on first-alarms: declare and name a leader" in {
        line["text"] for line in page["events"]
    }
    assert summary_json(exercise.state)["is_open"] is True
    assert open_run(table.system) is None
    exercise.close()
    assert predecessors(table.store(ref.record_bucket, AWAY), table.system.name, "r-20261126-000000", "") == []
    history = history_of(table.system.name, table.records)
    assert [(trial.plan_hash, trial.succeeded) for trial in history.trials] == [("", False)]


def test_a_report_that_is_made_again_takes_back_nothing_that_was_said_since(table: Table) -> None:
    ref = table.convene()
    table.play(ref, lessons=(Lesson(what="Print the playbook", owner="bob"),))
    (found,) = known_findings(table.records, table.system.name)
    later = found.failed_at + timedelta(days=1)
    said = replace(found.entries[-1], at=later, kind=EntryKind.ASSIGNED, owner="carol", due=None)
    Findings(table.records[0], table.system.name).append(said)
    log = table.exercise(ref).log
    table.now += timedelta(days=2)
    sign(log, table.report(ref), person="alice", decision="accept", comment="read", payments=[])
    settle(table.system.name, table.report(ref), table.records)
    (again,) = known_findings(table.records, table.system.name)
    assert (again.owner, again.failures) == ("carol", 1)
