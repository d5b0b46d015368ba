"""Take the pictures in docs/images from a real stack: ``python scripts/take_pictures.py``.

Starts Airflow and sandbox, holds two drills, cancels a recovery that does not pass its gates, loses a region, approves
the recovery in the browser, and photographs dashboard, report and Airflow's graph of the run with the Chromium of the
system. A modelled minute takes ten seconds here, so that the objectives of the catalog hold on a slow machine too.
Needs what ``make setup`` installs, and a Chromium in PATH; takes about eight minutes.
"""

import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from recovery_ops.airflow import stack
from recovery_ops.airflow.rest import AirflowApi, await_dags
from recovery_ops.aws.clients import client
from recovery_ops.aws.worlds import speaking_to
from recovery_ops.cli import local
from recovery_ops.cli.outside import Outside, send_everybody
from recovery_ops.drills.requesting import drill_request
from recovery_ops.drills.settling import publish_settled
from recovery_ops.execution.direct import run_direct
from recovery_ops.execution.protecting import protect
from recovery_ops.execution.system_steps import state_of
from recovery_ops.execution.systems import load_system
from recovery_ops.execution.view import load_run, record_store
from recovery_ops.model.drill_findings import EntryKind, FindingEntry
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.runs import RunRef, mint_run_id
from recovery_ops.model.system import System
from recovery_ops.readiness.sweeping import sweep
from recovery_ops.record.findings import append_everywhere, known_findings
from recovery_ops.reporting.publish import publish
from recovery_ops.sandbox import process

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
NAME, PERSON, ENDPOINT = "fraud-detection", "alice", "fraud-scoring"
FACTOR = 1 / 6
PATIENT = {
    "critical: auto": "critical: ask", "timeout: 3m": "timeout: 30m", "rpo: 1m": "rpo: 5m",
    "p95_latency: 120ms": "p95_latency: 2s", "throughput: 40/s": "throughput: 4/s",
}  # fmt: skip
"""The catalog of the pictures asks a person before traffic moves, and bears a machine that is busy with the camera."""
DRILLED = ("config", "network")
OWNERS = ("carol", "dave")
SLOW_S = 0.6
"""How long a look-up of features takes in the run that stops short: too long for its gates."""
WIDE, HIGH, COLOURS = 1280, 1500, 256
GRAPH = {"width": 2400, "height": 700}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


@dataclass(frozen=True)
class Scene:
    """A running stack with people outside of it."""

    folder: Path
    sandbox: process.RunningSandbox
    running: stack.Stack
    system: System
    outside: Outside

    @property
    def api(self) -> AirflowApi:
        """Return Airflow's API with the rights of the person who recovers."""
        return AirflowApi(self.running.airflow_url, PERSON, self.running.password(PERSON))


