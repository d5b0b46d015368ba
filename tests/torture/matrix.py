"""Kill a process at a point of a step, let another one do the step again, and compare with an undisturbed one."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ground import BEGIN, BY_OTHERS, FIRST, KILLED, Ground, carry_on, in_a_process, record, step
from points import Point, worth_dying_at
from sent import Sent

STEP, RUN, GIVEN_UP = "step", "run", "given up"
"""What dies in the forks: one step, the whole run, a drill that nobody carries on."""
CLOSED = "closed"
"""Mark: the run is over."""
UNTOLD = ("step-started", "step-failed", "operation-started", "operation-ended", "anchored", "rto-forecast")
"""Events that say how a step went and not what is true; a second attempt has its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one death did: effects that are there twice, facts that no event tells, resources that nobody needs."""

    victim: str
    step: str
    point: str
    twice: int
    lost: int
    leaked: int
    same_final_state: bool
    ok: bool
    why: str = ""
    course: str = FIRST

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What a step that nobody killed leaves, the changes that it asked for, and those until the end of the run."""

    state: Mapping[str, list[str]]
    told: frozenset[str]
    moved: bool
    points: Sequence[Point]
    sent: Counter[str]
    sent_on: Counter[str] = field(default_factory=Counter)


def rehearse(ground: Ground, only: Collection[str] | None = None) -> dict[str, Undisturbed]:
    """Run every step once without harm, and keep the world before each of them.

    Args:
        ground: Where.
        only: Look at these steps and the last one; at every step unless given.

    Raises:
        AssertionError: A step does not succeed even when nobody kills it.
    """
    found: dict[str, Undisturbed] = {}
    ground.back_to(BEGIN)
    steps = ground.steps
    wanted = set(steps if only is None else (*only, steps[-1]))
    assert wanted <= set(steps), f"no steps of this run: {wanted - set(steps)}"
    begun: dict[str, Sent] = {}
    for step_id in steps:
        begun[step_id] = Sent(ground.log)
        if step_id in wanted:
            ground.keep(f"before-{step_id}")
        ended = in_a_process(step(ground, step_id, 1))
        assert ended.code == 0, f"{step_id} failed undisturbed: {ended.error}"
        if step_id in wanted:
            sent, told = begun[step_id].changes(), _told(ground, step_id)
            found[step_id] = Undisturbed(ground.state(), told, ground.switch(), ended.seen, sent)
    ground.keep(CLOSED)
    return {step_id: replace(item, sent_on=begun[step_id].changes()) for step_id, item in found.items()}


def torture(
    ground: Ground, known: Mapping[str, Undisturbed], steps: Iterable[str], *, every: bool
) -> Iterator[Verdict]:
    """Kill a process at each point of each of ``steps`` that :func:`worth_dying_at` chooses."""
    for step_id in steps:
        for point in worth_dying_at(list(known[step_id].points), every=every):
            yield die_at(ground, known[step_id], step_id, point)


def die_at(ground: Ground, known: Undisturbed, step_id: str, point: Point) -> Verdict:
    """Kill the first process of a step at ``point`` and judge what the second one leaves behind."""
    sent, problems = _die_and(ground, step_id, point, step(ground, step_id, 2))
    return judged(STEP, step_id, str(point), known, Seen.of(ground, step_id, sent), problems, ground.course)


def _die_and(ground: Ground, step_id: str, point: Point, then: Callable[[], Any]) -> tuple[Sent, list[str]]:
    """Kill a process of a step at ``point``, do ``then`` in another, and return what was sent and what went wrong."""
    ground.back_to(f"before-{step_id}")
    sent = Sent(ground.log)
    first, second = in_a_process(step(ground, step_id, 1), point), in_a_process(then)
    problems = []
    if first.code != KILLED:
        problems.append(f"the first process was not killed but ended with {first.code} ({first.error})")
    if second.code != 0:
        problems.append(f"the second process failed: {second.error}")
    return sent, problems


