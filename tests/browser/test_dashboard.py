"""A person who only has a browser: who is let in."""

import json

import httpx
import pytest
from dashboard_world import SYSTEM, World, listed_routes
from playwright.sync_api import expect

from recovery_ops.airflow.dashboard.route_list import listed

pytestmark = [pytest.mark.airflow, pytest.mark.sandbox, pytest.mark.drill]
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


def _ours() -> list[dict[str, str]]:
    return [route for route in listed_routes() if route["role"] in CLOSED_TO_STRANGERS]


def _path(route: dict[str, str]) -> str:
    return route["path"].format(**PARTS)


def _named(route: dict[str, str]) -> str:
    return f"{route['method']} {route['path']}"
