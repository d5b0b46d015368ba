"""What an operator may do: look before leaping, start a run, steer one that goes on. Each is an event with a name."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from recovery_ops.airflow.dags import failback_id, failover_id
from recovery_ops.airflow.dashboard import PREFIX, desk
from recovery_ops.airflow.dashboard.access import Visitor, operator, reader
from recovery_ops.airflow.dashboard.own_api import OwnApi
from recovery_ops.airflow.dashboard.pages import dag_of, run_response
from recovery_ops.airflow.dashboard.render import page
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.execution import controls
from recovery_ops.execution.declare import plan_of
from recovery_ops.execution.open_runs import find_run
from recovery_ops.model.plan import Intent, Mode
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import System
from recovery_ops.planning.estimates import longest_chain
from recovery_ops.protection.choice import choose_point
from recovery_ops.record.fold import fold
from recovery_ops.reporting.dashboard_overview import serving

Operator = Annotated[Visitor, Depends(operator)]
Reader = Annotated[Visitor, Depends(reader)]
Text = Annotated[str, Form()]
router = APIRouter()
LEAST_REASON = 5


class Wanted:
    """The form as it was filled in; what cannot be understood is said, and never guessed."""

    def __init__(
        self,
        target_region: Text = "",
        reason: Text = "",
        impact_at: Text = "",
        intent: Text = "region-loss",
        before: Text = "",
        graceful: Text = "",
        known: Text = "",
    ) -> None:
        self.target_region, self.reason, self.intent = target_region, reason.strip(), intent
        self.impact_at, self.before = impact_at, before
        self.graceful, self.known = bool(graceful), bool(known)

    def request(self, system: System, person: str) -> RunRequest:
        """Return what is asked for.

        Raises:
            RequestError: A field cannot be used; says which and why.
        """
        if self.target_region not in system.regions:
            raise RequestError(f"choose where {system.name} comes back: {', '.join(system.regions)}")
        if len(self.reason) < LEAST_REASON:
            raise RequestError("say in a few words what happened; it stands in the evidence")
        return RunRequest(
            system=system.name,
            mode=Mode.FAILBACK if self.target_region == system.home else Mode.FAILOVER,
            recovery_region=self.target_region,
            person=person,
            reason=self.reason,
            token="dry-run",  # noqa: S106 - names a run, opens nothing
            graceful=self.graceful,
            intent=_intent(self.intent),
            impact_at=_time("impact", self.impact_at),
            before=_time("before", self.before),
        )

    def conf(self, request: RunRequest) -> dict[str, Any]:
        """Return the fields of the DAG's own form."""
        given: dict[str, Any] = {
            "target_region": request.recovery_region,
            "reason": request.reason,
            "intent": str(request.intent),
            "graceful": request.graceful,
        }
        times = {"impact_at": request.impact_at, "before": request.before}
        return given | {name: at.isoformat() for name, at in times.items() if at is not None}


@router.get("/systems/{system}/recover")
def show_form(request: Request, system: str, who: Reader) -> Response:
    """Show the form that starts a recovery, with who answers clients now."""
    return _form(request, system, who, Wanted(reason="", intent="region-loss"))


@router.post("/systems/{system}/check")
def check(request: Request, system: str, who: Operator, wanted: Annotated[Wanted, Depends()]) -> Response:
    """Show plan and recovery point of what is asked for; nothing is changed."""
    found = desk.lookout(system).system
    try:
        asked = wanted.request(found, who.name)
        return _form(request, system, who, wanted, dry=_dry(found, asked))
    except RecoveryError as error:
        return _form(request, system, who, wanted, problem=error.message, status=409)


@router.post("/systems/{system}/start")
async def start(request: Request, system: str, who: Operator, wanted: Annotated[Wanted, Depends()]) -> Response:
    """Start the recovery; while the region to leave still answers, only for somebody who says to know that."""
    found = desk.lookout(system).system
    try:
        asked = wanted.request(found, who.name)
        leaving = await run_in_threadpool(_left, system)
        answer = await run_in_threadpool(desk.who_answers, found)
        if answer.region == leaving and not wanted.known:
            raise RequestError(
                f"{leaving} still answers clients; say that you know it, or look first whether it is dead"
            )
        dag_id = failback_id(system) if asked.recovery_region == found.home else failover_id(system)
        dag_run = await OwnApi(request).trigger(dag_id, wanted.conf(asked))
    except RecoveryError as error:
        problem = error.message
        return await run_in_threadpool(lambda: _form(request, system, who, wanted, problem=problem, status=409))
    return RedirectResponse(f"{PREFIX}/dag-runs/{dag_id}/{dag_run}", 303)


