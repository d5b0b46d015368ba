"""The exposition: the record is read when Prometheus asks, at most every two seconds, and never makes it wait for long.

Nothing is counted in this process: every value is computed from the record, so that a restart, a second process or a
task that ended changes nothing.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLateError
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

import recovery_ops
from recovery_ops.aws.calls import Caller, calling_as
from recovery_ops.aws.object_store import open_store
from recovery_ops.catalog import load_catalog, system_files
from recovery_ops.errors import CatalogError, RecordError
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.settings import Settings
from recovery_ops.model.system import System
from recovery_ops.record.store import ObjectStore
from recovery_ops.reporting.metric_list import METRICS, Kind
from recovery_ops.reporting.metric_reading import Reader
from recovery_ops.reporting.metric_samples import Values
from recovery_ops.reporting.metric_values import values_of

FRESH_S = 2.0
"""What was read is shown for so long, however many ask; wall seconds."""
PATIENCE_S = 6.0
"""How long one request waits for a read; after that it gets what was read before. Prometheus gives up after 10 s."""
LOOKING = Caller(run_id="metrics", step="system.metrics", impatient=True)

StoreOf = Callable[[System, str], ObjectStore]


class Catalogs:
    """The systems of a folder, loaded again when a file in it or below it has changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen: object = None
        self._systems: tuple[System, ...] = ()
        self._problems = 0

    def load(self) -> tuple[Sequence[System], int]:
        """Return the systems and how many catalog files cannot be loaded."""
        seen = [(path, path.stat().st_mtime_ns) for path in sorted(self.folder.rglob("*.yaml"))]
        if seen != self._seen:
            self._systems, self._problems = self._load()
            self._seen = seen
        return self._systems, self._problems

    def _load(self) -> tuple[tuple[System, ...], int]:
        specs, found, problems = kind_specs(), [], 0
        for _, path in sorted(system_files(self.folder).items()):
            try:
                found.append(load_catalog(path, specs))
            except CatalogError:
                problems += 1
        return tuple(found), problems


class Watch:
    """The values of all metrics, never older than the last read that was completed. Safe for threads."""

    def __init__(
        self,
        load: Callable[[], tuple[Sequence[System], int]],
        *,
        spool: Path,
        time_factor: float = 1.0,
        store_of: StoreOf | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        fresh_s: float = FRESH_S,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._load, self._spool, self._factor, self._clock = load, spool, time_factor, clock
        self._store_of = store_of or _record_of
        self._fresh_s, self._patience_s = fresh_s, patience_s
        self._readers: dict[str, Reader] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")
        self._pending: Future[None] | None = None
        self._latest: tuple[datetime, Values] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> "Watch":
        """Return a watch over every system in the folder of catalogs."""
        return cls(Catalogs(settings.catalogs).load, spool=settings.spool, time_factor=settings.time_factor)

    def values(self) -> Values:
        """Return the values as they stand.

        Raises:
            RecordError: The first read is not complete yet; ask again.
            CatalogError: The folder of catalogs cannot be read.
        """
        pending = self._refreshing()
        if pending is not None:
            with suppress(TooLateError):  # a region that hangs; what was read before is what is known
                pending.result(self._patience_s)
        if self._latest is None:
            raise RecordError("the record is being read for the first time; there are no metrics yet")
        return self._latest[1]

    def _refreshing(self) -> Future[None] | None:
        """Return the read that is under way, begun now if what was read before is too old; ``None`` if it is fresh."""
        with self._lock:
            if self._pending is not None and not self._pending.done():
                return self._pending
            if self._latest and (self._clock() - self._latest[0]).total_seconds() < self._fresh_s:
                return None
            self._pending = self._pool.submit(self._refresh)
            return self._pending

    def _refresh(self) -> None:
        systems, problems = self._load()
        now = self._clock()
        with calling_as(LOOKING):
            seen = [self._reader(system).read(now) for system in systems]
        found = values_of(seen, version=recovery_ops.__version__, catalog_problems=problems)
        self._latest = (self._clock(), found)

    def _reader(self, system: System) -> Reader:
        known = self._readers.get(system.name)
        if known is None or known.system != system:
            known = Reader(system, lambda region: self._store_of(system, region), self._spool, self._factor)
            self._readers[system.name] = known
        return known


class RecordCollector(Collector):
    """What ``prometheus_client`` asks at every scrape."""

    def __init__(self, values: Callable[[], Values]) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        """Yield every metric of the list, in its order, with the values of this moment."""
        return families(self._values())

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering reads nothing."""
        return ()


def families(values: Values) -> Iterator[Metric]:
    """Yield every metric of the list with its samples, none left out."""
    for metric in METRICS:
        if metric.kind is Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
            for labels, durations in values.durations.items():
                histogram.add_metric(labels, durations.buckets(), durations.sum_s)
            yield histogram
            continue
        family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        made = family(metric.name, metric.help, labels=metric.labels)
        for labels, value in values.samples.get(metric.name, {}).items():
            made.add_metric(labels, value)
        yield made


def exposition(watch: Watch, accept: str = "") -> tuple[bytes, str]:
    """Return the body of an answer to Prometheus and its content type, in the format it accepts.

    Raises:
        RecordError: The first read is not complete yet.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RecordCollector(watch.values))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _record_of(system: System, region: str) -> ObjectStore:
    return open_store(system.record_bucket.format(region=region), region, suspect=True)
