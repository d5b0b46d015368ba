"""A tabletop in pieces, as a host with forms calls them: each by a process of its own, some of them twice."""

from datetime import timedelta
from typing import Any

import pytest
from table import Table, reasons

from recovery_ops.drills import hosting
from recovery_ops.drills.findings import settle
from recovery_ops.errors import RequestError
from recovery_ops.execution import controls
from recovery_ops.model.runs import RunRef
from recovery_ops.model.tabletops import Given, Lesson


def said(form: dict[str, Any], at: str = "", **changes: str) -> dict[str, str]:
    answer = {"decision": form["choices"][0], "person": "bob", "comment": "", "entered_by": "", "at": at}
    return answer | changes


def answer(table: Table, ref: RunRef, form: dict[str, Any], after_s: float = 5.0, **changes: str) -> None:
    shown = table.exercise(ref).show(table.exercise(ref).scenario.inject(form["inject"]))
    at = (shown + timedelta(seconds=after_s)).isoformat()
    hosting.decide(ref, form["inject"], form["role"], said(form, at, **changes))


def test_forms_lead_through_the_scenario_and_the_time_of_an_answer_is_that_of_the_form(table: Table) -> None:
    ref = table.convene()
    asked = []
    for number in range(1, 5):
        for form in hosting.show(ref, number) or []:
            asked.append((form["inject"], form["role"]))
            assert hosting.awaits(ref, form["inject"], form["role"])
            answer(table, ref, form)
            assert not hosting.awaits(ref, form["inject"], form["role"])
    assert len(asked) == 6
    assert hosting.show(ref, 5) is None
    end = hosting.lessons(ref)
    assert end is not None
    assert (end["open"], end["host"], "first-alarms" in end["points"]) == ([], "alice", True)
    hosting.note(ref, [Lesson(what="Print the playbook", person="bob").to_json()])
    assert hosting.close(ref) == hosting.close(ref) == "completed"
    made = table.report(ref)
    assert (made["verdict"], reasons(made)) == ("pass", [])
    assert made["tabletop"]["injects"][0]["decisions"][0]["after_s"] == 5.0
    settle(table.system.name, made, table.records)
    later = hosting.lessons(table.convene())
    assert later is not None
    assert later["open"] == ["Print the playbook"]


def test_shown_again_it_asks_only_who_has_not_decided(table: Table) -> None:
    ref = table.convene()
    (lead, owner) = hosting.show(ref, 2) or []
    assert (lead["people"], owner["people"], lead["host"]) == (["alice", "bob"], ["carol", "dave"], "alice")
    answer(table, ref, owner, person="carol")
    assert [form["role"] for form in hosting.show(ref, 2) or []] == ["sre-lead"]
    answer(table, ref, owner, person="dave")
    (made,) = table.report(ref)["tabletop"]["injects"][0]["decisions"]
    assert made["person"] == "carol"


def test_nobody_is_asked_when_nobody_takes_part_or_the_exercise_was_ended(table: Table) -> None:
    rehearsed = table.convene(simulated=True)
    assert [hosting.show(rehearsed, number) for number in range(1, 6)] == [[], [], [], [], None]
    assert hosting.lessons(rehearsed) is None
    assert hosting.close(rehearsed) == "completed"
    ended = table.convene()
    (form,) = hosting.show(ended, 1) or []
    controls.cancel(ended, person="bob", reason="a real incident")
    assert hosting.show(ended, 2) is None
    assert not hosting.awaits(ended, form["inject"], form["role"])
    assert hosting.lessons(ended) is None
    assert hosting.close(ended) == "abandoned"


def test_prepared_answers_are_given_before_people_are_asked_for_the_others(table: Table) -> None:
    prepared = {"fail-over": {"data-owner": Given(person="x", decision="stay and wait")}}
    ref = table.convene(prepared=prepared)
    assert [form["role"] for form in hosting.show(ref, 2) or []] == ["sre-lead"]
    (made,) = table.report(ref)["tabletop"]["injects"][0]["decisions"]
    assert (made["simulated"], made["supported"]) == (True, False)


def test_only_an_open_tabletop_is_carried_on(table: Table) -> None:
    ref = table.convene()
    assert hosting.resume(table.system, ref.run_id) == ref
    hosting.close(ref)
    with pytest.raises(RequestError, match="is closed: failed"):
        hosting.resume(table.system, ref.run_id)
    with pytest.raises(RequestError, match="has no run"):
        hosting.resume(table.system, "r-20261126-ffffff")
    recovery = table.convene()
    store = table.store(ref.record_bucket, ref.recovery_region)
    key = next(key for key in store.all_keys() if f"{recovery.run_id}/events/declare" in key)
    store.damage(key, store.body(key).replace(b'"drill":"tabletop"', b'"drill":"regional"'))
    with pytest.raises(RequestError, match=r"is no tabletop; carry it on with: recovery-ops runs resume"):
        hosting.resume(table.system, recovery.run_id)
