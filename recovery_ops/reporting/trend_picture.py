"""Recovery times of runs as a picture: one dot per run, one line per kind, the objective as a dash."""

from dataclasses import dataclass
from datetime import datetime

from recovery_ops.reporting.facts import Json
from recovery_ops.reporting.phrases import duration
from recovery_ops.reporting.trend import kind_of

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000.0, 260.0, 84.0, 14.0, 226.0
LABELS = 12
"""Dates that fit below the picture."""
STEPS_S = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One run; ``objective_y`` is where its objective lies."""

    x: float
    y: float
    objective_y: float | None
    verdict: str
    title: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendPicture:
    """The whole picture in user units."""

    width: float
    height: float
    left: float
    ticks: tuple[tuple[float, str], ...]
    lines: tuple[str, ...]
    dots: tuple[Dot, ...]


def trend_picture(trend: Json) -> TrendPicture | None:
    """Return the picture of the runs that have a recovery time, ``None`` when there are none."""
    runs = [run for run in trend["runs"] if run["rto_s"] is not None]
    if not runs:
        return None
    top_s = max(value for run in runs for value in (run["rto_s"], run["rto_objective_s"] or 0.0)) * 1.08 or 1.0
    gap = (WIDTH - LEFT - 56) / max(len(runs) - 1, 1)
    every = -(-len(runs) // LABELS)
    dots = tuple(
        _dot(
            run, LEFT + 24 + gap * number if len(runs) > 1 else (LEFT + WIDTH) / 2, top_s, labelled=number % every == 0
        )
        for number, run in enumerate(runs)
    )
    kinds = [kind_of(run) for run in runs]
    lines = [
        " ".join(f"{dot.x},{dot.y}" for dot, mine in zip(dots, kinds, strict=True) if mine == kind)
        for kind in dict.fromkeys(kinds)
    ]
    return TrendPicture(width=WIDTH, height=HEIGHT, left=LEFT, ticks=_ticks(top_s), lines=tuple(lines), dots=dots)


def _dot(run: Json, x: float, top_s: float, *, labelled: bool) -> Dot:
    wanted_s = run["rto_objective_s"]
    against = f", objective {duration(wanted_s)}" if wanted_s is not None else ""
    closed = datetime.fromisoformat(run["closed_at"])
    return Dot(
        x=round(x, 1),
        y=_y(run["rto_s"], top_s),
        objective_y=None if wanted_s is None else _y(wanted_s, top_s),
        verdict=run["verdict"],
        title=f"{run['run_id']}, {kind_of(run)}: {duration(run['rto_s'])}{against}, {run['verdict']}",
        label=f"{closed.day} {closed:%b}" if labelled else "",
    )


def _ticks(top_s: float) -> tuple[tuple[float, str], ...]:
    every = next((step for step in STEPS_S if top_s / step <= 5), STEPS_S[-1])
    marks = (number * every for number in range(int(top_s // every) + 1))
    return tuple((_y(mark, top_s), duration(mark) if mark else "0") for mark in marks)


def _y(value_s: float, top_s: float) -> float:
    return round(BOTTOM - value_s / top_s * (BOTTOM - TOP), 1)
