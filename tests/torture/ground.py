"""A protected system, and processes that recover it, die, and are judged from outside.

Everything that is judged comes from the sandbox and from the record, nothing from the processes themselves. Every
process is a fork of this one: it has the heavy packages in memory and shares no connection.
"""

import functools
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from points import Point, Visits, watched

from recovery_ops.aws.worlds import speaking_to
from recovery_ops.model.plan import Mode, Plan, SystemStep
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import System
from recovery_ops.sandbox.process import RunningSandbox, running_sandbox
from recovery_ops.testing.patience import calm_catalogs

ROOT = Path(__file__).parents[2]
HOME, TARGET = "us-east-1", "us-west-2"
FIRST = "failover"
"""The course that every other one starts from."""
PROTECTED, BEGIN = "protected", "begin"
"""Marks: everything is well; the moment before the first step."""
SERVICES = ("s3", "dynamodb", "ssm", "sagemaker", "application-autoscaling")
KILLED = -9
RUN = re.compile(r"r-\d{8}-[0-9a-f]{6}")
POINT_ID = re.compile(r"p-\d{8}t\d{6}z-[0-9a-f]{4}")
DATED = re.compile(r"(/manifest\.json|/withdraw-[a-z0-9-]+) \"[0-9a-f]{32}\"")
"""Objects whose content says when or in which run they were written."""
MINTED = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\"id\": \")[a-z0-9]{10}(?=\")|(?<=-)[0-9a-f]{17}\b")
"""Ids that AWS makes up: what a run makes has other ones each time, what was there before keeps its own."""
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?")
LIMIT_S = 120.0


@dataclass(slots=True)
class Ground:
    """The sandbox, the system in it and the run that is tortured: its steps in order, and the regions it may change."""

    sandbox: RunningSandbox
    folder: Path
    system: System
    request: RunRequest
    ref: RunRef | None = None
    course: str = FIRST
    steps: tuple[str, ...] = ()
    regions: tuple[str, ...] = (TARGET,)
    marks: dict[str, Path] = field(default_factory=dict)

    @property
    def log(self) -> Path:
        """Return the file that has a line per request to the sandbox."""
        return self.folder / "requests.jsonl"

    def keep(self, name: str) -> None:
        """Remember the world as it is."""
        self.marks[name] = self.folder / f"{self.course}-{name}.snapshot"
        self.sandbox.control.snapshot(self.marks[name])

    def back_to(self, name: str) -> None:
        """Bring the world back as it was."""
        self.sandbox.control.restore(self.marks[name])

    def state(self) -> dict[str, list[str]]:
        """Return what is true in the regions apart from the record, sorted texts by region and service."""
        from recovery_ops.testing.fingerprints import fingerprint

        inventory, url = self.sandbox.control.inventory(), self.sandbox.base_url
        found = {region: fingerprint(url, region, inventory[region], SERVICES) for region in self.regions}
        return {
            f"{region} {name}": sorted(_lines(value))
            for region, services in found.items()
            for name, value in services.items()
        }

    def switch(self) -> bool:
        """Return whether clients are sent away from the home region."""
        answer = self.sandbox.control.dns_query(self.system.traffic.name)
        return TARGET in json.dumps(answer)


@contextmanager
def proving_ground(folder: Path) -> Iterator[Ground]:
    """Raise a ground and let this process speak to it."""
    with raised(folder) as ground, spoken_to(ground):
        yield ground


def spoken_to(ground: Ground) -> AbstractContextManager[None]:
    """Let the library of this process speak to the sandbox of ``ground`` for a while."""
    return speaking_to(_environment(ground.sandbox.base_url, ground.folder / "dags"))


