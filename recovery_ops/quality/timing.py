"""Bounded measuring: so many calls, so many threads, so long, and nothing more."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field

from recovery_ops.aws.waiting import Clock
from recovery_ops.quality.probes import percentile


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How much is measured at most.

    ``warm_up`` calls come first, take at most half of the time and count for nothing. ``calls`` are spread over
    ``threads``; after ``budget_s`` seconds no new call is started (one under way is waited for). Fewer than ``enough``
    answers can prove a service slow, never fast. ``per_s`` paces the calls of all threads together; ``None`` sends the
    next as soon as a thread is free.
    """

    calls: int = 100
    warm_up: int = 5
    threads: int = 1
    budget_s: float = 10.0
    enough: int = 20
    per_s: float | None = None

    def __post_init__(self) -> None:
        if min(self.calls, self.threads, self.enough) < 1 or self.warm_up < 0 or self.budget_s <= 0:
            raise ValueError(f"an effort needs positive calls, threads, enough and budget_s: {self}")
        if self.per_s is not None and self.per_s <= 0:
            raise ValueError(f"an effort needs a positive pace: {self}")


@dataclass(slots=True)
class Timings:
    """What was measured: milliseconds of each good call, reasons of the failed ones, wall seconds of the whole."""

    good_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    elapsed_s: float = 0.0

    @property
    def rate_per_s(self) -> float:
        """Return good calls per second over the whole measurement."""
        return len(self.good_ms) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def summary(self, effort: Effort) -> dict[str, float | int]:
        """Return counts and, when there are good calls, p50, p95 and p99 in ms (nearest rank, warm-up excluded)."""
        facts: dict[str, float | int] = {
            "calls": len(self.good_ms),
            "failed": len(self.failures),
            "threads": effort.threads,
            "warm_up_excluded": effort.warm_up,
            "elapsed_s": round(self.elapsed_s, 3),
        }
        if self.good_ms:
            shares = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
            facts |= {name: round(percentile(self.good_ms, share), 3) for name, share in shares.items()}
        return facts


Call = Callable[[int], str]
"""One measured call, given its number; returns why it failed, or an empty string."""


def measure(call: Call, effort: Effort, clock: Clock = time) -> Timings:
    """Call ``call`` as ``effort`` says and return the timings; five failures in a row end a thread's share early.

    Raises whatever ``call`` raises, after the other threads have finished the call they were in.
    """
    end = clock.monotonic() + effort.budget_s
    failures = _warm_up(call, effort, clock, end - effort.budget_s / 2)
    if clock.monotonic() >= end:
        return Timings(failures=failures)
    run = _Run(call, effort, clock, end)
    start = clock.monotonic()
    if effort.threads == 1:
        run.work()
    else:
        with ThreadPoolExecutor(effort.threads, thread_name_prefix="probe") as pool:
            futures = [pool.submit(copy_context().run, run.work) for _ in range(effort.threads)]
        for future in futures:
            future.result()
    run.timings.elapsed_s = clock.monotonic() - start
    return run.timings


def _warm_up(call: Call, effort: Effort, clock: Clock, end: float) -> list[str]:
    """Make the calls that do not count, starting none after ``end``; returns why some failed."""
    failures: list[str] = []
    for number in range(effort.warm_up):
        if clock.monotonic() >= end:
            break
        if failure := call(number):
            failures.append(failure)
    return failures


class _Run:
    """The measured part, shared by the threads; numbers are handed out under a lock."""

    _GIVE_UP_AFTER = 5

    def __init__(self, call: Call, effort: Effort, clock: Clock, end: float) -> None:
        self._call = call
        self._effort = effort
        self._clock = clock
        self._end = end
        self._start = clock.monotonic()
        self._next = 0
        self._stopped = False
        self._lock = threading.Lock()
        self.timings = Timings()

    def work(self) -> None:
        """Take numbers and call until there are none left, time is up, or too many failed in a row."""
        in_a_row = 0
        while in_a_row < self._GIVE_UP_AFTER and (number := self._take()) is not None:
            in_a_row = 0 if self._once(number) else in_a_row + 1

    def _take(self) -> int | None:
        with self._lock:
            if self._stopped or self._next >= self._effort.calls or self._clock.monotonic() >= self._end:
                return None
            number = self._next
            self._next += 1
        if self._effort.per_s is not None:
            due = self._start + number / self._effort.per_s
            self._clock.sleep(max(0.0, due - self._clock.monotonic()))
        return number

    def _once(self, number: int) -> bool:
        began = self._clock.monotonic()
        try:
            failure = self._call(number)
        except BaseException:
            self._stopped = True
            raise
        took_ms = (self._clock.monotonic() - began) * 1000
        with self._lock:
            if failure:
                self.timings.failures.append(failure)
            else:
                self.timings.good_ms.append(took_ms)
        return not failure
