"""A person who only has a browser: who is let in, and one failover from the warning to the report."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest
from dashboard_world import GUARD, SYSTEM, World, listed_routes
from page_checks import WIDE, faults, go_to, pale, too_wide
from playwright.sync_api import Locator, Page, expect

from recovery_ops.airflow.dashboard.route_list import listed
from recovery_ops.aws.clients import client

pytestmark = [pytest.mark.airflow, pytest.mark.sandbox, pytest.mark.drill, pytest.mark.timeout(900)]
LIVE_MS = 2500
"""A page shows what is new within two seconds; half a second more for a busy machine."""
RUN_MS = 240_000
PARTS = {
    "system": SYSTEM, "run_id": "r-20261123-abcdef", "wish": "pause", "name": "dashboard.css",
    "dag_id": f"failover__{SYSTEM}", "dag_run_id": "none",
}  # fmt: skip
CLOSED_TO_STRANGERS = {"viewer", "operator"}
POLL_MS = 2000
"""A page asks for what is new at least so often."""
BASE = f"/recovery-ops/systems/{SYSTEM}"
PAGES = ("/recovery-ops/", BASE, f"{BASE}/recover", "/recovery-ops/drills", "/recovery-ops/evidence")
WORDS = {
    "/recovery-ops/": [SYSTEM, "Live RPO, worst component"],
    "/recovery-ops/drills": ["Calendar", "component config", "drill, component config", "To be mended", "Results"],
    "/recovery-ops/evidence": ["drill, component config", "Verify"],
    "/recovery-ops/static/{name}": ["--paper"],
    "/recovery-ops/dag-runs/{dag_id}/{dag_run_id}": ["This DAG run is no recovery"],
    "/recovery-ops/systems/{system}": ["What needs what", "Recovery points", "network", "feature-store"],
    "/recovery-ops/systems/{system}/playbook": ["playbook"],
    "/recovery-ops/systems/{system}/recover": ["Show what would happen"],
    "/recovery-ops/systems/{system}/runs/{run_id}": ["The run is closed", "config"],
    "/recovery-ops/systems/{system}/runs/{run_id}/chain": ["The record verifies"],
    "/recovery-ops/systems/{system}/runs/{run_id}/report": ["config"],
    "/recovery-ops/systems/{system}/runs/{run_id}/state": ['"mode":"drill"'],
}
"""What a viewer is shown at each route that only reads."""


def test_list_of_routes_is_that_of_the_applications() -> None:
    assert json.loads(listed()) == listed_routes()


def test_strangers_are_refused_on_every_route(world: World) -> None:
    with httpx.Client(base_url=world.url) as http:
        answers = {_named(route): http.request(route["method"], _path(route)).status_code for route in listed_routes()}
    metrics = answers.pop("GET /recovery-ops-metrics/metrics")
    assert metrics in (401, 503), "the token is asked for, and without one of its own the endpoint is closed"
    assert set(answers.values()) == {401}, answers


def test_viewers_read_everything_and_change_nothing(world: World) -> None:
    page = world.page("victor")
    for route in _ours():
        answer = page.request.fetch(f"{world.url}{_path(route)}", method=route["method"], max_redirects=0)
        if route["role"] == "operator":
            assert answer.status == 403, _named(route)
        else:
            assert answer.status in (200, 404), _named(route)
    page.goto(f"{world.url}/recovery-ops/")
    expect(page.get_by_role("link", name=SYSTEM)).to_be_visible()
    expect(page.get_by_role("link", name="Recover…")).to_have_count(0)


def test_viewers_are_shown_what_every_route_has(world: World) -> None:
    page = world.page("victor")
    parts = PARTS | {"run_id": world.drill, "dag_id": f"protect__{SYSTEM}"}
    reading = [route["path"] for route in _ours() if route["method"] == "GET"]
    assert sorted(reading) == sorted(WORDS)
    for path in reading:
        answer = page.request.get(world.url + path.format(**parts))
        text = answer.text()
        assert answer.status == 200, path
        assert [word for word in WORDS[path] if word not in text] == [], path
        if answer.headers["content-type"].startswith("text/html"):
            assert text.rstrip().endswith("</html>"), path
    state = page.request.get(f"{world.url}{BASE}/runs/{world.drill}/state").json()
    assert (state["run_id"], state["closed_at"] is not None) == (world.drill, True)


def test_pages_go_on_by_themselves_with_what_they_show(world: World) -> None:
    page = world.page("victor")
    for path in (*PAGES, f"{BASE}/runs/{world.drill}"):
        page.goto(world.url + path)
        asked = page.get_attribute("body", "data-live")
        if path.endswith("/recover"):
            assert not asked, "a form does not change under the person who fills it in"
            continue
        parts = page.request.get(f"{world.url}{asked}?live=1").json()["parts"]
        names = page.locator("[data-part]").evaluate_all("items => items.map(item => item.dataset.part)")
        assert set(names) <= set(parts), path
        assert any(parts.values()), path


def test_drills_wait_while_an_alarm_fires_or_is_not_known(world: World) -> None:
    page = world.page("victor")
    page.goto(f"{world.url}/recovery-ops/drills")
    calendar = page.get_by_role("region", name=f"Calendar of {SYSTEM}")
    line = calendar.get_by_role("row", name="component network")
    expect(line).to_contain_text(f"alarm {GUARD} is not known")
    for missing, told in (("breaching", f"alarm {GUARD} is ALARM"), ("notBreaching", "never held")):
        client("cloudwatch", "us-east-1").put_metric_alarm(
            AlarmName=GUARD, Namespace="checkout", MetricName="Errors", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold", TreatMissingData=missing,
        )  # fmt: skip
        expect(line).to_contain_text(told, timeout=30_000)
    expect(calendar).not_to_contain_text(GUARD)


def test_pages_serve_people_without_mouse_eyes_or_a_large_screen(world: World) -> None:
    page = world.page("alice")
    wrong: dict[str, list[str]] = {}
    for path in (*PAGES, f"{BASE}/runs/{world.drill}", f"{BASE}/runs/{world.drill}/chain"):
        page.goto(world.url + path)
        found = faults(page)
        wrong |= {path: found} if found else {}
    assert wrong == {}


def test_operator_is_refused_when_the_form_is_not_ours(world: World) -> None:
    page = world.page("alice")
    for route in _ours():
        if route["role"] == "operator":
            answer = page.request.fetch(f"{world.url}{_path(route)}", method="POST", form={"reason": "made elsewhere"})
            assert answer.status == 403, _named(route)
            assert "not made for you" in answer.text()


def test_a_failover_from_the_warning_to_the_report(world: World) -> None:
    page = world.page("alice")
    page.set_default_timeout(30_000)
    page.goto(f"{world.url}/plugin/recovery-ops")  # as Airflow's own navigation shows it
    expect(page.frame_locator("iframe").get_by_role("link", name=SYSTEM)).to_be_visible(timeout=30_000)

    page.goto(f"{world.url}/recovery-ops/systems/{SYSTEM}/recover")
    expect(page.get_by_text("us-east-1 still answers clients.")).to_be_visible()
    go_to(page, page.get_by_label("What happened?"))
    page.keyboard.type("us-east-1 loses packets")
    _press(page, page.get_by_role("button", name="Start the recovery"))
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. us-east-1 still answers")

    page.get_by_label("Since when are users hit?").fill(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}")
    world.sandbox.control.fault("us-east-1", "reset")
    _press(page, page.get_by_role("button", name="Show what would happen"))
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    expect(page.get_by_text("Clients are not answered.")).to_be_visible()
    _press(page, page.get_by_role("button", name="Start the recovery"))

    page.wait_for_url(re.compile(r"/runs/r-\d{8}-[0-9a-f]{6}$"), timeout=RUN_MS)
    _clock_runs(page)
    expect(page.get_by_text("us-east-1 does not answer.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Not reached: traffic was not touched")).to_be_visible()

    page.get_by_text("Steer the run").click()
    page.get_by_label("Reason").fill("wait for the network team")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("alice paused the run", timeout=LIVE_MS * 2)
    watcher = _with_a_clock_that_stands(world, page.url)
    expect(watcher.get_by_role("heading", level=1)).to_contain_text("alice paused the run")
    page.get_by_text("Steer the run").click()
    page.get_by_label("Reason").fill("the network team is done")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("paused", timeout=LIVE_MS * 2)
    expect(watcher.get_by_role("heading", level=1)).to_contain_text("alice paused the run")
    watcher.clock.run_for(POLL_MS)
    expect(watcher.get_by_role("heading", level=1)).not_to_contain_text("paused")
    watcher.close()

    _until_asked(page)
    _serves_everybody(page)
    go_to(page, page.get_by_label("Comment"))
    page.keyboard.type("checks look good")
    _press(page, page.get_by_role("button", name="Approve"))
    expect(page.get_by_text("clients are answered by us-west-2").first).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_text(re.compile("Passed at .*: traffic was moved"))).to_be_visible(timeout=LIVE_MS * 2)

    page.get_by_role("link", name="Open the report").click(timeout=RUN_MS)
    expect(page.get_by_text("Clients are answered by")).to_be_visible(timeout=60_000)
    assert "alice" in page.content()
    assert "checks look good" in page.content()


def _press(page: Page, button: Locator) -> None:
    go_to(page, button)
    page.keyboard.press("Enter")


def _with_a_clock_that_stands(world: World, url: str) -> Page:
    """Return the page of somebody who watches; its time goes on only when told, and nothing is under way."""
    page = world.page("victor")
    page.clock.install(time=datetime(2026, 1, 1, tzinfo=UTC))
    page.goto(url)
    page.clock.pause_at(datetime(2026, 1, 1, 1, tzinfo=UTC))
    with page.expect_response(re.compile("live=1")):
        page.clock.run_for(POLL_MS)
    return page


def _serves_everybody(page: Page) -> None:
    """Look at the page of a run that asks, in both colours and on a narrow screen."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert pale(page) == [], scheme
    assert too_wide(page) == []
    page.set_viewport_size(WIDE)


def _until_asked(page: Page) -> None:
    """Wait for the question; a machine too busy to answer as fast as the gates want takes a person who overrides."""
    question = page.get_by_role("heading", name="Move traffic to us-west-2?")
    override = page.get_by_role("button", name="Override (verdict: fail)")
    expect(question.or_(override).first).to_be_visible(timeout=RUN_MS)
    if not question.is_visible():
        failed = page.get_by_role("region", name="scoring.verify failed")
        failed.get_by_placeholder("reason").fill("this machine is busy, and latency is no fact here")
        failed.get_by_role("button", name="Override (verdict: fail)").click()
    expect(question).to_be_visible(timeout=RUN_MS)


def _clock_runs(page: Page) -> None:
    clock = page.get_by_role("timer")
    expect(clock).to_be_visible()
    before = clock.inner_text()
    expect(clock).not_to_have_text(before, timeout=4 * LIVE_MS)  # its script comes after the page


def _ours() -> list[dict[str, str]]:
    return [route for route in listed_routes() if route["role"] in CLOSED_TO_STRANGERS]


def _path(route: dict[str, str]) -> str:
    return route["path"].format(**PARTS)


def _named(route: dict[str, str]) -> str:
    return f"{route['method']} {route['path']}"
