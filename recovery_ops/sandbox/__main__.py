"""``python -m recovery_ops.sandbox``: AWS on a port of this machine until SIGTERM, SIGINT or the parent's death."""

import argparse
import gc
import json
import os
import signal
import socket
import sys
import threading
from pathlib import Path

_PARENT_CHECK_S = 0.5

_MOTO = {"MOTO_DISABLE_GLOBAL_CORS": "true", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
"""What moto reads while it is imported. It has 1,300 machine images a region, which every snapshot would carry."""


def main(arguments: list[str] | None = None) -> None:
    """Serve until told to stop; writes the ready file when requests are answered."""
    parser = _options()
    options = parser.parse_args(arguments)
    if options.restore and not options.restore.is_file():
        parser.error(f"--restore: there is no {options.restore}")
    try:
        options.host = socket.gethostbyname(options.host)
    except OSError as unknown:
        parser.error(f"--host {options.host}: {unknown}")
    port = options.port or _free_port(options.host)
    os.environ |= _MOTO | {"MOTO_PORT": str(port)}
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        os.environ.pop(name, None)
    _serve(options, port)


def _serve(options: argparse.Namespace, port: int) -> None:
    from recovery_ops.sandbox import service_models

    gc.disable()  # a quarter less time to start; what is imported stays anyway
    service_models.read_once()  # before moto is imported, which reads them over and over
    from recovery_ops.sandbox import snapshot
    from recovery_ops.sandbox.clock import ScaledClock
    from recovery_ops.sandbox.server import Sandbox
    from recovery_ops.sandbox.world import World

    if options.switch_interval:
        sys.setswitchinterval(options.switch_interval)
    world = World(regions=tuple(options.regions.split(",")), clock=ScaledClock(options.factor), host=options.host)
    sandbox = Sandbox(world, port=port, request_log=options.request_log)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sandbox.stopping.set())
    try:
        sandbox.start()
        gc.freeze()
        gc.enable()
        if options.restore:
            snapshot.load(options.restore, world, sandbox.overlays)
        if options.ready_file:
            _write_ready(options.ready_file, world.base_url, sandbox)
        _wait(sandbox.stopping, options.parent_pid)
    finally:
        sandbox.stop()


def _write_ready(path: Path, base_url: str, sandbox: object) -> None:
    from recovery_ops.sandbox.server import Sandbox

    assert isinstance(sandbox, Sandbox)
    world = sandbox.world
    facts = {
        "base_url": base_url,
        "pid": os.getpid(),
        "regions": list(world.regions),
        "factor": world.clock.factor,
        "front_doors": dict(world.front_doors),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(facts))
    partial.replace(path)


def _wait(stopping: threading.Event, parent_pid: int | None) -> None:
    direct = os.getppid() == parent_pid
    while not stopping.wait(_PARENT_CHECK_S):
        if parent_pid and not _alive(parent_pid, direct=direct):
            return


def _alive(pid: int, *, direct: bool) -> bool:
    if direct:
        return os.getppid() == pid  # a dead parent's children are handed to another one, also while it is a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _free_port(host: str) -> int:
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recovery_ops.sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address, or name of this machine, to listen on")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--regions", default="us-east-1,us-west-2,eu-west-1")
    parser.add_argument("--factor", type=float, default=1 / 60, help="sandbox seconds per AWS second")
    parser.add_argument("--request-log", type=Path, help="append a JSON line per request")
    parser.add_argument("--ready-file", type=Path, help="written as JSON when requests are answered")
    parser.add_argument("--restore", type=Path, help="start from this snapshot")
    parser.add_argument(
        "--switch-interval", type=float, help="seconds a thread runs at a stretch; small ones show races"
    )
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    return parser


if __name__ == "__main__":
    main()
