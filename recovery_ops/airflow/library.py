"""The library as operators and triggers see it, looked up in one place, so that a test can put fakes there.

Nothing is imported until the first call: parsing a DAG file stays cheap.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from recovery_ops.model.operations import OperationRef, OperationStatus
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System

if TYPE_CHECKING:
    from recovery_ops.execution.steps import StepResult
    from recovery_ops.model.tabletops import TabletopRequest


class RunStep(Protocol):
    """Signature of :func:`recovery_ops.execution.steps.run_step`."""

    def __call__(
        self,
        ref: RunRef,
        step_id: str,
        *,
        attempt: int,
        wait_limit_s: float | None = None,
        answer: Mapping[str, Any] | None = None,
    ) -> "StepResult":
        """Run, or resume, one step."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabletops:
    """What the tasks of a tabletop may do.

    ``convene`` declares it, ``resume`` finds an open one by its run id. ``show`` tells inject number n (from 1) and
    returns its questions that a person has to answer, or ``None`` when the scenario has no such inject or the exercise
    is over. ``awaits`` says whether an inject still waits for a role, ``decide`` records an answer, ``lessons`` says
    what to ask at the end (``None``: nothing), ``note`` records lessons, ``close`` returns how it ended.
    """

    convene: Callable[[System, "TabletopRequest"], RunRef]
    resume: Callable[[System, str], RunRef]
    show: Callable[[RunRef, int], list[dict[str, Any]] | None]
    awaits: Callable[[RunRef, str, str], bool]
    decide: Callable[[RunRef, str, str, Mapping[str, Any]], None]
    lessons: Callable[[RunRef], Mapping[str, Any] | None]
    note: Callable[[RunRef, Sequence[Mapping[str, Any]]], None]
    close: Callable[[RunRef], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What Airflow's tasks may do.

    ``take_over`` makes this DAG run, which has these steps, carry on an open run on behalf of a person with a reason.
    ``protect`` returns the id of the point, ``prepare`` that of the point a failback starts from (or ``None``),
    ``pay_debts`` what was paid and what was not, ``publish`` the report, ``publish_playbook`` where its copies are.
    ``is_held`` says whether a step waits for people, ``must_roll_back`` whether traffic may have moved and nobody
    accepted it, ``ask`` notes that Airflow asks for the approval, with the wall seconds that it waits,
    ``is_unanswered`` says whether that question still waits for its answer. ``sweep`` returns the state of readiness,
    or ``None`` when no sweep is due. ``clear_drills`` says what became of drills that were left behind and whether each
    is gone and has its report, or ``None`` when there are none; ``restore_test`` returns its result, ``agenda`` what
    the drill calendar says now. ``detect`` judges the region that serves; ``notified`` notes that somebody was told,
    or was not.
    ``tabletops`` is what tabletops need.
    """

    load_system: Callable[[str], System]
    declare: Callable[[RunRequest, System], RunRef]
    take_over: Callable[[System, str, str, str, set[str]], RunRef]
    run_step: RunStep
    look: Callable[[RunRef, OperationRef], OperationStatus]
    is_held: Callable[[RunRef, str], bool]
    must_roll_back: Callable[[RunRef], bool]
    ask: Callable[[RunRef, float], None]
    is_unanswered: Callable[[RunRef], bool]
    protect: Callable[[str], str]
    prepare: Callable[[str, str], str | None]
    pay_debts: Callable[[str], Mapping[str, list[str]]]
    publish: Callable[[RunRef], Mapping[str, Any]]
    sweep: Callable[[str], str | None]
    publish_playbook: Callable[[str], list[str]]
    clear_drills: Callable[[str], tuple[list[str], bool] | None]
    restore_test: Callable[[str, str], Mapping[str, Any]]
    agenda: Callable[[str], Mapping[str, Any]]
    detect: Callable[[str], Mapping[str, Any]]
    notified: Callable[[RunRef, Mapping[str, Any]], None]
    tabletops: Tabletops


_installed: list[Library] = []


def library() -> Library:
    """Return the library in use: the real one, unless a fake was installed."""
    return _installed[-1] if _installed else REAL


def install(fake: Library) -> None:
    """Let every operator and trigger of this process use ``fake`` from now on; for tests and benchmarks."""
    _installed.append(fake)


def uninstall() -> None:
    """Take back the last :func:`install`."""
    _installed.pop()


def _load_system(name: str) -> System:
    from recovery_ops.execution.systems import load_system

    return load_system(name, Settings.from_environment().catalogs)


def _declare(request: RunRequest, system: System) -> RunRef:
    from recovery_ops.execution.declare import declare
    from recovery_ops.execution.steps import run_step

    ref = declare(request, system)
    run_step(ref, "declare")
    return ref


def _take_over(system: System, run_id: str, person: str, reason: str, steps: set[str]) -> RunRef:
    from recovery_ops.execution.open_runs import find_run
    from recovery_ops.execution.taking_over import take_over

    ref = find_run(system, run_id)
    take_over(ref, person=person, reason=reason, steps=steps)
    return ref


def _run_step(
    ref: RunRef,
    step_id: str,
    *,
    attempt: int,
    wait_limit_s: float | None = None,
    answer: Mapping[str, Any] | None = None,
) -> "StepResult":
    from recovery_ops.execution.steps import run_step

    return run_step(ref, step_id, attempt=attempt, wait_limit_s=wait_limit_s, answer=answer)


def _look(ref: RunRef, operation: OperationRef) -> OperationStatus:
    from recovery_ops.execution.steps import look

    return look(ref, operation)


def _is_held(ref: RunRef, step_id: str) -> bool:
    from recovery_ops.execution.waking import is_held

    return is_held(ref, step_id)


def _must_roll_back(ref: RunRef) -> bool:
    from recovery_ops.execution.system_steps import must_roll_back, state_of
    from recovery_ops.execution.view import load_run

    return must_roll_back(state_of(load_run(ref)))


def _ask(ref: RunRef, timeout_s: float) -> None:
    from recovery_ops.execution.asking import note_question

    note_question(ref, timeout_s)


def _is_unanswered(ref: RunRef) -> bool:
    from recovery_ops.execution.waking import is_unanswered

    return is_unanswered(ref)


def _protect(name: str) -> str:
    from recovery_ops.execution.protecting import protect

    return protect(_load_system(name)).id


def _prepare(name: str, person: str) -> str | None:
    from recovery_ops.execution.homecoming import prepare

    point = prepare(_load_system(name), person=person)
    return point.id if point else None


def _pay_debts(name: str) -> Mapping[str, list[str]]:
    from recovery_ops.execution.debts import pay_debts

    paid: dict[str, list[str]] = {"paid": [], "left": []}
    for payment in pay_debts(_load_system(name), person="schedule"):
        what = f"{payment.debt.debt} {payment.debt.component} in {payment.debt.region}: {payment.debt.what}"
        paid["paid" if payment.paid else "left"].append(what if payment.paid else f"{what} ({payment.why})")
    return paid


def _publish(ref: RunRef) -> Mapping[str, Any]:
    from recovery_ops.drills.settling import publish_settled

    folder = _reports()
    return publish_settled(ref, folder / ref.run_id if folder else None)


def _reports() -> Path | None:
    folder = os.environ.get("RECOVERY_OPS_REPORTS")
    return Path(folder) if folder else None


def _sweep(name: str) -> str | None:
    from recovery_ops.readiness.sweeping import is_due, sweep

    system = _load_system(name)
    return str(sweep(system).state) if is_due(system, datetime.now(UTC)) else None


def _clear_drills(name: str) -> tuple[list[str], bool] | None:
    from recovery_ops.drills.clearing import clear, told

    cleared = clear(_load_system(name), person="schedule", reason="its runner is gone", out=_reports())
    waiting = [item for item in cleared if item.still_runs]
    ended = [item for item in cleared if item not in waiting]
    return (told(ended).splitlines(), all(item.done for item in ended)) if ended else None


def _restore_test(name: str, person: str) -> Mapping[str, Any]:
    from recovery_ops.drills.restoring import restore_test

    return restore_test(_load_system(name), person=person).to_json()


def _agenda(name: str) -> Mapping[str, Any]:
    from recovery_ops.drills.scheduling import agenda

    return agenda(_load_system(name)).to_json()


def _publish_playbook(name: str) -> list[str]:
    from recovery_ops.playbooks.publishing import publish_everywhere

    return publish_everywhere(_load_system(name), Path(os.environ.get("RECOVERY_OPS_PLAYBOOKS", "playbooks")))


def _detect(name: str) -> Mapping[str, Any]:
    from recovery_ops.detection.sweeping import sweep

    outcome = sweep(_load_system(name))
    facts = {"dag_run_id": outcome.dag_run_id, "news": outcome.news}
    return outcome.judgment.to_json() | facts


def _notified(ref: RunRef, facts: Mapping[str, Any]) -> None:
    from recovery_ops.execution.witnesses import record_notified

    record_notified(ref, facts)


def _hosted(name: str) -> Callable[..., Any]:
    """Return a function of :mod:`recovery_ops.drills.hosting` that is imported when it is called."""

    def call(*args: Any) -> Any:
        from recovery_ops.drills import hosting

        return getattr(hosting, name)(*args)

    return call


REAL = Library(
    load_system=_load_system,
    declare=_declare,
    take_over=_take_over,
    run_step=_run_step,
    look=_look,
    is_held=_is_held,
    must_roll_back=_must_roll_back,
    ask=_ask,
    is_unanswered=_is_unanswered,
    protect=_protect,
    prepare=_prepare,
    pay_debts=_pay_debts,
    publish=_publish,
    sweep=_sweep,
    publish_playbook=_publish_playbook,
    clear_drills=_clear_drills,
    restore_test=_restore_test,
    agenda=_agenda,
    detect=_detect,
    notified=_notified,
    tabletops=Tabletops(**{field.name: _hosted(field.name) for field in fields(Tabletops)}),
)
