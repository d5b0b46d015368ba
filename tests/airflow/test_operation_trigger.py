"""The trigger looks, wakes the step, and survives being moved to another process."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from recovery_ops.airflow import library, triggers
from recovery_ops.airflow.triggers import OperationTrigger, PeopleTrigger, QuestionTrigger
from recovery_ops.errors import RecordError, StepInterruptedError
from recovery_ops.model.operations import DONE, OperationRef, OperationState, OperationStatus
from recovery_ops.model.runs import RunRef

RUN = RunRef(system="s", run_id="r-1", recovery_region="us-west-2", impaired_region="us-east-1", record_bucket="b")
OPERATION = OperationRef(kind="k", component="c", phase="rehydrate", region="us-west-2", resource_id="thing")
RUNNING = OperationStatus(state=OperationState.RUNNING, detail="Creating")


class Looks:
    """Answers one look after the other."""

    def __init__(self, *answers: OperationStatus | Exception) -> None:
        self.answers = list(answers)

    def __call__(self, ref: RunRef, operation: OperationRef) -> OperationStatus:
        assert (ref, operation) == (RUN, OPERATION)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triggers, "TRIGGER_POLL_AT_LEAST_S", 0.0)
    monkeypatch.setenv("RECOVERY_OPS_TIME_FACTOR", "0")


@pytest.fixture
def looking() -> Iterator[list[Looks]]:
    looks: list[Looks] = []
    library.install(replace(library.REAL, look=lambda ref, operation: looks[0](ref, operation)))
    yield looks
    library.uninstall()


def fire(trigger: OperationTrigger) -> dict[str, str]:
    async def first() -> dict[str, str]:
        return dict((await anext(trigger.run())).payload)

    return asyncio.run(first())


def watching(**changes: float) -> OperationTrigger:
    return OperationTrigger(run=RUN.to_json(), operation=OPERATION.to_json(), **changes)


def test_it_fires_when_the_operation_is_over(looking: list[Looks]) -> None:
    looking.append(Looks(RUNNING, RUNNING, DONE))
    assert fire(watching())["state"] == "succeeded"
    assert looking[0].answers == []


def test_a_look_without_answer_is_repeated(looking: list[Looks]) -> None:
    looking.append(Looks(StepInterruptedError("throttled"), DONE))
    assert fire(watching())["state"] == "succeeded"


def test_an_error_that_repeating_does_not_mend_wakes_the_step(looking: list[Looks]) -> None:
    looking.append(Looks(RecordError("the record cannot be read")))
    assert fire(watching()) == {"state": "failed", "detail": "the record cannot be read"}


def test_the_step_is_woken_at_the_end_of_the_watch_whatever_happens(looking: list[Looks]) -> None:
    looking.append(Looks(RUNNING))
    assert fire(watching(until=0.0)) == {"state": "running", "detail": "Creating"}


def test_a_trigger_that_moves_to_another_process_is_the_same() -> None:
    path, arguments = watching(until=5.0).serialize()
    assert path == "recovery_ops.airflow.triggers.OperationTrigger"
    assert OperationTrigger(**arguments).serialize() == (path, arguments)


class Asked:
    """Answers one question after the other, and keeps what was asked."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.answers = list(answers)
        self.questions: list[tuple[object, ...]] = []

    def __call__(self, *question: object) -> bool:
        self.questions.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def woken(trigger: PeopleTrigger | QuestionTrigger, **asked: Asked) -> object:
    """Let the triggerer look, in another process, until it wakes the step; return with what."""
    library.install(replace(library.REAL, **asked))
    try:
        path, facts = trigger.serialize()
        assert path == f"recovery_ops.airflow.triggers.{type(trigger).__name__}"
        return asyncio.run(anext(aiter(type(trigger)(**facts).run()))).payload
    finally:
        library.uninstall()


def test_a_step_that_people_hold_is_woken_when_they_let_go() -> None:
    asked = Asked(True, StepInterruptedError("no answer"), True, False)
    assert woken(PeopleTrigger(run=RUN.to_json(), step="commit"), is_held=asked) == {"step": "commit"}
    assert (asked.questions, asked.answers) == ([(RUN, "commit")] * 4, [])


def test_a_question_is_watched_until_somebody_has_answered_it() -> None:
    asked = Asked(True, StepInterruptedError("no answer"), True, False)
    assert woken(QuestionTrigger(run=RUN.to_json()), is_unanswered=asked) == {"step": "approve"}
    assert (asked.questions, asked.answers) == ([(RUN,)] * 4, [])
