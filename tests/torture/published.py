"""The table of a whole torture, as it stands in ``docs/explanation/deaths.md``."""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from pathlib import Path

from ground import FIRST
from matrix import GIVEN_UP, RUN, STEP, Verdict
from victims import STEPS, VICTIMS

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "deaths.md"
BEGIN = "## The table\n"
OURS = (STEP, RUN, GIVEN_UP)


def publish(found: Sequence[Verdict], day: date, page: Path = PAGE) -> None:
    """Write what a whole torture found at the end of ``page``, in place of what stood there.

    Raises:
        ValueError: The page has no heading for it.
    """
    before, heading, _ = page.read_text().partition(BEGIN)
    if not heading:
        raise ValueError(f"{page} has no line {BEGIN.strip()!r}")
    page.write_text(
        before + heading + "\n".join(["", *_sum(found, day), "", *_by_step(found), "", *_by_part(found), ""])
    )


def _sum(found: Sequence[Verdict], day: date) -> list[str]:
    harmless = sum(verdict.ok for verdict in found)
    return [f"`make torture` of {day.day} {day:%B %Y}: {len(found)} deaths, {harmless} of them without a trace."]


def _by_step(found: Sequence[Verdict]) -> list[str]:
    """Return a line per step of each course: deaths of its process, of the whole run in it, of a drill given up."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in found:
        if verdict.victim in OURS:
            groups.setdefault(_title(verdict), []).append(verdict)
    titles = ["step", "effects twice", "facts lost", "leaked", *(f"same final state, {victim}" for victim in OURS)]
    lines = [_line(title, group) for title, group in groups.items()]
    return [_row(titles), _row(["---"] * len(titles)), *lines, _line("all", list(chain(*groups.values())))]


def _title(verdict: Verdict) -> str:
    return f"`{verdict.step}`" if verdict.course == FIRST else f"`{verdict.step}` of the {verdict.course}"


def _line(title: str, found: Sequence[Verdict]) -> str:
    sums = [str(sum(getattr(verdict, name) for verdict in found)) for name in ("twice", "lost", "leaked")]
    return _row([title, *sums, *(_same(item for item in found if item.victim == victim) for victim in OURS)])


def _by_part(found: Sequence[Verdict]) -> list[str]:
    """Return a line per part of Airflow: what became of the run when it died under each step."""
    lines = [
        _row([victim, *(_same(item for item in _of(found, step) if item.victim == victim) for step in STEPS)])
        for victim in VICTIMS
    ]
    return [_row(["same final state", *(f"`{step}`" for step in STEPS)]), _row(["---"] * (1 + len(STEPS))), *lines]


def _of(found: Sequence[Verdict], step: str) -> list[Verdict]:
    return [verdict for verdict in found if verdict.step == step]


def _same(found: Iterable[Verdict]) -> str:
    verdicts = list(found)
    return f"{sum(verdict.same_final_state for verdict in verdicts)} of {len(verdicts)}" if verdicts else "-"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
