"""How long parsing one DAG file takes for a catalog of 10 components.

``python -m benchmarks.parse`` prints rows as JSON.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GOAL_S = 1.0
COMPONENTS = 10
RUNS = 5

HEAD = """\
system: bench
home: us-east-1
regions: [us-east-1, us-west-2]
rto: 4h
traffic:
  name: bench.example.com
  front_doors: {us-east-1: a.example.com, us-west-2: b.example.com}
  health_switch: {us-west-2: s3://switch/bench}
people: {sre-lead: [alice]}
approval: {critical: auto, default: ask, approvers: [sre-lead], timeout: 3m, on_timeout: stop-and-page}
record: {bucket: "record-{region}"}
points: {bucket: "points-{region}"}
protect: {every: 15m, keep: 35d, lock: 7d}
components:
"""
COMPONENT = """\
  - name: part-{number}
    kind: s3-dataset
    tier: critical
    standby: warm
    rto: 2h
    rpo: 30m
    needs: [{needs}]
    settings: {{bucket: "data-{{region}}", prefix: part-{number}/}}
"""
PROBE = """
import json, runpy, sys, time
import airflow.sdk
begin = time.perf_counter()
found = runpy.run_path(sys.argv[1])
cold = time.perf_counter() - begin
begin = time.perf_counter()
runpy.run_path(sys.argv[1])
warm = time.perf_counter() - begin
print(json.dumps({"dags": sum("__bench" in name for name in found), "cold": cold, "warm": warm}))
"""


def rows() -> list[dict[str, Any]]:
    """Parse in fresh processes that have imported Airflow, as its dag-processor has, and return the median."""
    with tempfile.TemporaryDirectory() as folder:
        dag_file = _write(Path(folder))
        seen = [_parse(dag_file) for _ in range(RUNS)]
    method = f"one file, {COMPONENTS} components, {seen[0]['dags']} DAGs; median of {RUNS}"
    first = "in a fresh process after importing Airflow, with all imports of ours"
    return [
        _row("parse of a DAG file", [one["cold"] for one in seen], f"{method}; {first}"),
        _row(
            "parse of a DAG file again", [one["warm"] for one in seen], f"{method}; in a process that parsed it before"
        ),
    ]


def _row(name: str, seconds: list[float], method: str) -> dict[str, Any]:
    value = round(statistics.median(seconds), 3)
    return {
        "name": name,
        "value": value,
        "unit": "s",
        "goal": GOAL_S,
        "ok": value <= GOAL_S,
        "peer": None,
        "method": method,
    }


def _write(folder: Path) -> Path:
    parts = [
        COMPONENT.format(number=number, needs=f"part-{number - 1}" if number % 3 else "")
        for number in range(COMPONENTS)
    ]
    (folder / "bench.yaml").write_text(HEAD + "".join(parts))
    dag_file = folder / "bench.py"
    dag_file.write_bytes((ROOT / "dags" / "fraud-detection.py").read_bytes())
    return dag_file


def _parse(dag_file: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(dag_file)], check=True, capture_output=True, text=True, cwd=dag_file.parent
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


if __name__ == "__main__":
    print(json.dumps(rows(), indent=2))
