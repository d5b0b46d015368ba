"""The SageMaker container contract without Docker: ``GET /ping`` and ``POST /invocations`` around one ONNX model.

``python -m recovery_ops.sandbox.container --model-dir DIR --port 0 --parent-pid PID`` loads ``model.onnx``, binds
127.0.0.1 and prints ``ready <port>``. It ends when its parent is gone. Only numpy and onnxruntime are imported, so
that it is ready in half a second. Nothing is unpickled: other files in the directory are left alone.

``text/csv`` in: one row of numbers a line; out: one score a line. ``application/json`` in: ``{"instances": [[..]]}``;
out: ``{"predictions": [..]}``. Input that cannot be read is answered 400, a model that fails 500.
"""

import argparse
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

_PARENT_CHECK_S = 0.5

Predict = Callable[[Any], list[float]]


def main(arguments: list[str] | None = None) -> None:
    """Load the model and serve until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m recovery_ops.sandbox.container")
    parser.add_argument("--model-dir", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--parent-pid", type=int, default=0)
    options = parser.parse_args(arguments)
    _Handler.predict = staticmethod(load(options.model_dir))
    server = _Server(("127.0.0.1", options.port), _Handler)
    if options.parent_pid:
        threading.Thread(target=_end_with, args=(options.parent_pid,), daemon=True).start()
    sys.stdout.write(f"ready {server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


def load(model_dir: Path) -> Predict:
    """Return a function from rows of numbers to one score a row: the last column of the model's last output.

    Raises:
        FileNotFoundError: There is no ``model.onnx`` in ``model_dir``.
    """
    import onnxruntime

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


def _end_with(parent_pid: int) -> None:
    while os.getppid() == parent_pid:
        time.sleep(_PARENT_CHECK_S)
    os._exit(0)


if __name__ == "__main__":
    main()
