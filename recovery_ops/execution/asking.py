"""Questions that a run asks people itself, and what their silence means."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.execution.heeding import listen, until
from recovery_ops.execution.leases import LEASE_S
from recovery_ops.execution.runners import AIRFLOW
from recovery_ops.execution.view import PEOPLE, RunView, load_run
from recovery_ops.model.events import Event, EventType
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import SHORTEST_QUESTION_S, OnTimeout
from recovery_ops.record.log import EventWriter

NOBODY = "nobody"
Answer = Mapping[str, Any]


class StillAskedError(Exception):
    """The wait limit was reached while a question is open; never leaves the package."""


def ask(
    view: RunView,
    writer: EventWriter,
    question: str,
    *,
    timeout_s: float,
    on_timeout: OnTimeout,
    limit_s: float | None = None,
) -> Answer:
    """Ask ``question`` once, however often the step is resumed, and return its answer.

    Args:
        view: The run.
        writer: Chain of the step that asks.
        question: ``cutover`` or ``commit``.
        timeout_s: Wall seconds from the question after which ``on_timeout`` answers.
        on_timeout: What silence means.
        limit_s: Wall seconds to wait in place.

    Raises:
        StillAskedError: Nobody has answered within ``limit_s``.
        RunCancelledError: The run was cancelled meanwhile.
    """
    asked = _asked(view, writer, question) or writer.append(
        EventType.APPROVAL_ASKED,
        {
            "question": question,
            "policy": "ask",
            "approvers": list(view.system.approval.approvers),
            "timeout_s": timeout_s,
        },
    )
    end = asked.at + timedelta(seconds=float(asked.payload["timeout_s"]))

    def look() -> Answer | None:
        listen(view)
        return _answer(view, asked) or (_silence(on_timeout) if datetime.now(UTC) >= end else None)

    answer = until(look, lambda seen: seen is not None, view, limit_s)
    if answer is None:
        raise StillAskedError(f"waits for the approval of {question} until {end:%H:%M:%S} UTC")
    if answer["person"] == NOBODY:
        writer.append(EventType.APPROVAL_ANSWERED, {"question": question, **answer})
    return answer


def note_question(ref: RunRef, timeout_s: float) -> None:
    """Note that Airflow asks for the approval of cutover, and hold the lease for as long as it waits for the answer.

    Args:
        ref: The run.
        timeout_s: Wall seconds until Airflow answers itself.
    """
    with calling_as(Caller(run_id=ref.run_id, step=SystemStep.APPROVE, forbidden_region=ref.impaired_region)):
        view = load_run(ref)
        listen(view)
        view.claim(LEASE_S + timeout_s)
        if any(event.payload.get("asked_in") for event in view.log.events_of(f"{SystemStep.APPROVE}#asked")):
            return
        policy = {"policy": "ask", "approvers": list(view.system.approval.approvers), "timeout_s": timeout_s}
        facts = {"question": "cutover", "asked_in": AIRFLOW} | policy
        view.log.writer(f"{SystemStep.APPROVE}#asked").append(EventType.APPROVAL_ASKED, facts)


def is_open(view: RunView, step_id: str) -> bool:
    """Return whether the step has asked something that nobody has answered, and may still wait for it."""
    asked = [event for event in view.log.events_of(f"{step_id}#") if event.type is EventType.APPROVAL_ASKED]
    if not asked or asked[-1].payload.get("asked_in"):
        return False
    end = asked[-1].at + timedelta(seconds=float(asked[-1].payload["timeout_s"]))
    return datetime.now(UTC) < end and _answer(view, asked[-1]) is None


def asking_s(view: RunView, modelled_s: float) -> float:
    """Return how long a question waits, wall seconds; ``modelled_s`` is what the catalog says."""
    return max(view.wall(modelled_s), SHORTEST_QUESTION_S)


def _asked(view: RunView, writer: EventWriter, question: str) -> Event | None:
    step = writer.name.partition("#")[0]
    asked = [event for event in view.log.events_of(f"{step}#") if event.type is EventType.APPROVAL_ASKED]
    open_ones = [event for event in asked if event.payload.get("question") == question and event.writer == writer.name]
    return open_ones[-1] if open_ones else None


def _answer(view: RunView, asked: Event) -> Answer | None:
    for event in view.log.events_of(PEOPLE):
        answers = event.type is EventType.APPROVAL_ANSWERED and event.at >= asked.at
        if answers and event.payload.get("question") == asked.payload["question"]:
            return event.payload
    return None


def _silence(on_timeout: OnTimeout) -> Answer:
    decision = "approve" if on_timeout is OnTimeout.PROCEED else "timeout"
    return {"decision": decision, "person": NOBODY, "comment": "no answer in time"}
