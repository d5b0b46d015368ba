"""The SageMaker container contract without Docker: ``GET /ping`` and ``POST /invocations`` around one ONNX model.

:func:`run` loads ``model.onnx``, binds a port of 127.0.0.1, tells it and serves until its parent is gone. Imported once
in a fork server, so that a container is there in some milliseconds and not in half a second; only numpy and onnxruntime
are imported. Nothing is unpickled: other files in the directory are left alone.

``text/csv`` in: one row of numbers a line; out: one score a line. ``application/json`` in: ``{"instances": [[..]]}``;
out: ``{"predictions": [..]}``. Input that cannot be read is answered 400, a model that fails 500.
"""

import json
import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

Predict = Callable[[Any], list[float]]


def run(model_dir: Path, log: Path, ready: Connection) -> None:
    """Be the container: write to ``log``, send the port when the model is loaded, serve until the parent is gone.

    Raises:
        FileNotFoundError: There is no ``model.onnx`` in ``model_dir``.
    """
    with log.open("wb") as own:
        os.dup2(own.fileno(), 1)
        os.dup2(own.fileno(), 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _Handler.predict = staticmethod(load(model_dir))
    server = _Server(("127.0.0.1", 0), _Handler)
    ready.send(server.server_port)
    server.serve_forever()


def load(model_dir: Path) -> Predict:
    """Return a function from rows of numbers to one score a row: the last column of the model's last output.

    Raises:
        FileNotFoundError: There is no ``model.onnx`` in ``model_dir``.
    """
    path = model_dir / "model.onnx"
    if not path.is_file():
        raise FileNotFoundError(f"no model.onnx in the archive; it has {sorted(p.name for p in model_dir.iterdir())}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda rows: _scores(session.run(None, {name: rows})[-1])


def _scores(output: Any) -> list[float]:
    if isinstance(output, list):  # probabilities by class, as skl2onnx writes them with ZipMap
        return [float(row[max(row)]) for row in output]
    scores = np.asarray(output)
    return [float(value) for value in (scores[:, -1] if scores.ndim > 1 else scores)]


def _rows(body: bytes, content_type: str) -> Any:
    if "json" in content_type:
        return np.asarray(json.loads(body)["instances"], "float32")
    lines = [line for line in body.decode().splitlines() if line.strip()]
    return np.asarray([line.split(",") for line in lines], "float32")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    predict: Predict

    def do_GET(self) -> None:
        """Answer the health check."""
        self._send(200 if self.path == "/ping" else 404, b"", "application/json")

    def do_POST(self) -> None:
        """Score the rows of the body."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.headers.get("Content-Type") or "text/csv"
        if self.path != "/invocations":
            return self._send(404, b"", "application/json")
        try:
            rows = _rows(body, kind)
            if rows.ndim != 2 or not len(rows):
                raise ValueError(f"expected rows of numbers, got shape {rows.shape}")
        except (ValueError, KeyError, TypeError) as wrong:
            return self._fail(400, f"cannot read the input as {kind}: {wrong!r}")
        try:
            scores = self.predict(rows)
        except Exception as failure:  # noqa: BLE001 - the edge: onnxruntime raises its own kinds; the caller gets the reason
            return self._fail(400 if "INVALID_ARGUMENT" in str(failure) else 500, str(failure)[:500])
        if "json" in kind:
            return self._send(200, json.dumps({"predictions": scores}).encode(), "application/json")
        return self._send(200, "\n".join(map(repr, scores)).encode(), "text/csv; charset=utf-8")

    def _fail(self, status: int, message: str) -> None:
        self._send(status, json.dumps({"error": message}).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        head = f"HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode("latin-1") + body)

    def handle(self) -> None:
        """Serve one connection until either side leaves."""
        try:
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nothing: SageMaker's side has the request log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = socket.SOMAXCONN


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # run() is called in a process made for it
    parent.join()
    os._exit(0)