@router.post("/systems/{system}/runs/{run_id}/control/{wish}")
async def control(
    request: Request, system: str, run_id: str, wish: str, who: Operator, reason: Text = "", step: Text = ""
) -> Response:
    """Pause, resume, cancel, skip, retry, override or go on ungracefully."""
    act = WISHES.get(wish)
    if act is None:
        raise HTTPException(404, f"nobody can {wish} a run; {', '.join(WISHES)}")
    if len(reason.strip()) < LEAST_REASON:
        problem = "say in a few words why; it stands in the evidence"
        return await run_response(request, system, run_id, who, problem=problem, status=409)
    found = desk.lookout(system).system
    try:
        await run_in_threadpool(lambda: act(find_run(found, run_id), who.name, reason.strip(), step or None))
    except RecoveryError as error:
        return await run_response(request, system, run_id, who, problem=error.message, status=409)
    return RedirectResponse(f"{PREFIX}/systems/{system}/runs/{run_id}", 303)


@router.post("/systems/{system}/runs/{run_id}/answer")
async def answer(
    request: Request, system: str, run_id: str, who: Operator, decision: Text = "", comment: Text = ""
) -> Response:
    """Answer what the run asks: there where it asks, in Airflow or in its record."""
    found = desk.lookout(system)
    try:
        await _answer(request, system, run_id, who, decision, comment)
    except RecoveryError as error:
        return await run_response(request, system, run_id, who, problem=error.message, status=409)
    assert found is not None
    return RedirectResponse(f"{PREFIX}/systems/{system}/runs/{run_id}", 303)


async def _answer(request: Request, system: str, run_id: str, who: Visitor, decision: str, comment: str) -> None:
    found = desk.lookout(system)
    events = await run_in_threadpool(lambda: found.events(run_id))
    state = fold(events)
    question = state.open_question
    if decision not in controls.DECISIONS or question is None:
        raise RequestError("the run asks nothing now, or this is no answer")
    if question.asked_in != "airflow":
        ref = await run_in_threadpool(lambda: find_run(found.system, run_id))
        await run_in_threadpool(
            lambda: controls.answer_approval(ref, person=who.name, decision=decision, comment=comment)
        )
        return
    token = next((str(event.payload["token"]) for event in events if "token" in event.payload), "")
    dag_id = await dag_of(request, found, state.mode, token)
    if dag_id is None:
        raise RequestError("the DAG run that asks is not known here; answer under Required Actions in Airflow")
    await OwnApi(request).answer(dag_id, token, approve=decision == "approve", comment=comment)


Act = Callable[[RunRef, str, str, str | None], object]
WISHES: Mapping[str, Act] = {
    "pause": lambda ref, person, reason, _: controls.pause(ref, person=person, reason=reason),
    "resume": lambda ref, person, reason, _: controls.resume(ref, person=person, reason=reason),
    "cancel": lambda ref, person, reason, _: controls.cancel(ref, person=person, reason=reason),
    "ungraceful": lambda ref, person, reason, step: controls.go_ungraceful(
        ref, person=person, reason=reason, step=step
    ),
    "skip": lambda ref, person, reason, step: controls.skip(ref, step or "", person=person, reason=reason),
    "retry": lambda ref, person, reason, step: controls.retry(ref, step or "", person=person, reason=reason),
    "override": lambda ref, person, reason, step: controls.override(ref, step or "", person=person, reason=reason),
}


def _form(
    request: Request,
    name: str,
    who: Visitor,
    wanted: Wanted,
    *,
    dry: Mapping[str, Any] | None = None,
    problem: str | None = None,
    status: int = 200,
) -> Response:
    found = desk.lookout(name)
    system, leaving = found.system, _left(name)
    facts = {
        "system": system,
        "leaving": leaving,
        "targets": [region for region in system.regions if region != leaving],
        "answer": desk.who_answers(system),
        "dark": found.silent(),
        "wanted": wanted,
        "dry": dry,
        "problem": problem,
        "may_act": who.may_act(name),
        "open_runs": [run for run in found.summaries() if run.is_open],
    }
    return page(request, "recover", who, facts, status=status)


def _left(name: str) -> str:
    found = desk.lookout(name)
    return serving(found.system, found.summaries())


def _dry(system: System, asked: RunRequest) -> dict[str, Any]:
    plan = plan_of(asked, system)
    now = desk.now()
    with calling_as(Caller(run_id="dry-run", step="declare", forbidden_region=plan.impaired_region)):
        choice = choose_point(system, asked, impact_at=asked.impact_at or now)
    chain = longest_chain(plan.steps, "cutover")
    return {
        "plan": plan,
        "point": choice.point,
        "age_s": ((asked.impact_at or now) - choice.point.watermark).total_seconds(),
        "refused": dict(choice.refused),
        "chain": [step.id for step in chain],
        "until_cutover_s": sum(step.estimate_s for step in chain),
        "control_planes": sorted({plane for step in plan.steps for plane in step.control_planes}),
    }


def _intent(text: str) -> Intent:
    try:
        return Intent(text)
    except ValueError as error:
        raise RequestError(f"{text!r} is no intent; {', '.join(Intent)}") from error


def _time(name: str, text: str) -> datetime | None:
    """Browsers send the time of a field without offset; the page says that it is UTC."""
    if not text.strip():
        return None
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise RequestError(f"the time of {name} is {text!r}; write it like 2026-11-23T09:00") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
