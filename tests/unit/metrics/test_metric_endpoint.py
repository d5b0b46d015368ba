"""Who may scrape, what they get, and how the server without Airflow behaves."""

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from metric_world import MetricWorld, samples
from typer.testing import CliRunner

from recovery_ops.cli.app import app
from recovery_ops.errors import SettingsError
from recovery_ops.reporting.metric_endpoint import Endpoint, MetricsServer, token_of

TOKEN = "a-token-of-some-length"


@pytest.fixture
def server(world: MetricWorld) -> Iterator[MetricsServer]:
    with MetricsServer("127.0.0.1", 0, Endpoint(world.watch(), TOKEN)) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.mark.parametrize("given", ["", "Bearer", f"Bearer {TOKEN}x", f"bearer {TOKEN}", f"Basic {TOKEN}", "Bearer é"])
def test_who_does_not_show_the_token_gets_nothing(world: MetricWorld, given: str) -> None:
    answer = Endpoint(world.watch(), TOKEN).answer(authorization=given, accept="")
    assert (answer.status, b"recovery_ops" in answer.body) == (401, False)


def test_the_server_answers_who_shows_the_token_in_the_format_they_accept(server: MetricsServer) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    plain = httpx.get(server.url, headers=headers)
    assert plain.status_code == 200
    assert samples(plain.text)["recovery_ops_build_info"]
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    assert httpx.get(server.url, headers=headers | accept).text.endswith("# EOF\n")
    assert httpx.get(server.url).status_code == 401
    base = server.url.removesuffix("/metrics")
    assert httpx.get(f"{base}/-/healthy").status_code == 200
    assert httpx.get(f"{base}/etc/passwd").status_code == 404
    assert httpx.post(server.url, headers=headers).status_code == 501


def test_a_record_that_was_never_read_is_no_empty_answer(world: MetricWorld) -> None:
    hang = threading.Event()
    world.store.before = lambda *_: hang.wait() and None
    try:
        answer = Endpoint(world.watch(patience_s=0.01), None).answer(authorization="", accept="")
        assert answer.status == 503
    finally:
        hang.set()


@pytest.mark.parametrize("content", ["", "short", "with a space in the middle", "ümlauts-are-no-header"])
def test_a_token_that_cannot_be_used_is_refused_and_not_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "token"
    path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        token_of(path)
    assert not content or content not in str(caught.value)


def test_serving_to_others_needs_a_token() -> None:
    done = CliRunner().invoke(app, ["metrics", "serve", "--host", "0.0.0.0"])
    assert done.exit_code == 2


def test_show_prints_every_series_of_the_shipped_catalog_even_while_nothing_answers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECOVERY_OPS_CATALOGS", str(Path(__file__).parents[3] / "dags"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    done = CliRunner().invoke(app, ["metrics", "show"])
    assert done.exit_code == 0
    assert samples(done.output)["recovery_ops_record_readable"] == {("us-east-1",): 0, ("us-west-2",): 0}
