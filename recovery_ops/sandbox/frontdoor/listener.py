"""One HTTP/1.1 listener: takes requests of clients, dies with its region."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import structlog

from recovery_ops.sandbox.faults import Fault
from recovery_ops.sandbox.frontdoor.routes import RefusedError, Route, find
from recovery_ops.sandbox.gate import hold, reset
from recovery_ops.sandbox.world import World

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024  # what API Gateway takes
_DEFAULT_LATENCY_S = 0.5
_STATUS = {"503": (503, "Service Unavailable"), "throttle": (429, "Too Many Requests")}

Answer = tuple[int, str, bytes]


class FrontDoor:
    """The listener of one region, on a free port of the world's address until ``stop``."""

    def __init__(self, world: World, region: str) -> None:
        self._server = _Server(world, region)
        self.url = f"http://{world.host}:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name=f"front-door-{region}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the listener."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, world: World, region: str) -> None:
        self.world = world
        self.region = region
        super().__init__((world.host, 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that leaves, or a connection that a fault has closed, is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._send(_refusal(413, "Request Too Long"))
            return
        body = self.rfile.read(length)
        fault = self._fault("execute-api") or self._fault("apigateway")
        if fault is not None and fault.mode in ("reset", "hang"):
            self._break(fault)
            return
        began = time.monotonic()
        answer = (_hit(fault) if fault is not None else None) or self._answer(body)
        self.server.world.answered.add(self.server.region, answer[0], time.monotonic() - began)
        self._send(answer)

    # the names http.server looks for
    do_DELETE = do_GET = do_HEAD = do_OPTIONS = do_PATCH = do_POST = do_PUT = _serve  # noqa: N815

    def _answer(self, body: bytes) -> Answer:
        try:
            route = find(self.server.region, self.headers.get("Host", ""), self.command, self.path)
            return self._invoke(route, body)
        except RefusedError as refused:
            return _refusal(refused.status, refused.message)
        except Exception as defect:
            log.exception("front door failed", region=self.server.region, path=self.path)
            return _refusal(500, f"Internal server error: {defect!r}")

    def _invoke(self, route: Route, body: bytes) -> Answer:
        from recovery_ops.sandbox.inference import invoke

        if not route.endpoint:
            raise RefusedError(501, "the sandbox models integrations with SageMaker endpoints of the region only")
        fault = self._fault("sagemaker") or self._fault("sagemaker-runtime")
        if fault is not None and (answer := _hit(fault, unavailable=True)):
            return answer
        kind = self.headers.get("Content-Type", "application/json")
        status, headers, answered = invoke(self.server.world, self.server.region, route.endpoint, body, kind)
        types = [value for name, value in headers if name.lower() == "content-type"]
        return route.status_for(status), next(iter(types), "application/json"), answered

    def _fault(self, service: str) -> Fault | None:
        caller = self.headers.get("User-Agent", "")
        return self.server.world.faults.find(self.server.region, service, caller)

    def _break(self, fault: Fault) -> None:
        self.close_connection = True
        if fault.mode == "hang":
            hold(fault, self.server.world, self.connection)
        reset(self.connection)

    def _send(self, answer: Answer) -> None:
        status, kind, body = answer
        phrase = self.responses.get(status, ("", ""))[0]
        lines = [
            f"HTTP/1.1 {status} {phrase}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            f"x-amzn-region: {self.server.region}",
            f"Connection: {'close' if self.close_connection else 'keep-alive'}",
        ]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self.wfile.write(head + (b"" if self.command == "HEAD" else body))

    def log_message(self, *_: object) -> None:
        """Nothing: clients keep their own log."""


def _hit(fault: Fault, *, unavailable: bool = False) -> Answer | None:
    """Return what a fault makes of a request; ``None`` after added latency. ``unavailable``: 503 whatever the mode."""
    if fault.mode == "latency":
        time.sleep(_DEFAULT_LATENCY_S if fault.seconds is None else fault.seconds)
        return None
    return _refusal(*_STATUS["503" if unavailable else fault.mode])


def _refusal(status: int, message: str) -> Answer:
    return status, "application/json", json.dumps({"message": message}).encode()
