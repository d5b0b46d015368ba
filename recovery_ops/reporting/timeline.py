"""The picture of a run: where the bars, marks and labels of its timeline stand. Geometry; the template draws it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from recovery_ops.reporting.facts import Json
from recovery_ops.reporting.phrases import change

WIDTH, LEFT, RIGHT = 1000.0, 138.0, 16.0
LANE, ROW, BAR = 15.0, 27.0, 15.0
LETTER = 6.6
"""Width of a letter of a label, in user units."""
TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
MOST_TICKS = 10
SYSTEM_ROW = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One step, or the outage of the client. ``waits`` are x and width of the time it waited for AWS."""

    x: float
    width: float
    phase: str
    title: str
    label: str = ""
    outcome: str = "succeeded"
    on_chain: bool = False
    waits: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Everything of one component, or of the system."""

    name: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One clock: a line over the whole picture with a flag at the top."""

    name: str
    x: float
    flag_x: float
    y: float
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The whole timeline in user units."""

    width: float
    height: float
    top: float
    bottom: float
    left: float
    rows: tuple[Row, ...] = ()
    marks: tuple[Mark, ...] = ()
    ticks: tuple[tuple[float, str], ...] = ()
    outage: tuple[float, float] | None = None
    phases: tuple[str, ...] = field(default=())


class _Scale:
    """Seconds since the first moment to x."""

    def __init__(self, begin: datetime, end: datetime) -> None:
        self.begin = begin
        self.length_s = max((end - begin).total_seconds(), 0.001)

    def x(self, at: datetime) -> float:
        share = (at - self.begin).total_seconds() / self.length_s
        return round(LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT), 2)

    def width(self, begin: datetime, end: datetime) -> float:
        return round(max(self.x(end) - self.x(begin), 0.0), 2)


def picture(report: Json) -> Picture | None:
    """Return the timeline of a report, ``None`` when nothing of it has a time."""
    clocks = {name: datetime.fromisoformat(at) for name, at in report["clocks"].items() if at}
    steps = [step for step in report["steps"] if step["started_at"] and step["ended_at"]]
    moments = [*clocks.values(), *(_time(step[key]) for step in steps for key in ("started_at", "ended_at"))]
    if len(moments) < 2:
        return None
    zero = clocks.get("T0", min(moments))
    scale = _Scale(min(moments), max(moments))
    marks = tuple(_marks(clocks, scale))
    top = 12 + LANE * (1 + max((round((mark.y - 12) / LANE) for mark in marks), default=0)) + 4
    rows = tuple(_rows(steps, scale, top, report["client"]["outage_s"] is not None))
    bottom = top + ROW * (len(rows) + (report["client"]["outage_s"] is not None)) + 4
    return Picture(
        width=WIDTH,
        height=bottom + 26,
        top=top,
        bottom=bottom,
        left=LEFT,
        rows=rows,
        marks=marks,
        ticks=tuple(_ticks(scale, zero)),
        outage=_outage(report["client"], clocks, scale),
        phases=_phases(rows),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _marks(clocks: Mapping[str, datetime], scale: _Scale) -> Iterator[Mark]:
    """Flags are put into the first lane where they touch no other."""
    lanes: list[float] = []
    for name, at in sorted(clocks.items(), key=lambda item: (item[1], item[0])):
        x, width = scale.x(at), len(name) * LETTER + 8
        flag_x = round(min(x, WIDTH - width), 2)
        lane = next((number for number, end in enumerate(lanes) if flag_x >= end + 2), len(lanes))
        lanes[lane : lane + 1] = [flag_x + width]
        yield Mark(name=name, x=x, flag_x=flag_x, y=12 + LANE * lane, title=f"{name} {at.isoformat()}")


def _rows(steps: Sequence[Json], scale: _Scale, top: float, outage: bool) -> Iterator[Row]:  # noqa: FBT001
    names: dict[str, list[Json]] = {SYSTEM_ROW: []}
    for step in sorted(steps, key=lambda step: (step["started_at"], step["ended_at"])):
        names.setdefault(step["component"] or SYSTEM_ROW, []).append(step)
    for number, (name, mine) in enumerate(names.items()):
        y = top + ROW * (number + outage)
        yield Row(name=name, y=y, bars=tuple(_bar(step, scale) for step in mine))


def _bar(step: Json, scale: _Scale) -> Bar:
    begin, end = _time(step["started_at"]), _time(step["ended_at"])
    width = max(scale.width(begin, end), 1.6)
    label = step["phase"] if len(step["phase"]) * LETTER * 0.9 + 8 <= width else ""
    attempts = f", {step['attempts']} attempts" if step["attempts"] > 1 else ""
    times = f"{step['wall_s']:.1f} s, of which waited {step['waited_s']:.1f} s"
    return Bar(
        x=scale.x(begin),
        width=width,
        phase=step["phase"],
        title=f"{step['step']}: {times}{attempts}, {step['outcome']}",
        label=label,
        outcome=step["outcome"],
        on_chain=step["on_chain"],
        waits=tuple(_waits(step, scale, begin, end)),
    )


def _waits(step: Json, scale: _Scale, begin: datetime, end: datetime) -> Iterator[tuple[float, float]]:
    """Where the step waited: between start and end of its operations; without any, at its end."""
    operations = [item for item in step["operations"] if item["ended_at"]]
    for item in operations:
        since, until = max(_time(item["started_at"]), begin), min(_time(item["ended_at"]), end)
        yield scale.x(since), scale.width(since, until)
    if not operations and step["waited_s"] and step["wall_s"]:
        share = min(step["waited_s"] / step["wall_s"], 1.0)
        width = scale.width(begin, end) * share
        yield round(scale.x(end) - width, 2), round(width, 2)


def _ticks(scale: _Scale, zero: datetime) -> Iterator[tuple[float, str]]:
    every = next((step for step in TICKS_S if scale.length_s / step <= MOST_TICKS), TICKS_S[-1])
    before_s = (zero - scale.begin).total_seconds()
    first = -int(before_s // every)
    for number in range(first, int((scale.length_s - before_s) // every) + 1):
        x = LEFT + (before_s + number * every) / scale.length_s * (WIDTH - LEFT - RIGHT)
        label = change(number * every) if number else "0"
        yield round(x, 2), label if x + LETTER / 2 * len(label) <= WIDTH else ""


def _outage(client: Json, clocks: Mapping[str, datetime], scale: _Scale) -> tuple[float, float] | None:
    """The band of the client's outage; without its own times it begins at T0."""
    if client["outage_s"] is None or not (client["outage_started_at"] or "T0" in clocks):
        return None
    begin = _time(client["outage_started_at"]) if client["outage_started_at"] else clocks["T0"]
    length_s = client["outage_s"] / scale.length_s * (WIDTH - LEFT - RIGHT)
    x = scale.x(begin)
    return x, round(min(length_s, WIDTH - RIGHT - x), 2)


def _phases(rows: Iterable[Row]) -> tuple[str, ...]:
    seen = {bar.phase for row in rows if row.name != SYSTEM_ROW for bar in row.bars}
    return tuple(phase for phase in ("provision", "rehydrate", "redeploy", "verify") if phase in seen)
