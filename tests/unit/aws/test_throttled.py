"""Calls that AWS throttles are sent again for a minute; other refusals as often as botocore sends them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from botocore.exceptions import ClientError

from recovery_ops.aws import clients
from recovery_ops.aws.limits import ATTEMPTS
from recovery_ops.aws.worlds import speaking_to

FOR_EVER = 10**6


@contextmanager
def s3_that_refuses(code: str, times: int) -> Iterator[list[str]]:
    """Serve an S3 that answers the first ``times`` requests with ``code``; yields the requests that it was sent."""
    asked: list[str] = []

    class Busy(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            asked.append(self.path)
            refused = len(asked) <= times
            body = f"<Error><Code>{code}</Code></Error>" if refused else "<ListAllMyBucketsResult/>"
            self.send_response(503 if refused else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with speaking_to({"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}):
            yield asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)


def test_a_throttled_call_is_sent_until_it_is_taken() -> None:
    with s3_that_refuses("SlowDown", times=30) as asked:
        clients.client("s3", "us-west-2").list_buckets()
    assert len(asked) == 31


def test_a_call_that_is_throttled_for_too_long_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "THROTTLED_S", 0.3)
    with s3_that_refuses("SlowDown", FOR_EVER) as asked, pytest.raises(ClientError, match="SlowDown"):
        clients.client("s3", "us-west-2").list_buckets()
    assert len(asked) > ATTEMPTS


def test_a_service_that_is_broken_is_not_asked_for_a_minute() -> None:
    with s3_that_refuses("ServiceUnavailable", FOR_EVER) as asked, pytest.raises(ClientError, match="Unavailable"):
        clients.client("s3", "us-west-2").list_buckets()
    assert len(asked) == ATTEMPTS


def test_a_region_that_is_probably_dead_is_asked_once() -> None:
    with s3_that_refuses("SlowDown", FOR_EVER) as asked, pytest.raises(ClientError, match="SlowDown"):
        clients.client("s3", "us-west-2", suspect=True).list_buckets()
    assert len(asked) == 1
