"""``make torture``: the whole matrix; a table, ``out/torture.json``, and exit code 1 when one death did harm.

The table also replaces the one in ``docs/explanation/deaths.md``.
``make torture PART=steps`` (or ``runs``, ``failback``, ``rollback``, ``drill``, ``airflow``) does that part and keeps
what the file says of the others. Deaths under Airflow are mostly waiting, so they have a process of their own beside
the others.
"""

import argparse
import itertools
import json
import logging
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import structlog
from courses import COURSES, Course
from ground import FIRST, Ground, proving_ground
from matrix import CLOSED, RUN, STEP, Verdict, give_up, rehearse, to_the_end, torture
from published import publish
from rich.console import Console
from rich.table import Table
from victims import STEPS, VICTIMS, lose, real_airflow, undisturbed

OUT = Path("out") / "torture.json"
AIRFLOW = "airflow"
TERMINATED = 128 + signal.SIGTERM
PARTS = ("steps", "runs", *COURSES, AIRFLOW)


def main() -> int:
    """Torture runs in the parts that were asked for, all by default, and print what that did; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all unless named")
    parts = parser.parse_args().parts or list(PARTS)  # Python 3.11 takes no choices where there may be none
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the part beside this one ends too
    begin = time.monotonic()
    OUT.parent.mkdir(exist_ok=True)
    if set(parts) == set(PARTS):
        OUT.unlink(missing_ok=True)
    here = [part for part in parts if part != AIRFLOW]
    if AIRFLOW in parts and here:
        with _beside(AIRFLOW) as other:
            fine = _tortured(here, other) and other.returncode == 0
    else:
        fine = _tortured(parts)
    found = [Verdict(**row) for row in json.loads(OUT.read_text())]
    Console().print(table(found))
    if set(parts) == set(PARTS):
        publish(found, datetime.now(UTC).date())
    print(f"{', '.join(parts)} in {time.monotonic() - begin:.0f} s: {OUT}")
    return 0 if fine else 1


def _tortured(parts: list[str], other: subprocess.Popen[bytes] | None = None) -> bool:
    """Do ``parts``, write what they did, after ``other`` has written its own; return whether no death did harm."""
    with tempfile.TemporaryDirectory(prefix="recovery-ops-torture-") as folder, proving_ground(Path(folder)) as ground:
        found = [_said(verdict) for verdict in _deaths(ground, Path(folder), parts)]
    if other:
        other.wait()
    kept = _other_parts(json.loads(OUT.read_text()), parts) if OUT.exists() else []
    OUT.write_text(json.dumps([*kept, *(verdict.to_json() for verdict in found)], indent=2))
    return all(verdict.ok for verdict in found)


@contextmanager
def _beside(part: str) -> Iterator[subprocess.Popen[bytes]]:
    """Do ``part`` in another process, which ends with this one."""
    process = subprocess.Popen([sys.executable, __file__, part])
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _deaths(ground: Ground, folder: Path, parts: list[str]) -> Iterator[Verdict]:
    known = rehearse(ground) if {"steps", "runs"} & set(parts) else {}
    if "steps" in parts:
        yield from torture(ground, known, ground.steps, every=True)
    if "runs" in parts:
        yield from (to_the_end(ground, known, step_id) for step_id in ground.steps)
    for name in COURSES:
        if name in parts:
            yield from _on(COURSES[name](_over(ground)))
    if AIRFLOW in parts:
        with real_airflow(ground, folder / "stack") as airflow:
            end = undisturbed(airflow)
            yield from (lose(airflow, *pair, end) for pair in itertools.product(VICTIMS, STEPS))


def _over(ground: Ground) -> Ground:
    """Return the ground after its failover has come to its end at least once."""
    if CLOSED not in ground.marks:
        rehearse(ground, ())
    return ground


def _on(course: Course) -> Iterator[Verdict]:
    ground = course.ground
    known = rehearse(ground, {*course.steps, *course.runs, *course.given_up})
    yield from torture(ground, known, course.steps, every=False)
    yield from (to_the_end(ground, known, step_id) for step_id in course.runs)
    for step_id in course.given_up:
        yield from give_up(ground, known, step_id)


def _other_parts(rows: list[dict[str, object]], parts: list[str]) -> list[dict[str, object]]:
    part_of = {STEP: "steps", RUN: "runs"}

    def part(row: dict[str, object]) -> str:
        return part_of.get(str(row["victim"]), AIRFLOW) if row["course"] == FIRST else str(row["course"])

    return [row for row in rows if part(row) not in parts]


def table(found: list[Verdict]) -> Table:
    """Return one line per step and victim."""
    groups: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in found:
        groups[(verdict.course, verdict.victim, verdict.step)].append(verdict)
    shown = Table("course", "victim", "step", "deaths", "twice", "lost", "leaked", "same final state", "ok")
    for names, verdicts in groups.items():
        sums = [str(sum(getattr(item, name) for item in verdicts)) for name in ("twice", "lost", "leaked")]
        same = sum(item.same_final_state for item in verdicts)
        good = sum(item.ok for item in verdicts)
        shown.add_row(*names, str(len(verdicts)), *sums, str(same), str(good))
    return shown


def _said(verdict: Verdict) -> Verdict:
    mark = "ok " if verdict.ok else "BAD"
    print(f"{mark} {verdict.course} {verdict.victim} {verdict.step}: {verdict.point} {verdict.why}", flush=True)
    return verdict


if __name__ == "__main__":
    sys.exit(main())
