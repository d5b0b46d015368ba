"""Take the pictures in docs/images from a real run: ``python scripts/take_pictures.py``.

Starts the local stack, loses a region, recovers, and photographs report, dashboard and Airflow's graph of the run
with the Chromium of the system. Needs what ``make setup`` installs, and a Chromium in PATH.
"""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from playwright.sync_api import Page, sync_playwright

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.cli import local
from recovery_ops.cli.outside import send_everybody
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run
from recovery_ops.model.runs import RunRef, mint_run_id
from recovery_ops.readiness.sweeping import sweep
from recovery_ops.reporting.publish import publish
from recovery_ops.sandbox import process

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
SYSTEM = "fraud-detection"
WIDE = {"width": 1200, "height": 900}
GRAPH = {"width": 2400, "height": 700}


def main() -> int:
    """Play one failover through Airflow and take every picture; return the exit code."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("no Chromium in PATH; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="recovery-ops-pictures-"))
    sandbox = local.start_world(
        folder / "sandbox", ROOT / "dags", cache=ROOT / "out" / "cache", request_log=None, parent_pid=os.getpid(),
        progress=print,
    )  # fmt: skip
    local.use(local.environment(sandbox) | {"RECOVERY_OPS_CATALOGS": str(ROOT / "dags")})
    try:
        running = stack.up(
            folder / "stack", dags=ROOT / "dags", plugins=ROOT / "plugins", extra=local.environment(sandbox),
            parent_pid=os.getpid(), progress=print,
        )  # fmt: skip
        api = AirflowApi(running.airflow_url, "alice", running.password("alice"))
        sweep(load_system(SYSTEM, ROOT / "dags"))
        run, ref = _fail_over(api, sandbox, folder)
        publish(ref, folder)
        with sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            _report(chromium.new_page(viewport=WIDE), folder / "report.html")
            _graph(chromium.new_page(viewport=GRAPH), running, f"failover__{SYSTEM}", run)
            for scheme in ("light", "dark"):
                _dashboard(chromium.new_page(viewport=WIDE, color_scheme=scheme), running, ref, scheme)
            chromium.close()
    finally:
        stack.down(folder / "stack")
        process.stop(sandbox)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _fail_over(api: AirflowApi, sandbox: process.RunningSandbox, folder: Path) -> tuple[str, RunRef]:
    system = load_system(SYSTEM, ROOT / "dags")
    dag, protect = f"failover__{SYSTEM}", f"protect__{SYSTEM}"
    await_dags(api, {dag, protect})
    api.unpause(protect)
    _until(lambda: "success" in api.runs(protect).values())
    api.pause(protect)
    outside = send_everybody(system, sandbox, folder)
    time.sleep(2.0)
    sandbox.control.fault(system.home, "reset")
    impact = datetime.now(UTC)
    target = next(region for region in system.regions if region != system.home)
    form = {"target_region": target, "reason": f"{system.home} does not answer", "impact_at": impact.isoformat()}
    run = api.trigger(dag, form)
    _until(lambda: api.run_state(dag, run) in ("success", "failed"))
    outside.leave()
    ref = RunRef(
        system=SYSTEM,
        run_id=mint_run_id(f"{SYSTEM}/{run}", datetime.now(UTC)),
        recovery_region=target,
        impaired_region=system.home,
        record_bucket=system.record_bucket.format(region=target),
    )
    outside.testify(load_run(ref), impact)
    return run, ref


def _report(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    page.screenshot(path=IMAGES / "report.png")


def _graph(page: Page, running: stack.Stack, dag: str, run: str) -> None:
    page.goto(running.airflow_url)
    page.get_by_role("textbox", name="Username").fill("alice")
    page.get_by_role("textbox", name="Password").fill(running.password("alice"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    page.goto(f"{running.airflow_url}/dags/{dag}/runs/{run}")
    page.get_by_role("button", name="Graph", exact=False).first.click()
    page.wait_for_timeout(2000)
    page.get_by_label("Fit View").or_(page.locator(".react-flow__controls-fitview")).first.click()
    page.wait_for_timeout(1500)
    page.locator(".react-flow").first.screenshot(path=IMAGES / "airflow-graph.png")


def _dashboard(page: Page, running: stack.Stack, ref: RunRef, scheme: Literal["light", "dark"]) -> None:
    page.goto(running.airflow_url)
    page.get_by_role("textbox", name="Username").fill("alice")
    page.get_by_role("textbox", name="Password").fill(running.password("alice"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    base = f"/systems/{ref.system}"
    paths = {
        "overview": "/", "run": f"{base}/runs/{ref.run_id}", "system": base, "recover": f"{base}/recover",
        "drills": "/drills", "evidence": "/evidence",
    }  # fmt: skip
    for name, path in paths.items():
        page.goto(f"{running.airflow_url}/recovery-ops{path}")
        page.wait_for_timeout(1500)
        page.screenshot(path=IMAGES / f"dashboard-{name}-{scheme}.png")


def _until(true: Callable[[], bool], limit_s: float = 240.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing within {limit_s:.0f} s")
        time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
