"""The sandbox's listener: one port for every AWS service and region, with the control API beside them."""

import io
import threading
from http import HTTPStatus
from pathlib import Path
from typing import Any

import structlog
from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import DechunkedInput, make_server

from recovery_ops.sandbox import calls
from recovery_ops.sandbox.calls import Answer, Call, Environ
from recovery_ops.sandbox.control_api import ControlApi
from recovery_ops.sandbox.gate import Gate, answer_to, hold, reset, union
from recovery_ops.sandbox.loading import Overlays
from recovery_ops.sandbox.moto_app import MotoApp
from recovery_ops.sandbox.request_log import RequestLog, now
from recovery_ops.sandbox.world import World

log = structlog.get_logger(__name__)


class ConnectionBrokenError(Exception):
    """The connection was reset on purpose; nothing may be written to it."""


class Sandbox:
    """AWS in one process, on the address of its world. ``stop`` ends everything that ``start`` began."""

    def __init__(self, world: World, *, port: int = 0, request_log: Path | None = None) -> None:
        self.world = world
        self.requests = RequestLog(request_log)
        self.stopping = threading.Event()
        self._server = make_server(world.host, port, self.answer, threaded=True, request_handler=_Handler)
        world.base_url = f"http://{world.host}:{self._server.server_port}"
        self.overlays = Overlays(world)
        self._moto = MotoApp()
        self.overlays.install()
        modules = self.overlays.modules
        self._gate = Gate(world, union(modules, "MODELLED"), union(modules, "REFUSED"))
        self._routes = self.overlays.routes()
        self._data_planes = self.overlays.data_planes()
        self._control = ControlApi(world, self.overlays, self.requests, self.stopping)

    def start(self) -> None:
        """Import every service, start the overlays and serve in a background thread."""
        self._moto.warm_up()
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="sandbox-server", daemon=True).start()
        self.overlays.start()

    def stop(self) -> None:
        """End the overlays, the listener and the clock."""
        self.overlays.stop()
        self._server.shutdown()
        self._server.server_close()
        self.world.clock.stop()
        self.requests.close()

    def answer(self, environ: Environ, body: bytes) -> Answer:
        """Answer one request, to AWS or to the sandbox itself."""
        path = str(environ.get("PATH_INFO", "/"))
        if path.startswith("/_sandbox/"):
            return self._control.answer(environ["REQUEST_METHOD"], path, body)
        if route := self._routes.get(path):
            return route(environ, body)  # type: ignore[no-any-return]
        if path.startswith("/moto-api"):
            return 403, [("Content-Type", "text/plain")], b"moto's own API is closed; use /_sandbox/"
        return self._aws(calls.parse(environ, body), environ, body)

    def _aws(self, call: Call, environ: Environ, body: bytes) -> Answer:
        at = now()
        fault = self._gate.fault(call)
        if fault and fault.mode in ("reset", "hang"):
            self.requests.add(call, 0, at)
            self._break(environ, hang=fault if fault.mode == "hang" else None)
        answer = answer_to(fault, call) if fault else None
        answer = answer or self._gate.refusal(call) or self._serve(call, environ, body)
        self.requests.add(call, answer[0], at)
        return answer

    def _serve(self, call: Call, environ: Environ, body: bytes) -> Answer:
        for data_plane in self._data_planes:
            if answer := data_plane(environ, body, call.region, call.service):
                return answer  # type: ignore[no-any-return]
        return self._moto.answer(call, environ, body)

    def _break(self, environ: Environ, *, hang: Any) -> None:
        if hang:
            hold(hang, self.world, environ["werkzeug.socket"])
        reset(environ["werkzeug.socket"])
        raise ConnectionBrokenError


class _Handler(MotoRequestHandler):  # type: ignore[misc]  # moto is not typed for mypy
    """HTTP/1.1 with connections kept alive, which werkzeug's own handler does not do; each answer is one write."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        environ: Environ = self.make_environ()
        body = _read(environ)
        try:
            status, headers, content = self.server.app(environ, body)
        except ConnectionBrokenError:
            self.close_connection = True
            return
        except Exception as defect:
            log.exception("request failed", path=environ.get("PATH_INFO"))
            status, headers, content = 500, [], repr(defect).encode()
        self._send(status, headers, content)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        kept = [(name, value) for name, value in headers if name.lower() not in ("connection", "transfer-encoding")]
        if not _has_no_body(self.command, status):
            kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
            kept.append(("Content-Length", str(len(content))))
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in kept), "", ""]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        self.wfile.write(head if _has_no_body(self.command, status) else head + content)

    def handle(self) -> None:
        try:
            super().handle()
        except (OSError, ValueError):  # the client left, or a fault has closed the connection
            self.close_connection = True

    def finish(self) -> None:
        try:
            super().finish()
        except (OSError, ValueError):
            self.close_connection = True

    def log_request(self, *_: object) -> None:
        """Nothing: the request log has it."""


def _read(environ: Environ) -> bytes:
    source = environ["wsgi.input"]
    if isinstance(source, DechunkedInput):
        return io.BufferedReader(source).read()
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return bytes(source.read(length)) if length else b""


def _has_no_body(method: str, status: int) -> bool:
    return method == "HEAD" or status in (204, 304)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
