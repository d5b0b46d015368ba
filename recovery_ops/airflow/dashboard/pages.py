"""The pages that only show."""

from importlib.resources import files
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from recovery_ops.airflow.dags import failback_id, failover_id, recover_id
from recovery_ops.airflow.dashboard import PREFIX, desk
from recovery_ops.airflow.dashboard.access import Visitor, reader, visitor
from recovery_ops.airflow.dashboard.own_api import OwnApi
from recovery_ops.airflow.dashboard.render import HEADERS, document, page
from recovery_ops.errors import RequestError
from recovery_ops.model.plan import Mode
from recovery_ops.model.runs import mint_run_id
from recovery_ops.record import keys
from recovery_ops.record.fold import fold
from recovery_ops.record.views import state_json
from recovery_ops.reporting import render, report
from recovery_ops.reporting.dashboard import Lookout
from recovery_ops.reporting.dashboard_drills import drills_page
from recovery_ops.reporting.dashboard_overview import overview
from recovery_ops.reporting.dashboard_run import run_page
from recovery_ops.reporting.dashboard_system import system_page

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
Anybody = Annotated[Visitor, Depends(visitor)]
Reader = Annotated[Visitor, Depends(reader)]
router = APIRouter()


@router.get("/")
def show_overview(request: Request, who: Anybody) -> Response:
    """Show every system that this person may see."""
    names, broken = _seen(who)
    lines = [overview(desk.lookout(name), desk.now()) for name in names]
    return page(request, "overview", who, {"lines": lines, "broken": broken})


@router.get("/drills")
def show_drills(request: Request, who: Anybody) -> Response:
    """Show drills, findings and what is proven, of every system."""
    found = [desk.lookout(name) for name in _seen(who)[0]]
    return page(request, "drills", who, {"systems": [drills_page(one, desk.now(), desk.alarms(one)) for one in found]})


@router.get("/evidence")
def show_evidence(request: Request, who: Anybody) -> Response:
    """Show all runs with their reports."""
    found = [(name, desk.lookout(name).summaries()) for name in _seen(who)[0]]
    return page(request, "evidence", who, {"systems": found})


@router.get("/static/{name}")
def send_static(name: str, who: Anybody) -> Response:  # noqa: ARG001 - asks for a log-in
    """Send a file of ours."""
    suffix = name.rpartition(".")[2]
    path = files("recovery_ops.airflow.dashboard") / "static" / name
    if suffix not in TYPES or "/" in name or not path.is_file():
        raise HTTPException(404, f"there is no {name}")
    headers = HEADERS | {"Cache-Control": "private, max-age=300"}
    return Response(path.read_bytes(), media_type=TYPES[suffix], headers=headers)


@router.get("/systems/{system}")
def show_system(request: Request, system: str, who: Reader) -> Response:
    """Show components, recovery points, history and trends of one system."""
    found = desk.lookout(system)
    facts = system_page(found, desk.points(found), desk.now())
    return page(request, "system", who, facts)


@router.get("/systems/{system}/playbook")
def show_playbook(system: str, who: Reader) -> Response:  # noqa: ARG001 - asks for the right to read
    """Show the published playbook from the first region that has it."""
    body = desk.lookout(system).page(keys.playbook_page_key(system))
    if body is None:
        raise HTTPException(404, f"no region that answers has a playbook of {system}; run its playbook DAG")
    return document(body)


@router.get("/systems/{system}/runs/{run_id}")
async def show_run(request: Request, system: str, run_id: str, who: Reader) -> Response:
    """Show a run, live."""
    return await run_response(request, system, run_id, who)


async def run_response(
    request: Request, system: str, run_id: str, who: Visitor, *, problem: str | None = None, status: int = 200
) -> Response:
    """Return the page of a run, with what was refused just now."""
    found = desk.lookout(system)
    facts = await run_in_threadpool(lambda: run_page(found.events(run_id), desk.now()))
    if facts is None:
        raise _missing(found, run_id)
    task_base = None
    if facts["token"]:
        dag_id = await dag_of(request, found, facts["state"].mode, facts["token"])
        task_base = f"/dags/{dag_id}/runs/{facts['token']}" if dag_id else None
    known = {"system": system, "run_id": run_id, "task_base": task_base, "dark": found.silent(), "problem": problem}
    return page(request, "run", who, {**facts, **known, "may_act": who.may_act(system)}, status=status)


