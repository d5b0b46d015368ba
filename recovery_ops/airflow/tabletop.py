"""Tabletops in Airflow: each inject asks every role by a human-in-the-loop form, and who answers is who decided."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import DAG, Param
from airflow.sdk.exceptions import AirflowSkipException

from recovery_ops.airflow.form import TABLETOP_FIELDS
from recovery_ops.airflow.library import library
from recovery_ops.airflow.operators import Context, RecoveryOperator, VerdictOperator, ref_of, retrying, said
from recovery_ops.airflow.requests import person_of, refuse_unknown
from recovery_ops.catalog.quantities import in_words
from recovery_ops.drills.scenario_files import find_scenario, own_folder
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.scenarios import Scenario
from recovery_ops.model.system import System
from recovery_ops.model.tabletops import Lesson, TabletopRequest

BODY = """{known}

**{question}**

Decide as **{role}**, within {within}. Whoever answers is who decided, unless somebody else is named.
"""
LESSONS_BODY = """What is to become better? One line each: what | who mends it | until when (2026-12-24).
Each becomes a finding of the system.

{points}
"""
ANSWER_FIELDS = {
    "decided_by": Param("", type="string", title="Decided by", description="You, unless given."),
    "comment": Param("", type="string", title="Why", description="It stands in the evidence."),
}
LESSON_FIELDS = {
    "lessons": Param("", type="string", format="multiline", title="Lessons"),
    "learnt": Param("", type="string", format="multiline", title="Learnt since"),
}
NOTE, NOTHING = "Note them", "Nothing to note"


class ConveneOperator(RecoveryOperator):
    """Declare the tabletop that the form describes, or carry on the open one that it names; its XCom is the ref."""

    def __init__(self, *, system: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system = system

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the ref of the run."""
        calls, params, dag_run = library(), context["params"], context["dag_run"]
        refuse_unknown(dag_run.conf or {}, TABLETOP_FIELDS)
        system = calls.load_system(self.system)
        if run_id := params["resume_run"]:
            return said(calls.tabletops.resume(system, run_id).to_json())
        asked = TabletopRequest(
            scenario=find_scenario(params["scenario"], own_folder(system)),
            person=person_of(context),
            token=dag_run.run_id,
            execution="airflow",
            reason=params["reason"] or "",
            simulated=params["simulate"],
            announced=params["announced"],
            third_parties=tuple(params["third_parties"] or ()),
        )
        return said(calls.tabletops.convene(system, asked).to_json())


class ShowOperator(RecoveryOperator):
    """Tell the participants what happens now; its XCom has one form per role that has to decide."""

    def __init__(self, *, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def execute(self, context: Context) -> list[dict[str, Any]]:
        """Return the forms; skip when the scenario is over."""
        forms = library().tabletops.show(ref_of(context), self.number)
        if forms is None:
            raise AirflowSkipException("the scenario has no more injects")
        patience_s = 60.0 * context["params"]["patience_minutes"]
        return said([{"question": form, "patience_s": patience_s} for form in forms])


class AnswerOperator(HITLOperator):
    """Ask one role one question and record the answer. Whoever lets the time pass has not decided.

    Only people with the role, and whoever holds the tabletop, may answer; anybody may when the catalog names nobody.
    """

    template_fields = ()
    """What stands in a scenario is text and never a template."""

    def __init__(self, *, question: dict[str, Any], patience_s: float, **kwargs: Any) -> None:
        allowed = sorted({*question["people"], question["host"]}) if question["people"] else []
        super().__init__(
            **retrying(kwargs),
            subject=f"{question['inject']}: {question['role']}",
            body=BODY.format(**question, within=in_words(question["within_s"])),
            options=question["choices"],
            assigned_users=[{"id": name, "name": name} for name in allowed] or None,
            response_timeout=timedelta(seconds=patience_s),
        )
        self.question = question

    def execute(self, context: Context) -> Any:
        """Ask, unless an earlier attempt has recorded the answer."""
        if not library().tabletops.awaits(ref_of(context), self.question["inject"], self.question["role"]):
            return None
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any] | None:
        """Record the decision, with the time at which it was given."""
        if event.get("error_type") == "timeout":
            self.log.warning("%s did not decide in time; the exercise goes on without it", self.question["role"])
            return None
        answer = answer_from(HITLOperator.execute_complete(self, context, event))
        library().tabletops.decide(ref_of(context), self.question["inject"], self.question["role"], answer)
        return said(answer)


