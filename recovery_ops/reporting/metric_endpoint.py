"""One answer to one scrape, whoever serves it: the plugin of Airflow or a small server of our own."""

import hmac
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import structlog

from recovery_ops.errors import RecoveryError, SettingsError
from recovery_ops.reporting.metrics import Watch, exposition

log = structlog.get_logger(__name__)

PATH = "/metrics"
HEALTH_PATH = "/-/healthy"
SHORTEST_TOKEN = 16
SILENT_CLIENT_S = 10.0
"""A connection that sends nothing for so long is closed; wall seconds."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to whoever asks."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


class Endpoint:
    """Answers scrapes with the metrics of ``watch``; with a ``token`` only to those who show it."""

    def __init__(self, watch: Watch, token: str | None) -> None:
        self._watch = watch
        self._expected = None if token is None else f"Bearer {token}".encode()

    def answer(self, *, authorization: str, accept: str) -> Answer:
        """Return the answer to a request with these two headers, empty when it has none."""
        given = authorization.encode("utf-8", "replace")
        if self._expected is not None and not hmac.compare_digest(given, self._expected):
            return Answer(401, b"a bearer token is needed\n", headers={"WWW-Authenticate": "Bearer"})
        try:
            body, content_type = exposition(self._watch, accept)
        except RecoveryError as error:
            log.warning("no metrics", error=error.message)
            return Answer(503, f"{error.message}\n".encode())
        return Answer(200, body, content_type)


def token_of(path: Path) -> str:
    """Return the token in a file: its first line.

    Raises:
        SettingsError: It cannot be read, is too short, or has characters that no header can hold.
    """
    try:
        token = path.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise SettingsError(f"the token of the metrics cannot be read from {path}: {reason}") from error
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(
            f"the token in {path} cannot be used: it needs at least {SHORTEST_TOKEN} printable ASCII characters"
        )
    return token


class MetricsServer(ThreadingHTTPServer):
    """Serves the endpoint at ``/metrics``, and ``/-/healthy`` to anybody; nothing else, and only to ``GET``."""

    daemon_threads = True

    def __init__(self, host: str, port: int, endpoint: Endpoint) -> None:
        super().__init__((host, port), _Handler)
        self.endpoint = endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  the signature of socketserver
        """Note that a connection failed, most often because whoever asked has gone; the server goes on."""
        log.info("connection lost", client=str(client_address), error=str(sys.exception() or ""))

    @property
    def url(self) -> str:
        """Return where metrics are."""
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "recovery-ops"
    sys_version = ""
    timeout = SILENT_CLIENT_S

    def do_GET(self) -> None:
        """Answer one request."""
        path = self.path.partition("?")[0]
        if path == PATH:
            named = {"authorization": self.headers.get("Authorization", ""), "accept": self.headers.get("Accept", "")}
            self._send(self.server.endpoint.answer(**named))
        elif path == HEALTH_PATH:
            self._send(Answer(200, b"ok\n"))
        else:
            self._send(Answer(404, f"metrics are at {PATH}\n".encode()))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name that http.server uses
        """Say nothing of every scrape."""
