"""What the demo costs: all of it, the failover in it, and what of the failover is orchestration.

The same plan runs twice in one go: with the settings that are shipped as code, and with Airflow's own defaults as the
peer. ``python -m benchmarks.demo`` prints rows as JSON.
"""

import json
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from recovery_ops.cli.demo import play

ROOT = Path(__file__).parents[1]
OVERHEAD_GOAL_S = 0.35
DEMO_GOAL_S = 240.0
FAILOVER_GOAL_S = 60.0


def rows() -> list[dict[str, Any]]:
    """Play the demo with both settings and return ``{name, value, unit, goal, ok, peer, method}`` per measurement.

    Raises:
        RuntimeError: The demo with our settings did not pass; nothing was measured.
    """
    begin = time.monotonic()
    ours = _play(tuned=True)
    whole_s = time.monotonic() - begin
    peers = _play(tuned=False)
    if ours["verdict"] != "pass":
        raise RuntimeError(f"the demo failed: {ours['result']}")
    hops = len(ours["time"]["hops"])
    chain = f"{hops} hops on the longest chain from T3 to T8, waits for AWS and our own work taken off"
    return [
        _row(
            "orchestration overhead of a failover per hop",
            ours["time"]["overhead_per_hop_s"],
            OVERHEAD_GOAL_S,
            peers["time"]["overhead_per_hop_s"],
            f"{chain}; peer: the same plan under Airflow's defaults",
        ),
        _row(
            "failover", _failover_s(ours), FAILOVER_GOAL_S, _failover_s(peers), "declared to closed, wall, 1 s = 1 min"
        ),
        _row(
            "demo", whole_s, DEMO_GOAL_S, None, "seed if needed, start, protect, fail over, report; packages installed"
        ),
    ]


def _play(*, tuned: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="recovery-ops-demo-") as folder:
        return play("fraud-detection", "airflow", ROOT / "dags", Path(folder), tuned=tuned)


def _failover_s(report: dict[str, Any]) -> float:
    ends = {step["step"]: step["ended_at"] for step in report["steps"]}
    begin = datetime.fromisoformat(report["clocks"]["T3"])
    return (datetime.fromisoformat(ends["close"]) - begin).total_seconds()


def _row(name: str, value: float, goal: float, peer: float | None, method: str) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 3),
        "unit": "s",
        "goal": goal,
        "ok": value <= goal,
        "peer": None if peer is None else round(peer, 3),
        "method": method,
    }


if __name__ == "__main__":
    print(json.dumps(rows(), indent=2))
