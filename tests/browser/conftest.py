"""One real stack whose people are asked before traffic moves, and the Chromium of the system."""

import os
import shutil
from collections.abc import Iterator

import pytest
from chromium import chromium
from dashboard_world import GUARD, ROOT, SYSTEM, World

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.aws.worlds import speaking_to
from recovery_ops.cli import local
from recovery_ops.cli.outside import send_everybody
from recovery_ops.drills.requesting import drill_request
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.model.drills import DrillKind
from recovery_ops.playbooks.publishing import publish
from recovery_ops.readiness.sweeping import sweep
from recovery_ops.sandbox import process

PATIENT = {"critical: auto": "critical: ask", "timeout: 3m": "timeout: 3h", "rpo: 1m": "rpo: 5h"}
"""People are asked and have time; a minute is one second here, which a busy machine may take between two writes."""
GUARDED = {"protect: {every": f"drills: {{alarms: [{GUARD}]}}\n\nprotect: {{every"}
"""No drill starts by itself while this alarm fires, or is not known."""


@pytest.fixture(autouse=True)
def everybody_leaves(request: pytest.FixtureRequest) -> Iterator[None]:
    """Close what a test has opened: a page that stays asks for what is new as long as it is there."""
    world = request.getfixturevalue("world") if "world" in request.fixturenames else None
    yield
    for context in world.browser.contexts if world else ():
        context.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Start everything with one recovery point taken, one drill held and one sweep made; end it with the module."""
    folder = tmp_path_factory.mktemp("browser")
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags)
    catalog = dags / f"{SYSTEM}.yaml"
    text = catalog.read_text()
    for strict, patient in (PATIENT | GUARDED).items():
        assert strict in text
        text = text.replace(strict, patient)
    catalog.write_text(text)
    sandbox = local.start_world(
        folder / "sandbox", dags, cache=ROOT / "out" / "cache", request_log=None, parent_pid=os.getpid(), progress=print
    )
    with speaking_to(local.environment(sandbox) | {"RECOVERY_OPS_CATALOGS": str(dags)}):
        try:
            running = stack.up(
                folder / "stack", dags=dags, plugins=ROOT / "plugins", extra=local.environment(sandbox),
                parent_pid=os.getpid(), progress=print,
            )  # fmt: skip
            api = AirflowApi(running.airflow_url, "alice", running.password("alice"))
            await_dags(api, {f"failover__{SYSTEM}"})
            described = load_system(SYSTEM, dags)
            protect(described)
            drill = run_direct(
                drill_request(
                    described, DrillKind.COMPONENT, person="alice", token="t", execution="direct", component="config",
                    inject=False,
                ),
                described,
            )  # fmt: skip
            sweep(described)
            publish(described)
            outside = send_everybody(described, sandbox, folder / "outside", every_s=0.5)
            with chromium() as opened:
                yield World(running, sandbox, opened, drill.run_id)
            outside.leave()
        finally:
            stack.down(folder / "stack")
            process.stop(sandbox)
