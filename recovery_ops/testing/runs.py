"""Made-up runs: builders that write the events of a failover to a log, for tests of whatever reads the record."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from recovery_ops.model.events import Event, EventType
from recovery_ops.record.log import EventLog
from recovery_ops.testing.stores import InMemoryObjectStore

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RUN_ID = "r-20261123-abcdef"
SYSTEM = "fraud"


def at(seconds: float) -> datetime:
    """Return the time ``seconds`` after T0, which is noon."""
    return NOON + timedelta(seconds=seconds)


def iso(seconds: float) -> str:
    """Return :func:`at` as ISO 8601."""
    return at(seconds).isoformat()


class Run:
    """Writes events of a made-up run; every call is one event at the given second after T0."""

    def __init__(
        self,
        store: InMemoryObjectStore | None = None,
        run_id: str = RUN_ID,
        *,
        mirrors: Sequence[InMemoryObjectStore] = (),
        observers: Sequence[Callable[[Event], None]] = (),
    ) -> None:
        self.store = store or InMemoryObjectStore()
        self.log = EventLog(self.store, SYSTEM, run_id, mirrors=mirrors, observers=observers, clock=lambda: NOON)

    def add(self, second: float, writer: str, event_type: EventType, **payload: object) -> Event:
        """Append one event with exactly this payload."""
        return self.log.writer(writer).append(event_type, payload, at(second))

    def declare(self, second: float = 20, **changes: object) -> Event:
        """Append a declaration; ``changes`` replace parts of its payload."""
        return self.add(second, "declare#1", EventType.RUN_DECLARED, **declaration(**changes))

    def step(self, second: float, name: str, event_type: EventType, attempt: int = 1, **payload: object) -> Event:
        """Append an event of the step ``<component>.<phase>``."""
        component, _, phase = name.partition(".")
        facts = {"step": name, "component": component, "phase": phase, "attempt": attempt, **payload}
        return self.add(second, f"{name}#{attempt}", event_type, **facts)

    def whole_step(self, start: float, end: float, name: str, **payload: object) -> None:
        """Append start and success of a step: 1 s of work, 2 s of waiting."""
        self.step(start, name, EventType.STEP_STARTED, region="us-west-2", control_planes=[])
        facts = {"worked_s": 1.0, "waited_s": 2.0, "outputs": {"arn": name}, "resources": [], **payload}
        self.step(end, name, EventType.STEP_SUCCEEDED, 1, **facts)


def declaration(**changes: object) -> Mapping[str, object]:
    """Return the payload of a declaration: three components, of which ``archive`` does not gate traffic."""
    steps: list[dict[str, object]] = [
        {"id": f"{component}.{phase}", "component": component, "phase": phase, "needs": []}
        for component in ("features", "scoring", "archive")
        for phase in ("rehydrate", "redeploy", "verify")
    ]
    components = [{"name": name, "gates_traffic": name != "archive"} for name in ("features", "scoring", "archive")]
    cutover = {"id": "cutover", "component": None, "phase": "cutover", "needs": ["scoring.verify"]}
    return {
        "system": SYSTEM, "mode": "failover", "graceful": False, "intent": "region-loss", "execution": "direct",
        "home": "us-east-1", "impaired_region": "us-east-1", "recovery_region": "us-west-2",
        "regions": ["us-east-1", "us-west-2"], "components": ["features", "scoring", "archive"],
        "reason": "it is gone", "person": "alice", "people": {"sre-lead": ["alice"]}, "tool_version": "0.1.0",
        "time_factor": 1 / 60, "account": "123456789012",
        "clocks": {"T0": iso(0), "T1": iso(5), "T2": iso(15), "T3": iso(20)},
        "plan": {"system": {"name": SYSTEM, "components": components}, "steps": [*steps, cutover], "hash": "aa"},
        "plan_hash": "aa", "criteria": {"rto_s": 600}, "criteria_hash": "bb",
        "point": {"id": "p-1", "watermark": iso(-60)}, "warnings": ["the dead region answers"],
    } | changes  # fmt: skip


def full_run(
    store: InMemoryObjectStore | None = None,
    run_id: str = RUN_ID,
    *,
    mirrors: Sequence[InMemoryObjectStore] = (),
    observers: Sequence[Callable[[Event], None]] = (),
) -> Run:
    """Return a failover that succeeds, with all ten clocks; ``archive`` ends after traffic has moved."""
    run = Run(store, run_id, mirrors=mirrors, observers=observers)
    run.declare()
    _recover(run)
    run.add(69, "approve#1", EventType.ANCHORED, heads=run.log.heads())
    _move(run)
    for start, phase in ((114, "rehydrate"), (115, "redeploy"), (116, "verify")):
        run.whole_step(start, start + 1, f"archive.{phase}")
    run.add(120, "reprotect#1", EventType.PROTECTION_RESTORED, point_id="p-2", at=iso(119), regions=["us-west-2"])
    run.add(129, "close#1", EventType.ANCHORED, heads=run.log.heads())
    run.add(130, "close#1", EventType.RUN_CLOSED, outcome="committed", serving_region="us-west-2", released=True)
    return run


def _recover(run: Run) -> None:
    run.whole_step(30, 40, "features.rehydrate")
    run.whole_step(30, 45, "scoring.rehydrate")
    run.whole_step(45, 60, "scoring.redeploy")
    run.whole_step(45, 50, "features.redeploy")
    facts = {"expected": 120, "observed": 80, "tolerance": 0, "unit": "ms", "detail": "", "at": iso(62)}
    about = {"component": "scoring", "gate": "latency", "name": "p95", "outcome": "pass", "attempt": 1}
    run.add(62, "scoring.verify#1", EventType.CHECK_RECORDED, step="scoring.verify", **facts, **about)
    run.whole_step(63, 65, "scoring.verify")
    run.whole_step(61, 63, "features.verify")


def _move(run: Run) -> None:
    run.add(70, "cutover#1", EventType.TRAFFIC_MOVED, method="health-switch", to_region="us-west-2")
    run.add(80, "observe#1", EventType.TRAFFIC_OBSERVED, effective_at=iso(78), answered_by="us-west-2", probes=9)
    run.add(110, "observe#1", EventType.SOAK_ENDED, outcome="healthy", healthy_since=iso(79), probes=30, failed=0)
    run.add(111, "commit#1", EventType.RUN_COMMITTED, by="policy:auto")