@contextmanager
def raised(folder: Path) -> Iterator[Ground]:
    """Seed a sandbox in which nothing takes time, protect the system, kill home, keep that moment and declare a run."""
    import recovery_ops.execution.direct
    import recovery_ops.quality.suites
    from recovery_ops.execution.systems import load_system

    recovery_ops.quality.suites.preload()
    dags = calm_catalogs(ROOT / "dags", folder / "dags").parent
    with running_sandbox(folder, factor=0.0, regions=(HOME, TARGET), request_log=folder / "requests.jsonl") as sandbox:
        with speaking_to(_environment(sandbox.base_url, dags)):
            system = load_system("fraud-detection", dags)
            ground = Ground(sandbox, folder, system, _request(system))
            in_a_process(lambda: _build(ground))
            ground.keep(PROTECTED)
            sandbox.control.fault(HOME, "reset")
            ground.request = replace(ground.request, impact_at=datetime.now(UTC))
            ground.keep(BEGIN)
            ground.ref, ground.steps = planned(ground)
        yield ground


def planned(ground: Ground, before: Callable[[], Any] = lambda: None) -> tuple[RunRef, tuple[str, ...]]:
    """Declare the run once, after ``before``; return which run it is and its steps when nobody disturbs it."""

    def work() -> Any:
        before()
        return _declare(ground)

    declared = in_a_process(work)
    assert declared.code == 0, declared.error
    steps = tuple(item.id for item in _plan(declared.value["plan"]).steps if item.id != SystemStep.ROLLBACK)
    return RunRef.from_json(declared.value["ref"]), steps


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code (``-9`` when it was killed), what it returned, and the points it passed."""

    code: int
    value: Any
    seen: list[Point]
    error: str = ""


def in_a_process(work: Callable[[], Any], deadly: Point | None = None) -> Ended:
    """Run ``work`` in a fork of this process, which dies at ``deadly``; return how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "ended.json"
        pid = os.fork()
        if pid == 0:
            _work(work, deadly, out)
        status = _await(pid)
        facts = json.loads(out.read_text()) if out.exists() else {}
    seen = [Point(*item) for item in facts.get("seen", [])]
    return Ended(os.waitstatus_to_exitcode(status), facts.get("value"), seen, facts.get("error", ""))


def step(ground: Ground, step_id: str, attempt: int) -> Callable[[], Any]:
    """Return the work of one step; ``declare`` opens the run, and some is done by others than the run."""

    def work() -> Any:
        from recovery_ops.execution.steps import run_step

        if step_id in BY_OTHERS:
            return BY_OTHERS[step_id](ground)
        if step_id == "declare":
            return _declare(ground)
        assert ground.ref is not None
        if attempt > 1 and not _take_over(ground.ref):
            return "closed"
        return run_step(ground.ref, step_id, attempt=attempt).outcome

    return work


def carry_on(ground: Ground) -> Callable[[], Any]:
    """Return the work of a process that finds the run and brings it to its end."""

    def work() -> Any:
        from recovery_ops.execution.direct import carry_on

        assert ground.ref is not None
        if _take_over(ground.ref):
            carry_on(ground.ref)
        return None

    return work


def record(ground: Ground) -> Callable[[], Any]:
    """Return the work of somebody who reads the record: ``{"broken": [...], "events": [...], "outcome": ...}``."""

    def work() -> Any:
        from recovery_ops.execution.view import open_log
        from recovery_ops.record.fold import fold
        from recovery_ops.record.verify import verify_run

        assert ground.ref is not None
        log = open_log(ground.ref)
        log.store = _ReadOnce(log.store)
        broken = verify_run(log)
        events = log.events()
        return {
            "broken": [item.to_json() for item in broken],
            "events": [event.to_json() for event in events],
            "outcome": fold(events).outcome,
        }

    return work