class LessonsOperator(HITLOperator):
    """Ask what is to become better, and which lessons of earlier tabletops are learnt."""

    template_fields = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **retrying(kwargs),
            subject="What is to become better?",
            options=[NOTE, NOTHING],
        )

    def execute(self, context: Context) -> Any:
        """Ask, when people take part."""
        asked = library().tabletops.lessons(ref_of(context))
        if asked is None:
            raise AirflowSkipException("nobody takes part")
        self.body = LESSONS_BODY.format(points=_points(asked))
        self.response_timeout = timedelta(minutes=context["params"]["patience_minutes"])
        return super().execute(context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Record what was said; silence is no lesson."""
        if event.get("error_type") == "timeout":
            return []
        given = HITLOperator.execute_complete(self, context, event)
        found = lessons_from(given) if NOTE in given["chosen_options"] else []
        library().tabletops.note(ref_of(context), found)
        return said(found)


class CloseOperator(RecoveryOperator):
    """End the exercise, whatever became of its questions."""

    def execute(self, context: Context) -> str:
        """Return how it ended."""
        return said(library().tabletops.close(ref_of(context)))


def tabletop_id(system: str) -> str:
    """Return the id of the DAG that holds tabletops of ``system``."""
    return f"tabletop__{system}"


def build(dag: DAG, system: System, scenarios: Sequence[Scenario]) -> DAG:
    """Put into ``dag`` a task that shows and a mapped one that asks, for as many injects as any scenario has."""
    with dag:
        before: Any = ConveneOperator(task_id=SystemStep.DECLARE, system=system.name)
        for number in range(1, max(len(scenario.injects) for scenario in scenarios) + 1):
            shown = ShowOperator(task_id=f"show-{number}", number=number, trigger_rule="none_failed")
            asked = _asking(number).expand_kwargs(shown.output)
            before >> shown >> asked
            before = asked
        lessons = LessonsOperator(task_id="lessons", trigger_rule="none_failed", params=LESSON_FIELDS)
        close = CloseOperator(task_id=SystemStep.CLOSE, trigger_rule="all_done")
        before >> lessons >> close >> VerdictOperator(task_id="verdict", trigger_rule="all_done")
    return dag


def _asking(number: int) -> Any:
    return AnswerOperator.partial(task_id=f"answer-{number}", params=ANSWER_FIELDS, **retrying({}))


def answer_from(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return Airflow's answer in the library's words: ``decision``, ``person``, ``comment``, ``entered_by``, ``at``."""
    fields = given.get("params_input") or {}
    typed = str((given.get("responded_by_user") or {}).get("name") or "")
    person = str(fields.get("decided_by") or "").strip() or typed or "nobody named"
    at = given.get("responded_at") or datetime.now(UTC)
    return {
        "decision": given["chosen_options"][0],
        "person": person,
        "comment": str(fields.get("comment") or ""),
        "entered_by": "" if typed == person else typed,
        "at": at if isinstance(at, str) else at.isoformat(),
    }


def lessons_from(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the lessons of the form, as the record has them; a day that is none stays in the text."""
    fields = given.get("params_input") or {}
    person = str((given.get("responded_by_user") or {}).get("name") or "")
    new = [_lesson(line, person) for line in str(fields.get("lessons") or "").splitlines() if line.strip(" |")]
    done = [line.strip() for line in str(fields.get("learnt") or "").splitlines() if line.strip()]
    return [lesson.to_json() for lesson in (*(Lesson(what=what, person=person, mended=True) for what in done), *new)]


def _lesson(line: str, person: str) -> Lesson:
    what, owner, due, *_ = [*(part.strip() for part in line.split("|")), "", ""]
    try:
        return Lesson(what=what, person=person, owner=owner, due=date.fromisoformat(due) if due else None)
    except ValueError:
        return Lesson(what=line.strip(), person=person)


def _points(asked: Mapping[str, Any]) -> str:
    worth = [f"- {inject}: {point}" for inject, points in asked["points"].items() for point in points]
    still_open = [f"- {what}" for what in asked["open"]]
    parts = ["Was this talked about?", *worth]
    if still_open:
        parts += ["", "Open since earlier tabletops; write those that are learnt into the second field:", *still_open]
    return "\n".join(parts)
