"""``make torture``: the whole matrix; a table, ``out/torture.json``, and exit code 1 when one death did harm."""

import itertools
import json
import logging
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import structlog
from ground import proving_ground
from matrix import Verdict, rehearse, steps_of, to_the_end, torture
from rich.console import Console
from rich.table import Table
from victims import STEPS, VICTIMS, lose, real_airflow, undisturbed

OUT = Path("out") / "torture.json"


def main() -> int:
    """Torture one run at every point and print what that did; return the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    begin = time.monotonic()
    found: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="recovery-ops-torture-") as folder, proving_ground(Path(folder)) as ground:
        known = rehearse(ground)
        found += map(_said, torture(ground, known, every=True))
        found += (_said(to_the_end(ground, known, step_id)) for step_id in steps_of(ground))
        with real_airflow(ground, Path(folder) / "stack") as airflow:
            end = undisturbed(airflow)
            pairs = itertools.product(VICTIMS, STEPS)
            found += (_said(lose(airflow, victim, step_id, end)) for victim, step_id in pairs)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps([verdict.to_json() for verdict in found], indent=2))
    Console().print(table(found))
    print(f"{len(found)} deaths in {time.monotonic() - begin:.0f} s: {OUT}")
    return 0 if all(verdict.ok for verdict in found) else 1


def table(found: list[Verdict]) -> Table:
    """Return one line per step and victim."""
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in found:
        groups[(verdict.victim, verdict.step)].append(verdict)
    shown = Table("victim", "step", "deaths", "twice", "lost", "leaked", "same final state", "ok")
    for (victim, step_id), verdicts in groups.items():
        sums = [str(sum(getattr(item, name) for item in verdicts)) for name in ("twice", "lost", "leaked")]
        same = sum(item.same_final_state for item in verdicts)
        good = sum(item.ok for item in verdicts)
        shown.add_row(victim, step_id, str(len(verdicts)), *sums, str(same), str(good))
    return shown


def _said(verdict: Verdict) -> Verdict:
    mark = "ok " if verdict.ok else "BAD"
    print(f"{mark} {verdict.victim} {verdict.step}: {verdict.point} {verdict.why}", flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
