"""The local world: the sandbox, seeded, and the environment that points the library at it."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import recovery_ops.sandbox.seed
from recovery_ops.sandbox import process
from recovery_ops.sandbox.process import RunningSandbox
from recovery_ops.sandbox.seed import data

SYSTEM = "fraud-detection"
"""The system that the seeded world holds."""
FACTOR = 1 / 60
CROWD_EVERY_S = 0.2
"""Between two requests of clients and writer of a world that stays: 12 modelled seconds, well within an RPO of 60."""
SEED_FACTOR = 1 / 2000
"""While a new world is seeded, life cycles take next to nothing; a snapshot of it is kept for the next time."""

Progress = Callable[[str], None]


def start_world(
    folder: Path, catalogs: Path, *, cache: Path, request_log: Path | None, parent_pid: int | None, progress: Progress
) -> RunningSandbox:
    """Start the sandbox with the demo's world in it; see :func:`seeded_world`."""
    snapshot = seeded_world(folder, catalogs, cache=cache, progress=progress)
    progress("starting the sandbox")
    return process.start(folder, factor=FACTOR, request_log=request_log, restore=snapshot, parent_pid=parent_pid)


def seeded_world(folder: Path, catalogs: Path, *, cache: Path, progress: Progress) -> Path:
    """Return a snapshot of the demo's world.

    It is built once, by a sandbox in ``folder``, and kept under ``cache``; a change of the sandbox or of the network
    template builds it again.
    """
    template = catalogs / "fraud-detection" / "network.yaml"
    snapshot = cache / f"world-{_fingerprint(template)}.snapshot"
    if not snapshot.exists():
        _build(folder, template, snapshot, progress)
    return snapshot.resolve()


def _build(folder: Path, template: Path, snapshot: Path, progress: Progress) -> None:
    from recovery_ops.sandbox.seed.alarms import watch
    from recovery_ops.sandbox.seed.fraud_detection import seed

    snapshot.parent.mkdir(parents=True, exist_ok=True)
    sandbox = process.start(folder / "seeding", factor=SEED_FACTOR, parent_pid=os.getpid())
    try:
        seed(sandbox.base_url, template, lambda step: progress(f"seeding: {step}"))
        progress("seeding: alarms about the other region")
        watch(sandbox.base_url)
        time.sleep(0.5)  # replication of the last writes, at the seed's factor
        sandbox.control.snapshot(snapshot.resolve())
    finally:
        process.stop(sandbox)


def _fingerprint(template: Path) -> str:
    digest = hashlib.sha256(template.read_bytes())
    sandbox = Path(recovery_ops.sandbox.__file__).parent
    for source in sorted(sandbox.rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def environment(sandbox: RunningSandbox) -> dict[str, str]:
    """Return what points the library, and boto3, at ``sandbox``."""
    return {
        "AWS_ENDPOINT_URL": sandbox.base_url,
        "AWS_ACCESS_KEY_ID": "sandbox",
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_EC2_METADATA_DISABLED": "true",
        "RECOVERY_OPS_TIME_FACTOR": str(sandbox.factor),
        "RECOVERY_OPS_RESOLVER": f"{sandbox.base_url}/dns-query",
        "RECOVERY_OPS_FAULT_URL": f"{sandbox.base_url}/_sandbox",
    }


def sample_row() -> list[float]:
    """Return one row of real features, as clients send it."""
    _, golden = data.split(data.load_phishing())
    return [float(value) for value in golden[list(data.FEATURES)].iloc[0]]