def main() -> int:
    """Play drills and one failover, and take every picture; return the exit code."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium in PATH; on Debian: apt-get install chromium", file=sys.stderr)
        return 1
    with _scene() as scene, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        pages = {scheme: _logged_in(browser, scene, scheme) for scheme in SCHEMES}
        _rehearse(scene)
        base = f"/systems/{NAME}"
        _dashboard(pages, scene, {"overview": "/", "system": base, "recover": f"{base}/recover"})
        _stop_short(scene, pages)
        _dashboard(pages, scene, {"drills": "/drills"})
        run, ref = _fail_over(scene, pages)
        _dashboard(pages, scene, {"evidence": "/evidence"})
        publish(ref, scene.folder)
        _report(browser.new_page(viewport={"width": 1200, "height": 900}), scene.folder / "report.html")
        _graph(pages["light"], scene, f"failover__{NAME}", run)
        browser.close()
    return 0


@contextmanager
def _scene() -> Iterator[Scene]:
    folder = Path(tempfile.mkdtemp(prefix="recovery-ops-pictures-"))
    dags = folder / "dags"
    shutil.copytree(ROOT / "dags", dags)
    text = (dags / f"{NAME}.yaml").read_text()
    for before, after in PATIENT.items():
        text = text.replace(before, after)
    (dags / f"{NAME}.yaml").write_text(text)
    snapshot = local.seeded_world(folder / "seeding", dags, cache=ROOT / "out" / "cache", progress=print)
    sandbox = process.start(folder / "sandbox", factor=FACTOR, restore=snapshot, parent_pid=os.getpid())
    with speaking_to(local.environment(sandbox) | {"RECOVERY_OPS_CATALOGS": str(dags)}):
        outside = None
        try:
            system = load_system(NAME, dags)
            outside = send_everybody(system, sandbox, folder / "outside", every_s=0.5)
            running = stack.up(
                folder / "stack", dags=dags, plugins=ROOT / "plugins", extra=local.environment(sandbox),
                parent_pid=os.getpid(), progress=print,
            )  # fmt: skip
            yield Scene(folder, sandbox, running, system, outside)
        finally:
            stack.down(folder / "stack")
            if outside is not None:
                outside.leave()
            process.stop(sandbox)
            shutil.rmtree(folder, ignore_errors=True)


def _rehearse(scene: Scene) -> None:
    """Take recovery points, hold drills, and ask between them whether the system would come back."""
    protect(scene.system)
    sweep(scene.system)
    for component in DRILLED:
        print(f"drill of {component}")
        request = drill_request(
            scene.system, DrillKind.COMPONENT, person=PERSON, token=uuid.uuid4().hex, execution="direct",
            reason="rehearsal of the quarter", component=component, inject=False,
        )  # fmt: skip
        publish_settled(run_direct(request, scene.system), scene.folder / component)
        sweep(scene.system)
    protect(scene.system)
    sweep(scene.system)


def _stop_short(scene: Scene, pages: dict[Scheme, Page]) -> None:
    """Recover while features are looked up too slowly; a person cancels, and traffic stays where it is.

    What the run found wrong is given to somebody who mends it. The endpoint, which such a run leaves at full size, gets
    back the size of a standby, so that the failover that follows has all of its work to do.
    """
    system, control = scene.system, scene.sandbox.control
    sagemaker = client("sagemaker", _target(system))
    small = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    control.fault(_target(system), "latency", services=["dynamodb"], operations=["GetItem"], seconds=SLOW_S)
    run, ref = _start(scene, pages, f"{system.home} is to be left before maintenance", datetime.now(UTC))
    page = pages["light"]
    _until(lambda: page.get_by_role("region", name="How it stands").is_visible(), lambda: _failures(ref))
    if state_of(load_run(ref)).is_open:
        page.get_by_text("Steer the run").click()
        page.get_by_role("region", name="Steer the run").get_by_role("textbox").fill("latency must be understood first")
        page.get_by_role("button", name="Cancel the run").click()
    _until(lambda: scene.api.run_state(f"failover__{NAME}", run) in ("success", "failed"))
    control.heal(_target(system))
    publish_settled(ref, scene.folder / "stopped")
    _assign(system)
    for scheme, shown in pages.items():
        shown.get_by_text("The run is closed,").wait_for()
        _shoot(shown, "stopped", scheme)
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=small)
    _until(lambda: sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService")
    protect(system)
    sweep(system)


def _assign(system: System) -> None:
    """Name who mends each finding, and until when."""
    now, stores = datetime.now(UTC), [record_store(system, region) for region in system.regions]
    for number, item in enumerate(known_findings(stores, NAME)):
        told = FindingEntry(
            finding_id=item.id, at=now, kind=EntryKind.ASSIGNED, component=item.component, code=item.code,
            subject=item.subject, severity=item.severity, source=item.source, person=PERSON,
            owner=OWNERS[number % len(OWNERS)], due=now + timedelta(days=7 * (number + 1)),
        )  # fmt: skip
        append_everywhere(stores, NAME, [told])


def _target(system: System) -> str:
    return next(region for region in system.regions if region != system.home)


def _start(scene: Scene, pages: dict[Scheme, Page], reason: str, impact: datetime) -> tuple[str, RunRef]:
    """Start the failover in Airflow, and go to its page as soon as it is declared."""
    system, dag = scene.system, f"failover__{NAME}"
    await_dags(scene.api, {dag})
    form = {"target_region": _target(system), "reason": reason, "impact_at": impact.isoformat()}
    run = scene.api.trigger(dag, form)
    ref = RunRef(
        system=NAME,
        run_id=mint_run_id(f"{NAME}/{run}", datetime.now(UTC)),
        recovery_region=_target(system),
        impaired_region=system.home,
        record_bucket=system.record_bucket.format(region=_target(system)),
    )
    for page in pages.values():
        page.goto(f"{scene.running.airflow_url}/recovery-ops/dag-runs/{dag}/{run}")
        page.wait_for_url("**/runs/r-*", timeout=120_000)
    return run, ref


def _fail_over(scene: Scene, pages: dict[Scheme, Page]) -> tuple[str, RunRef]:
    """Lose the home region; approve in the browser when asked; return the DAG run and the run."""
    system, target = scene.system, _target(scene.system)
    scene.sandbox.control.fault(system.home, "reset")
    impact = datetime.now(UTC)
    run, ref = _start(scene, pages, f"{system.home} does not answer", impact)
    _until(lambda: _asked(pages["light"], target), lambda: _failures(ref))
    for page in pages.values():
        page.get_by_role("heading", name=f"Move traffic to {target}?").wait_for()
    for scheme, page in pages.items():
        _shoot(page, "run", scheme)
    asked = pages["light"]
    asked.get_by_label("Comment").fill("all checks passed, go")
    asked.get_by_role("button", name="Approve").click()
    _until(lambda: scene.api.run_state(f"failover__{NAME}", run) in ("success", "failed"))
    scene.outside.leave()
    view = load_run(ref)
    scene.outside.testify(view, impact)
    print(f"the run is closed: {state_of(view).outcome}")
    sweep(system)
    return run, ref


def _logged_in(browser: Browser, scene: Scene, scheme: Scheme) -> Page:
    page = browser.new_page(viewport={"width": WIDE, "height": 900}, color_scheme=scheme)
    page.goto(scene.running.airflow_url)
    page.get_by_role("textbox", name="Username").fill(PERSON)
    page.get_by_role("textbox", name="Password").fill(scene.running.password(PERSON))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page


def _dashboard(pages: dict[Scheme, Page], scene: Scene, paths: dict[str, str]) -> None:
    for scheme, page in pages.items():
        for name, path in paths.items():
            page.goto(f"{scene.running.airflow_url}/recovery-ops{path}")
            _shoot(page, name, scheme)


def _shoot(page: Page, name: str, scheme: Scheme) -> None:
    """Photograph a page of the dashboard down to its end, at most ``HIGH``; few colours keep the file small."""
    page.mouse.move(0, 0)
    page.get_by_text("· live").or_(page.get_by_role("button", name="Start the recovery")).first.wait_for()
    height = min(HIGH, page.evaluate("document.documentElement.scrollHeight"))
    file = IMAGES / f"dashboard-{name}-{scheme}.png"
    page.screenshot(path=file, full_page=True, clip={"x": 0, "y": 0, "width": WIDE, "height": height})
    _shrink(file)


def _shrink(file: Path) -> None:
    with Image.open(file) as picture:
        small = picture.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    small.save(file, optimize=True)


def _report(page: Page, file: Path) -> None:
    page.goto(file.as_uri())
    page.screenshot(path=IMAGES / "report.png")
    _shrink(IMAGES / "report.png")


def _graph(page: Page, scene: Scene, dag: str, run: str) -> None:
    page.set_viewport_size(GRAPH)
    page.goto(f"{scene.running.airflow_url}/dags/{dag}/runs/{run}")
    page.get_by_role("button", name="Graph", exact=False).first.click()
    page.wait_for_timeout(2000)
    page.get_by_label("Fit View").or_(page.locator(".react-flow__controls-fitview")).first.click()
    page.wait_for_timeout(1500)
    page.locator(".react-flow").first.screenshot(path=IMAGES / "airflow-graph.png")
    _shrink(IMAGES / "airflow-graph.png")


def _asked(page: Page, target: str) -> bool:
    """Return whether the run asks; a check that only a busy machine failed is asked for again, as a person would."""
    again = page.get_by_role("button", name="Try again")
    if again.is_visible():
        page.get_by_placeholder("reason").fill("the machine was busy; measure it again")
        again.click()
        page.wait_for_timeout(3000)
    return page.get_by_role("heading", name=f"Move traffic to {target}?").is_visible()


def _failures(ref: RunRef) -> str:
    return "\n".join(
        f"{step.id}: {step.error.message}" for step in state_of(load_run(ref)).steps.values() if step.error
    )


def _until(true: Callable[[], bool], why: Callable[[], str] = str, limit_s: float = 240.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"nothing within {limit_s:.0f} s {why()}")
        time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