class _ReadOnce:
    """A store that is asked once for every object: nobody writes while the record is looked at."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.get = functools.cache(store.get)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def _take_over(ref: RunRef) -> bool:
    """Do what ``recovery-ops runs resume`` does before it carries on; return whether there is anything to carry on."""
    from recovery_ops.errors import RequestError
    from recovery_ops.execution.taking_over import take_over

    try:
        take_over(ref, person="bob", reason="its process died")
    except RequestError as refused:
        if "nothing to carry on" not in refused.message:
            raise
        return False
    return True


def _declare(ground: Ground) -> Any:
    from recovery_ops.execution.declare import declare
    from recovery_ops.execution.steps import run_step
    from recovery_ops.execution.view import load_run
    from recovery_ops.planning import plan_to_json

    ref = declare(ground.request, ground.system)
    run_step(ref, "declare")
    return {"ref": ref.to_json(), "plan": plan_to_json(load_run(ref).plan)}


def _prepare(ground: Ground) -> None:
    from recovery_ops.execution.homecoming import prepare

    prepare(ground.system, person="alice")


def _cancel(ground: Ground) -> None:
    from recovery_ops.execution.controls import cancel

    assert ground.ref is not None
    cancel(ground.ref, person="bob", reason="nobody needs it any more")


BY_OTHERS: Mapping[str, Callable[[Ground], Any]] = {"prepare": _prepare, "cancel": _cancel}
"""What happens between the steps of a run without being one: debts are paid before it, a person ends it."""


def _plan(facts: Mapping[str, Any]) -> Plan:
    from recovery_ops.planning import plan_from_json

    return plan_from_json(facts)


def _build(ground: Ground) -> None:
    from recovery_ops.execution.protecting import protect
    from recovery_ops.sandbox.seed.fraud_detection import seed

    seed(ground.sandbox.base_url, ROOT / "dags" / ground.system.name / "network.yaml")
    replicated(ground)
    protect(ground.system)
    replicated(ground)


def replicated(ground: Ground) -> None:
    end = time.monotonic() + LIMIT_S
    while ground.sandbox.control.status()["replication"]["pending"]:
        assert time.monotonic() < end, "replication did not come to an end"
        time.sleep(0.05)


def _request(system: System) -> RunRequest:
    return RunRequest(
        system=system.name,
        mode=Mode.FAILOVER,
        recovery_region=TARGET,
        person="alice",
        reason="the region is gone",
        token="torture",
        execution="direct",
    )


def _environment(base_url: str, dags: Path) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": base_url,
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "RECOVERY_OPS_TIME_FACTOR": "0",
        "RECOVERY_OPS_RESOLVER": f"{base_url}/dns-query",
        "RECOVERY_OPS_FAULT_URL": f"{base_url}/_sandbox",
        "RECOVERY_OPS_CATALOGS": str(dags),
    }


def _work(work: Callable[[], Any], deadly: Point | None, out: Path) -> None:
    code, visits = 1, Visits(deadly)
    facts: dict[str, Any] = {}
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        with watched(visits):
            facts["value"] = work()
        code = 0
    except BaseException as error:
        facts["error"] = f"{type(error).__name__}: {error}"
    finally:
        facts["seen"] = [(point.call, point.number, point.moment) for point in visits.seen]
        out.write_text(json.dumps(facts, default=str))
        os._exit(code)


def _await(pid: int) -> int:
    end = time.monotonic() + LIMIT_S
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status
        if time.monotonic() > end:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            raise AssertionError(f"a process still worked after {LIMIT_S:.0f} s")
        time.sleep(0.005)


def _lines(value: Any) -> Iterator[str]:
    """Every leaf with its path, without the record, times and the random part of point ids."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not str(name).startswith("recovery-ops-record"):
                yield from (_plain(f"{name} {line}") for line in _lines(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _lines(item)
    elif '"id": "recovery-ops-record' not in str(value):
        yield _plain(str(value))


def _plain(text: str) -> str:
    plain = DATED.sub(r"\1", TIME.sub("<time>", POINT_ID.sub("<point>", RUN.sub("<run>", text))))
    return MINTED.sub("<id>", plain) if "<run>" in plain else plain