@router.get("/systems/{system}/runs/{run_id}/state")
def show_state(system: str, run_id: str, who: Reader) -> Response:  # noqa: ARG001 - asks for the right to read
    """Send the state of a run as JSON, for scripts."""
    return JSONResponse(state_json(fold(desk.lookout(system).events(run_id))), headers=HEADERS)


@router.get("/systems/{system}/runs/{run_id}/report")
def show_report(system: str, run_id: str, who: Reader) -> Response:  # noqa: ARG001 - asks for the right to read
    """Verify the record of a run now, and show its report."""
    found = desk.lookout(system)
    events, broken = found.events(run_id), found.verify(run_id)
    if not events or broken is None:
        raise _missing(found, run_id)
    return document(render(report(events, broken=[item.to_json() for item in broken])))


@router.get("/systems/{system}/runs/{run_id}/chain")
def show_chain(request: Request, system: str, run_id: str, who: Reader) -> Response:
    """Verify the record of a run now, and say what is wrong with it."""
    broken = desk.lookout(system).verify(run_id)
    return page(request, "chain", who, {"system": system, "run_id": run_id, "broken": broken})


@router.get("/dag-runs/{dag_id}/{dag_run_id}")
async def show_dag_run(request: Request, dag_id: str, dag_run_id: str, who: Anybody) -> Response:
    """Go to the run that a DAG run carries out; until it is declared, wait for it."""
    known, _ = await run_in_threadpool(desk.systems)
    parts = dag_id.split("__")
    system = parts[1] if len(parts) > 1 else ""
    carries = system in known and parts[0] in ("failover", "failback", "recover", "drill")
    if not carries:
        return page(request, "no_run", who, {"dag_id": dag_id, "state": "", "system": None})
    if not who.may("GET", system):
        raise HTTPException(403, f"{who.name} may not see {system}")
    found = desk.lookout(system)
    try:
        dag_run = await OwnApi(request).dag_run(dag_id, dag_run_id)
    except RequestError as error:
        raise HTTPException(404, error.message) from error
    carried_on = (dag_run.get("conf") or {}).get("resume_run")
    run_id = str(carried_on) if carried_on else await run_in_threadpool(run_of, found, dag_run_id)
    if run_id is None:
        return page(request, "no_run", who, {"dag_id": dag_id, "state": dag_run["state"], "system": system})
    target = f"{PREFIX}/systems/{system}/runs/{run_id}"
    if request.query_params.get("live"):
        return JSONResponse({"go": target}, headers=HEADERS)
    return RedirectResponse(target, 303)


def run_of(found: Lookout, dag_run_id: str) -> str | None:
    """Return the run that a DAG run declared: its id ends with the hash of the DAG run's."""
    end = mint_run_id(f"{found.system.name}/{dag_run_id}", desk.now()).rpartition("-")[2]
    return next((run_id for run_id in found.run_ids() if run_id.startswith("r-") and run_id.endswith(f"-{end}")), None)


async def dag_of(request: Request, found: Lookout, mode: str, dag_run_id: str) -> str | None:
    """Return the DAG that a DAG run belongs to: a failback may be one of either DAG that moves the system."""
    name = found.system.name
    moving = {Mode.FAILOVER: [failover_id(name)], Mode.FAILBACK: [failback_id(name), failover_id(name)]}
    components = [recover_id(name, component.name) for component in found.system.components]
    wanted = moving.get(Mode(mode), components if mode == Mode.COMPONENT else [])
    if len(wanted) == 1:
        return wanted[0]
    key = (name, dag_run_id)
    if key not in _dags:
        for dag_id in wanted:
            try:
                await OwnApi(request).dag_run(dag_id, dag_run_id)
            except RequestError:
                continue
            _dags[key] = dag_id
            break
    return _dags.get(key)


_dags: dict[tuple[str, str], str] = {}


def _seen(who: Visitor) -> tuple[list[str], dict[str, Any]]:
    good, broken = desk.systems()
    return [name for name in good if who.may("GET", name)], {
        name: why for name, why in broken.items() if who.may("GET", name)
    }


def _missing(found: Lookout, run_id: str) -> HTTPException:
    """Return 503 when no region answers, so that nobody can say; else 404."""
    silent, name = found.silent(), found.system.name
    if len(silent) == len(found.doors):
        return HTTPException(503, f"no region of {name} answers: {', '.join(silent)}")
    told = ", ".join(silent) or "none"
    return HTTPException(404, f"no region that answers has a run {run_id} of {name}; silent: {told}")
