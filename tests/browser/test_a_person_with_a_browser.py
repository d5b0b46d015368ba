"""A person who only has a browser: who is let in, and one failover from the warning to the report."""

import json
import re
from datetime import UTC, datetime

import httpx
import pytest
from dashboard_world import SYSTEM, World, listed_routes
from playwright.sync_api import Page, expect

from recovery_ops.airflow.dashboard.route_list import listed

pytestmark = [pytest.mark.airflow, pytest.mark.sandbox, pytest.mark.drill, pytest.mark.timeout(900)]
LIVE_MS = 2500
"""A page shows what is new within two seconds; half a second more for a busy machine."""
RUN_MS = 240_000
PARTS = {
    "system": SYSTEM, "run_id": "r-20261123-abcdef", "wish": "pause", "name": "dashboard.css",
    "dag_id": f"failover__{SYSTEM}", "dag_run_id": "none",
}  # fmt: skip
CLOSED_TO_STRANGERS = {"viewer", "operator"}


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
    page.get_by_label("What happened?").fill("us-east-1 loses packets")
    page.get_by_role("button", name="Start the recovery").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. us-east-1 still answers")

    page.get_by_label("Since when are users hit?").fill(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}")
    world.sandbox.control.fault("us-east-1", "reset")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    expect(page.get_by_text("Clients are not answered.")).to_be_visible()
    page.get_by_role("button", name="Start the recovery").click()

    page.wait_for_url(re.compile(r"/runs/r-\d{8}-[0-9a-f]{6}$"), timeout=RUN_MS)
    _clock_runs(page)
    expect(page.get_by_text("us-east-1 does not answer.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Not reached: traffic was not touched")).to_be_visible()

    page.get_by_text("Steer the run").click()
    page.get_by_label("Reason").fill("wait for the network team")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("alice paused the run", timeout=LIVE_MS * 2)
    page.get_by_text("Steer the run").click()
    page.get_by_label("Reason").fill("the network team is done")
    page.get_by_role("button", name="Resume").click()

    _until_asked(page)
    page.get_by_label("Comment").fill("checks look good")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("clients are answered by us-west-2").first).to_be_visible(timeout=RUN_MS)
    expect(page.get_by_text(re.compile("Passed at .*: traffic was moved"))).to_be_visible(timeout=LIVE_MS * 2)

    page.get_by_role("link", name="Open the report").click(timeout=RUN_MS)
    expect(page.get_by_text("Clients are answered by")).to_be_visible(timeout=60_000)
    assert "alice" in page.content()
    assert "checks look good" in page.content()


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
