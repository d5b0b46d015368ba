"""Tabletops from a terminal: asked there, simulated, from a file, cut off and carried on; exit codes."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from table import Table
from typer.testing import CliRunner, Result

from recovery_ops.cli.app import app
from recovery_ops.cli.participants import Terminal
from recovery_ops.cli.tabletop import Options, hold
from recovery_ops.drills.findings import settle
from recovery_ops.errors import RequestError
from recovery_ops.model.runs import RunRef
from recovery_ops.record.findings import known_findings

FIRST = ["", "1", "said at once"]
FOLLOWING = [["", "1", ""]] * 5


def drill(table: Table, tmp_path: Path, *arguments: str) -> Result:
    fixed = ["drill", "run", table.system.name, "--kind", "tabletop", "--out", str(tmp_path), "--ci"]
    return CliRunner().invoke(app, [*fixed, *arguments], env={"COLUMNS": "200"})


class Typed(io.StringIO):
    """What is typed; like a terminal, a line comes without its end."""

    def readline(self, _size: int = -1, /) -> str:
        line = super().readline()
        assert line, "more is asked than is typed"
        return line.rstrip("\n")


def typed(*lines: str) -> io.StringIO:
    return Typed("".join(f"{line}\n" for line in lines))


def talk(table: Table, ref: RunRef, *lines: str) -> str:
    """Play in a terminal where ``lines`` are typed; return what it shows."""
    shown = io.StringIO()
    exercise = table.exercise(ref)
    terminal = Terminal(exercise, table.records, Console(file=shown, width=160), "alice", typed(*lines))
    for inject in exercise.scenario.injects:
        exercise.show(inject)
        terminal.told(inject)
        for question in exercise.unanswered(inject):
            if (given := terminal.ask(question)) is not None:
                exercise.decide(question, given)
    for lesson in terminal.lessons():
        exercise.note(lesson)
    exercise.close()
    return shown.getvalue()


def test_without_a_terminal_nobody_takes_part_and_the_scenario_is_rehearsed(table: Table, tmp_path: Path) -> None:
    result = drill(table, tmp_path, "--json", "--junit", str(tmp_path / "junit.xml"))
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert (made["verdict"], made["classification"]["scenario"]) == ("pass", "regional-loss")
    assert "0 of 2 roles were filled by people" in result.stderr
    folder = tmp_path / made["identity"]["run_id"]
    assert "simulated participant" in (folder / "report.html").read_text()
    assert 'skipped="1"' in (tmp_path / "junit.xml").read_text()
    listed = CliRunner().invoke(app, ["drill", "list", table.system.name, "--json"])
    assert [(row["kind"], row["scenario"], row["passed"]) for row in json.loads(listed.stdout)] == [
        ("tabletop", "regional-loss", True)
    ]


def test_people_are_an_objective_unless_it_is_said_that_nobody_takes_part(table: Table, tmp_path: Path) -> None:
    result = drill(table, tmp_path, "--attended")
    assert result.exit_code == 1
    assert "nobody decided on inject first-alarms" in result.stderr
    assert "sre-lead: 0 of 4 injects answered by a person" in result.stderr


def test_answers_from_a_file_are_simulated_and_their_lessons_are_findings(table: Table, tmp_path: Path) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(
        "answers: {first-alarms: {sre-lead: {decision: declare and name a leader, person: alice, comment: now}}}\n"
        "lessons: [{what: print the playbook, owner: bob, due: 2026-12-24}]\n"
    )
    assert drill(table, tmp_path, "--answers", str(answers)).exit_code == 1
    result = drill(table, tmp_path, "--answers", str(answers), "--simulate", "--json")
    assert result.exit_code == 0, result.output
    (first, *_) = json.loads(result.stdout)["tabletop"]["injects"][0]["decisions"]
    assert (first["person"], first["comment"], first["simulated"]) == ("alice", "now", True)
    (finding,) = known_findings(table.records, table.system.name)
    assert (finding.subject, finding.owner) == ("print the playbook", "bob")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("answers: {first-alarm: {}}", "did you mean 'first-alarms'"),
        ("answers: {first-alarms: {sre-leed: {decision: declare and name a leader}}}", "did you mean 'sre-lead'"),
        ("answers: {first-alarms: {sre-lead: {decision: sleep}}}", "is none of the choices"),
        ("answers: {first-alarms: {sre-lead: {decisoin: sleep}}}", "did you mean 'decision'"),
        ("lessons: [{what: x, due: tomorrow}]", "is no day"),
        ("- 1", "must be a mapping"),
    ],
)
def test_what_is_wrong_with_answers_is_located_before_anything_is_declared(
    table: Table, tmp_path: Path, text: str, problem: str
) -> None:
    answers = tmp_path / "answers.yaml"
    answers.write_text(text)
    result = drill(table, tmp_path, "--answers", str(answers))
    assert (result.exit_code, problem in result.stderr) == (2, True), result.stderr
    assert f"{answers}:1:" in result.stderr
    assert not any(store.all_keys() for store in table.records)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--scenario", "regional-los"), "did you mean 'regional-loss'"),
        (("--resume", "r-20261126-ffffff"), "has no run r-20261126-ffffff"),
        (("--kind", "component", "--simulate"), "are for tabletops"),
        (("--via", "airflow"), "no Airflow is known"),
    ],
)
def test_what_makes_no_sense_ends_with_2(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = drill(table, tmp_path, *arguments)
    assert (result.exit_code, says in result.stderr) == (2, True), result.stderr


def test_a_scenario_may_be_a_file(table: Table, tmp_path: Path) -> None:
    own = tmp_path / "mine.yaml"
    own.write_text(
        "scenario: mine\ntitle: t\ngoal: g\ninjects:\n"
        "  - {id: one, known: k, question: q, roles: [sre-lead], choices: [a, b], expected: [b], points: [p]}\n"
    )
    result = drill(table, tmp_path, "--scenario", str(own), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["tabletop"]["injects"][0]["decisions"][0]["decision"] == "b"


def test_people_at_a_terminal_are_asked_for_every_role_and_what_is_to_become_better(table: Table) -> None:
    ref = table.convene()
    lines = [*FIRST, *["dave", "1", ""], *(line for lines in FOLLOWING[1:] for line in lines)]
    shown = talk(table, ref, *lines, "Print the playbook", "bob", "7", "")
    made = table.report(ref)
    assert made["verdict"] == "pass", made["result"]["reasons"]
    assert "1 of 4: first-alarms, the beginning" in shown
    assert "2 of 4: fail-over, 6m after the beginning" in shown
    assert "Who decides for data-owner (carol, dave)?" in shown
    assert "worth a word: T0 is when clients were first hit" in shown
    said = {inject["inject"]: inject["decisions"] for inject in made["tabletop"]["injects"]}
    assert [(item["person"], item["comment"]) for item in said["first-alarms"]] == [("alice", "said at once")]
    assert [(item["role"], item["person"]) for item in said["fail-over"]] == [
        ("sre-lead", "dave"),
        ("data-owner", "carol"),
    ]
    assert [(item["role"], item["person"]) for item in made["people"]["substitutions"]] == [("sre-lead", "dave")]
    assert made["tabletop"]["lessons"][0]["owner"] == "bob"


def test_nobody_is_an_answer_too_and_earlier_lessons_are_looked_at(table: Table) -> None:
    earlier = table.convene(simulated=True)
    table.play(earlier, lessons=())
    everybody = [line for lines in FOLLOWING for line in lines]
    first = table.convene()
    talk(table, first, *FIRST, *everybody, "Print the playbook", "", "", "")
    settle(table.system.name, table.report(first), table.records)
    ref = table.convene()
    shown = talk(table, ref, "-", *everybody, "y", "")
    assert "Said in an earlier tabletop: Print the playbook" in shown
    made = table.report(ref)
    assert ("people", "nobody decided on inject first-alarms") in [
        (reason["rule"], reason["what"]) for reason in made["result"]["reasons"]
    ]
    assert made["tabletop"]["lessons"][0]["mended"] is True


def test_what_stands_in_a_scenario_is_no_markup_of_the_terminal(table: Table) -> None:
    from test_tabletop import HOSTILE

    from recovery_ops.model.scenarios import Inject, Scenario

    inject = Inject(
        id="one", at_s=0.0, known=HOSTILE, question=HOSTILE, roles=(HOSTILE,), choices=(HOSTILE, "no"),
        expected=("no",), points=(HOSTILE,), decide_within_s=600.0,
    )  # fmt: skip
    ref = table.convene(Scenario(name="hostile", title=HOSTILE, goal=HOSTILE, injects=(inject,)))
    shown = talk(table, ref, HOSTILE, "2", "", "")
    assert shown.count("[red]{{ 7 * 7 }}[/red]") >= 5


def test_when_nobody_types_any_more_it_ends_with_4_and_says_how_to_go_on(
    table: Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal that is closed in the middle; the next call goes on with the question that was open."""

    class Closing(Terminal):
        def ask(self, question):  # type: ignore[no-untyped-def]
            if self.exercise.unanswered()[0].inject.id == "fail-over":
                raise EOFError
            return table.right(question)

    monkeypatch.setattr("recovery_ops.cli.tabletop.Terminal", Closing)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    said = Options(attended=True, person="alice")
    with pytest.raises(BaseException) as left:  # noqa: PT011 - typer's way to leave
        hold(table.system, said, Console(file=io.StringIO()), None, lambda _: None)
    assert getattr(left.value, "exit_code", None) == 4
    run_id = next(key for key in table.records[1].all_keys() if "declare" in key).split("/runs/")[1].partition("/")[0]
    asked: list[str] = []

    class Going(Terminal):
        def ask(self, question):  # type: ignore[no-untyped-def]
            asked.append(question.inject.id)
            return table.right(question)

        def lessons(self):  # type: ignore[no-untyped-def]
            return []

    monkeypatch.setattr("recovery_ops.cli.tabletop.Terminal", Going)
    resumed = Options(attended=True, person="bob", resume=run_id)
    ref = hold(table.system, resumed, Console(file=io.StringIO()), None, lambda _: None)
    assert asked == ["fail-over", "fail-over", "smaller-instances", "old-side-returns", "old-side-returns"]
    assert table.report(ref)["verdict"] == "pass"
    with pytest.raises(RequestError, match="is closed: completed"):
        hold(table.system, resumed, Console(file=io.StringIO()), None, lambda _: None)
