"""The scrape endpoint of the plugin: closed without a token, and only for who shows it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from recovery_ops.airflow import metrics

PATH = "/metrics"


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[TestClient]:
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(tmp_path))
    monkeypatch.delenv("RECOVERY_OPS_METRICS_TOKEN_FILE", raising=False)
    metrics._endpoint.cache_clear()
    yield TestClient(metrics.app)
    metrics._endpoint.cache_clear()


def test_without_a_token_configured_the_endpoint_is_closed(client: TestClient) -> None:
    answer = client.get(PATH, headers={"Authorization": "Bearer "})
    assert answer.status_code == 503
    assert "RECOVERY_OPS_METRICS_TOKEN_FILE" in answer.text


def test_with_one_it_answers_who_shows_it(client: TestClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-some-length\n")
    monkeypatch.setenv("RECOVERY_OPS_METRICS_TOKEN_FILE", str(token))
    assert client.get(PATH).status_code == 401
    answer = client.get(PATH, headers={"Authorization": "Bearer a-token-of-some-length"})
    assert answer.status_code == 200
    assert "recovery_ops_build_info" in answer.text
    assert answer.headers["content-type"].startswith("text/plain")


def test_nothing_else_is_there(client: TestClient) -> None:
    assert {route.path for route in metrics.app.routes} == {PATH}