def to_the_end(ground: Ground, known: Mapping[str, Undisturbed], step_id: str) -> Verdict:
    """Kill a run in the middle of ``step_id`` and let a new process find it and bring it to its close."""
    points = worth_dying_at(list(known[step_id].points), every=True)
    point = points[len(points) // 2]
    sent, problems = _die_and(ground, step_id, point, carry_on(ground))
    end, seen = from_step_on(ground, known, step_id), Seen.of(ground, ground.steps[-1], sent)
    return judged(RUN, step_id, str(point), end, seen, problems, ground.course)


def give_up(ground: Ground, known: Mapping[str, Undisturbed], step_id: str) -> Iterator[Verdict]:
    """Give a drill up after each call of a step."""
    points = worth_dying_at(list(known[step_id].points), every=False)
    return (give_up_at(ground, known, step_id, point) for point in points)


def give_up_at(ground: Ground, known: Mapping[str, Undisturbed], step_id: str, point: Point) -> Verdict:
    """Kill a drill at ``point``; a person ends it then, and a new process has to leave what a whole drill leaves."""

    def end_it() -> None:
        BY_OTHERS["cancel"](ground)
        carry_on(ground)()

    sent, problems = _die_and(ground, step_id, point, end_it)
    last = ground.steps[-1]
    seen = replace(Seen.of(ground, last, sent), sent=Counter[str]())  # what was asked for and then removed
    end = replace(known[last], told=frozenset())
    return judged(GIVEN_UP, step_id, str(point), end, seen, problems, ground.course)


def from_step_on(ground: Ground, known: Mapping[str, Undisturbed], step_id: str) -> Undisturbed:
    """Return what is there at the end of a run, with all that was asked for from ``step_id`` on."""
    return replace(known[ground.steps[-1]], sent=known[step_id].sent_on)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there after a death, seen from outside."""

    state: Mapping[str, list[str]]
    told: frozenset[str]
    moved: bool
    broken: Sequence[Any]
    sent: Counter[str]

    @classmethod
    def of(cls, ground: Ground, step_id: str, sent: Sent) -> "Seen":
        changes, facts = sent.changes(), in_a_process(record(ground)).value
        return cls(ground.state(), _facts(facts["events"], step_id), ground.switch(), facts["broken"], changes)


def judged(
    victim: str, step_id: str, point: str, known: Undisturbed, seen: Seen, problems: Iterable[str], course: str = FIRST
) -> Verdict:
    """Compare what is there with what an undisturbed step leaves."""
    wanted, found = _counted(known.state), _counted(seen.state)
    extra, missing = found - wanted, wanted - found
    twice = sum(1 for line in extra if wanted[line])
    again = seen.sent - known.sent
    untold = known.told - seen.told
    same = not extra and not missing and known.moved == seen.moved
    why = [
        *problems,
        *(f"there and not wanted: {line}" for line in list(extra)[:3]),
        *(f"wanted and not there: {line}" for line in list(missing)[:3]),
        *([] if known.moved == seen.moved else [f"clients are {'' if seen.moved else 'not '}sent away from home"]),
        *(f"asked for once more: {call}" for call in list(again)[:3]),
        *(f"not told: {fact}" for fact in sorted(untold)[:3]),
        *(f"record: {item}" for item in seen.broken[:3]),
    ]
    return Verdict(
        victim=victim,
        step=step_id,
        point=point,
        twice=twice + again.total(),
        lost=len(untold) + len(seen.broken),
        leaked=sum(extra.values()) - twice,
        same_final_state=same,
        ok=same and not why,
        why="; ".join(why)[:600],
        course=course,
    )


def _counted(state: Mapping[str, list[str]]) -> Counter[str]:
    return Counter(f"{service} {line}" for service, lines in state.items() for line in lines)


def undisturbed_end(ground: Ground, sent: Sent) -> Undisturbed:
    """Return what the run that just ended leaves behind, with the facts of all its steps."""
    seen = seen_at_the_end(ground, sent)
    assert not seen.broken, seen.broken
    return Undisturbed(seen.state, seen.told, seen.moved, (), seen.sent)


def seen_at_the_end(ground: Ground, sent: Sent) -> Seen:
    """Return what a whole run left behind that has just ended."""
    changes = sent.changes()
    told, broken = _all_facts(ground)
    return Seen(ground.state(), told, ground.switch(), broken, changes)


def _all_facts(ground: Ground) -> tuple[frozenset[str], Sequence[Any]]:
    found = in_a_process(record(ground)).value
    writers = {event["writer"].rpartition("#")[0] for event in found["events"]} - {""}
    told = frozenset(f"{step_id} {fact}" for step_id in writers for fact in _facts(found["events"], step_id))
    return told, found["broken"]


def _told(ground: Ground, step_id: str) -> frozenset[str]:
    return _facts(in_a_process(record(ground)).value["events"], step_id)


def _facts(events: Iterable[Mapping[str, Any]], step_id: str) -> frozenset[str]:
    """Return what the events of a step's attempts tell, without times and numbers that differ between two runs."""
    return frozenset(
        _fact(event)
        for event in events
        if event["writer"].rpartition("#")[0] == step_id and event["type"] not in UNTOLD
    )


def _fact(event: Mapping[str, Any]) -> str:
    facts = event["payload"]
    named = ("component", "gate", "name", "outcome", "what", "debt", "source", "target", "obtained", "decision", "step")
    return " ".join([event["type"], *(str(facts[name]) for name in named if name in facts)])
