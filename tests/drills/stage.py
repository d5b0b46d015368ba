"""A protected system in a sandbox, on which drills are held while somebody outside asks production all the time."""

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from recovery_ops.aws import traffic as aws_traffic
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.cli import local
from recovery_ops.cli.drill_stage import differences, standing
from recovery_ops.drills.requesting import drill_request
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run
from recovery_ops.model.drills import DrillKind, DrillPolicy
from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.model.system import Component, System
from recovery_ops.record.fold import fold
from recovery_ops.record.state import RunState
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.testing import patience
from recovery_ops.testing.patience import PATIENT_S

CATALOGS = Path(__file__).parents[2] / "dags"
HOME, AWAY = "us-east-1", "us-west-2"
FACTOR = 1 / 600
LIMIT_S = 240.0


until = partial(patience.until, limit_s=LIMIT_S)


def patient_system() -> System:
    """The shipped catalog without what depends on how busy this machine is: nothing is late, nothing too dear."""
    system = load_system("fraud-detection", CATALOGS)
    components = tuple(map(_patient, system.components))
    goals = {"rto_s": PATIENT_S, "from_point": FromPoint()}
    return replace(system, components=components, drills=DrillPolicy(ceiling_usd=PATIENT_S), **goals)


def _patient(component: Component) -> Component:
    loose = {"p95_latency": 60.0, "latency_ratio": 1e3, "end_to_end": 60.0, "throughput": 25.0}
    return patience.patient(component, loose, rto_s=PATIENT_S)


@dataclass(slots=True)
class Stage:
    """The world of a drill."""

    sandbox: RunningSandbox
    system: System
    folder: Path
    before: dict[tuple[str, str, str, str], Any] = field(default_factory=dict)

    def request(self, kind: str, **facts: Any) -> RunRequest:
        asked = {"person": "alice", "token": uuid.uuid4().hex, "execution": "direct", "reason": "practice"}
        return drill_request(self.system, DrillKind(kind), **{**asked, **facts})

    def state(self, ref: RunRef) -> RunState:
        return fold(load_run(ref).log.events())

    def standing(self) -> dict[tuple[str, str, str, str], Any]:
        """What stands, but for what the record and the results of restore tests add to."""
        buckets = [
            template.format(region=region)
            for region in (HOME, AWAY)
            for template in (self.system.record_bucket, self.system.point_bucket)
        ]
        return standing(self.sandbox.control.inventory(), buckets)

    def harm(self) -> list[str]:
        """What stands otherwise than before, after what is being deleted had time to go."""
        end = time.monotonic() + 20.0
        while (found := differences(self.before, self.standing())) and time.monotonic() < end:
            time.sleep(0.1)
        return found

    def leads_to(self, name: str) -> str:
        found = self.sandbox.control.dns_query(name)["Answer"]
        return str(found[-1]["name"])

    @contextmanager
    def customers(self) -> Iterator[list[str]]:
        """Ask production all the time; the list holds what went wrong."""
        over, wrong = threading.Event(), list[str]()
        body = json.dumps({"instances": [local.sample_row()]}).encode()
        thread = threading.Thread(target=self._ask, args=(body, over, wrong), daemon=True)
        thread.start()
        try:
            yield wrong
        finally:
            over.set()
            thread.join(10)

    def _ask(self, body: bytes, over: threading.Event, wrong: list[str]) -> None:
        traffic, resolver = self.system.traffic, f"{self.sandbox.base_url}/dns-query"
        while not over.wait(0.1):
            with calling_as(Caller(run_id="customer", step="customer")):
                answer = aws_traffic.probe(traffic.name, traffic.path, body, resolver=resolver)
            if not answer.ok or answer.region != HOME:
                wrong.append(f"{answer.status} {answer.region} {answer.detail}")
