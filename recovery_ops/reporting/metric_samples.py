"""Samples of metrics: what the list of metrics allows, and nothing else."""

import itertools
import math
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from recovery_ops.reporting.metric_list import BUCKETS_S, BY_NAME, PREFIX

Labels = tuple[str, ...]


@dataclass(slots=True)
class Durations:
    """A histogram as Prometheus wants it: counts by bucket, cumulative later, and the sum of modelled seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BUCKETS_S, seconds)] += 1
        self.sum_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return upper bound and cumulative count of every bucket."""
        bounds = [*map(str, BUCKETS_S), "+Inf"]
        return list(zip(bounds, map(float, itertools.accumulate(self.counts)), strict=True))


class Values:
    """Samples by metric name; refuses what the list of metrics does not have."""

    def __init__(self) -> None:
        self.samples: dict[str, dict[Labels, float]] = defaultdict(dict)
        self.durations: dict[Labels, Durations] = {}

    def set(self, short: str, value: float, *labels: str) -> None:
        """Set a sample of ``recovery_ops_<short>``; labels in the order of the list.

        Raises:
            KeyError: There is no such metric.
            ValueError: It has another number of labels.
        """
        metric = BY_NAME[PREFIX + short]
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
        self.samples[metric.name][labels] = value

    def add(self, short: str, value: float, *labels: str) -> None:
        """Add to a sample that was seeded; an unforeseen label is left out, so that labels stay bounded."""
        samples = self.samples[BY_NAME[PREFIX + short].name]
        if labels in samples:
            samples[labels] += value

    def raise_to(self, short: str, value: float, *labels: str) -> None:
        """Set a sample that was seeded to the greater of its value and ``value``."""
        samples = self.samples[BY_NAME[PREFIX + short].name]
        if labels in samples:
            samples[labels] = max(samples[labels], value)


def timestamp(at: datetime | None) -> float:
    """Return seconds since 1970; 0 for never."""
    return at.timestamp() if at else 0.0


def or_nan(value: float | None) -> float:
    """Return ``value``; NaN for what was not measured."""
    return math.nan if value is None else value
