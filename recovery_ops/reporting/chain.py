"""Modelled time: what the steps of a run that has happened would have taken on AWS, and what orchestration cost.

Waiting for AWS is scaled in the sandbox, our own work is not. Along one chain of steps,
modelled = (wall - waited) + waited / factor. Which chain is the longest may differ between the two: on the wall much
work decides, in modelled time much waiting. So modelled time follows the longest *modelled* chain, which is never
shorter than scaling the chain that was longest on the wall. Whatever on the wall's chain is neither waiting nor work,
between two steps or inside one, is orchestration overhead.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

Needs = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One step as it went. Times are aware UTC; ``worked_s`` and ``waited_s`` wall seconds of all attempts together."""

    id: str
    started_at: datetime
    ended_at: datetime
    worked_s: float
    waited_s: float

    def until(self, moment: datetime) -> "Span":
        """Return the part before ``moment``; waiting is taken to be what the step did last."""
        cut_s = max(0.0, (self.ended_at - moment).total_seconds())
        ended_at = max(min(self.ended_at, moment), self.started_at)
        return replace(self, ended_at=ended_at, waited_s=max(0.0, self.waited_s - cut_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one step contributes to the time between two clocks, wall seconds; the parts never exceed ``wall_s``."""

    id: str
    wall_s: float
    waited_s: float
    worked_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """The time from the end of one step on the chain (or from the beginning) to the start of the next, wall seconds."""

    after: str
    before: str
    gap_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Elapsed:
    """The time between two moments. ``modelled_s`` is AWS time along ``modelled_chain``, all else is the wall's.

    ``overhead_s`` is what of the wall's chain was neither waiting for AWS nor work of a step.
    """

    wall_s: float
    waited_s: float
    worked_s: float
    overhead_s: float
    chain: tuple[Share, ...]
    hops: tuple[Hop, ...]
    modelled_s: float
    modelled_chain: tuple[str, ...]


def elapsed(
    spans: Mapping[str, Span], needs: Needs, end: str, *, since: datetime, until: datetime, factor: float | None
) -> Elapsed:
    """Return the time from ``since`` to ``until``, which is within step ``end`` or when it was over.

    Args:
        spans: The steps that ran, by id.
        needs: What each step of the plan waits for; a step that never ran is looked through to its own needs.
        end: The step that ends the time.
        since: Aware UTC; what lies between it and the first step counts in full.
        until: Aware UTC; everything after it is left out.
        factor: Wall seconds per AWS second; 0 and ``None`` scale nothing.
    """
    ran = {name: span.until(until) for name, span in spans.items() if span.started_at <= until}
    chain = longest_chain(ran, needs, end)
    shares = tuple(_shares(chain, since))
    modelled = _Modelled(ran, needs, since, factor)
    wall_s = max(0.0, (until - since).total_seconds())
    waited_s, worked_s = sum(share.waited_s for share in shares), sum(share.worked_s for share in shares)
    return Elapsed(
        wall_s=wall_s,
        waited_s=waited_s,
        worked_s=worked_s,
        overhead_s=max(0.0, wall_s - waited_s - worked_s),
        chain=shares,
        hops=tuple(_hops(chain, since)),
        modelled_s=modelled.at(end, until) if end in ran else wall_s,
        modelled_chain=modelled.chain(end),
    )


def longest_chain(spans: Mapping[str, Span], needs: Needs, end: str) -> tuple[Span, ...]:
    """Return the steps that decided when ``end`` was over, first to last: before each the need that ended last."""
    chain: list[Span] = []
    at: Span | None = spans.get(end)
    while at is not None and at not in chain:
        chain.append(at)
        before = before_it(at.id, spans, needs)
        at = max(before, key=lambda span: span.ended_at, default=None)
    return tuple(reversed(chain))


def before_it(step: str, spans: Mapping[str, Span], needs: Needs) -> list[Span]:
    """Return the steps that ran and that ``step`` waited for; one that never ran stands for what it needs itself."""
    found: list[Span] = []
    queue, seen = list(needs.get(step, ())), {step}
    while queue:
        name = queue.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in spans:
            found.append(spans[name])
        else:
            queue += needs.get(name, ())
    return found


class _Modelled:
    """When each step would have been over on AWS, in seconds since the beginning."""

    def __init__(self, spans: Mapping[str, Span], needs: Needs, since: datetime, factor: float | None) -> None:
        self.spans, self.needs, self.since = spans, needs, since
        self.stretch = 1 / factor if factor and factor > 0 else 1.0
        self._end_s: dict[str, float] = {}
        self._before: dict[str, str | None] = {}

    def at(self, step: str, moment: datetime) -> float:
        """Return the modelled time of ``moment``, at or after the end of ``step``."""
        return self.end_s(step) + max(0.0, (moment - self.spans[step].ended_at).total_seconds())

    def chain(self, end: str) -> tuple[str, ...]:
        """Return the ids of the longest modelled chain that ends with ``end``."""
        found: list[str] = []
        at = end if end in self._end_s else None
        while at is not None and at not in found:
            found.append(at)
            at = self._before.get(at)
        return tuple(reversed(found))

    def end_s(self, step: str) -> float:
        """Return when ``step`` would have been over."""
        if step not in self._end_s:
            self._end_s[step] = 0.0  # a need that leads back to this step, which no plan has, does not count
            span, before = self.spans[step], before_it(step, self.spans, self.needs)
            last = max(before, key=lambda need: self.end_s(need.id), default=None)
            self._before[step] = last.id if last else None
            ready_at = max((need.ended_at for need in before), default=self.since)
            start_s = (self.end_s(last.id) if last else 0.0) + _between(ready_at, span.started_at)
            share = _share(span, max(ready_at, span.started_at))
            self._end_s[step] = start_s + share.wall_s + share.waited_s * (self.stretch - 1)
        return self._end_s[step]


def _shares(chain: Sequence[Span], since: datetime) -> Iterator[Share]:
    """Two steps of a chain that overlap, by a late attempt, share the time: no second counts twice."""
    taken_until = since
    for span in chain:
        yield _share(span, max(span.started_at, taken_until))
        taken_until = max(taken_until, span.ended_at)


def _hops(chain: Sequence[Span], since: datetime) -> Iterator[Hop]:
    after, at = "", since
    for span in chain:
        yield Hop(after=after, before=span.id, gap_s=_between(at, span.started_at))
        after, at = span.id, max(at, span.ended_at)


def _share(span: Span, begin: datetime) -> Share:
    wall_s = _between(begin, span.ended_at)
    waited_s = min(max(0.0, span.waited_s), wall_s)
    worked_s = min(max(0.0, span.worked_s), wall_s - waited_s)
    return Share(id=span.id, wall_s=wall_s, waited_s=waited_s, worked_s=worked_s)


def _between(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())
