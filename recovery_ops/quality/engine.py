"""Great Expectations, imported once per process and used by one thread at a time.

Importing it takes about ten seconds, so nothing here happens at import time: :func:`preload` pays for it where it is
paid once (the parent of Airflow's forked workers, the validator process of the direct runner).
"""

import itertools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

_lock = threading.RLock()
_names = itertools.count(1)
_context: Any = None


def preload() -> None:
    """Import Great Expectations, build its context and judge one small frame, so that later calls are fast.

    Safe to call again, and before a fork: it starts no threads and opens no connections.
    """
    expectation = build_expectation({"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}})
    import pandas as pd

    run_expectations([expectation], pd.DataFrame({"a": [1]}))


def build_expectation(entry: dict[str, Any]) -> Any:
    """Return the expectation that ``entry`` (type, kwargs, meta, severity) describes.

    Raises whatever Great Expectations raises for an unknown type or wrong kwargs; the suite class would drop the first
    in silence, which is why every entry is built by itself.
    """
    with _lock:
        _ready()
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        return ExpectationConfiguration(**entry).to_domain_obj()


def run_expectations(expectations: list[Any], frame: "pd.DataFrame") -> list[Any]:
    """Judge ``frame`` by ``expectations`` and return the results in whatever order Great Expectations gives them.

    Raises whatever Great Expectations raises for a frame it cannot take at all.
    """
    with _lock, _batch(_ready(), frame) as batch:
        from great_expectations import ExpectationSuite

        suite = ExpectationSuite(name="restored", expectations=expectations)
        return list(batch.validate(suite, result_format="SUMMARY").results)


@contextmanager
def _batch(context: Any, frame: "pd.DataFrame") -> Iterator[Any]:
    """Give ``frame`` to the context under a name of its own and take it away again, or the context would keep it."""
    name = f"restored-{next(_names)}"
    source = context.data_sources.add_pandas(name)
    try:
        definition = source.add_dataframe_asset("frame").add_batch_definition_whole_dataframe("whole")
        yield definition.get_batch({"dataframe": frame})
    finally:
        context.data_sources.delete(name)


def _ready() -> Any:
    """Return the ephemeral context of this process; the caller holds the lock."""
    global _context
    if _context is None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        import great_expectations as gx
        from tqdm import tqdm  # type: ignore[import-untyped]

        tqdm.monitor_interval = 0  # its monitor is a thread, and a thread does not survive a fork

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        _context = context
    return _context
