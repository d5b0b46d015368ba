"""Time for tests: waiting until something is true, and a catalog that a busy machine keeps."""

import re
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from recovery_ops.model.objectives import FromPoint
from recovery_ops.model.system import Component

PATIENT_S = 1e9


def until(true: Callable[[], Any], what: str, *, limit_s: float = 60.0, every_s: float = 0.05) -> Any:
    """Return the first true value.

    Raises:
        AssertionError: There is none within ``limit_s``.
    """
    end = time.monotonic() + limit_s
    while not (value := true()):
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come true in time")
        time.sleep(every_s)
    return value


def patient(component: Component, verify: Mapping[str, float], **facts: Any) -> Component:
    """Return ``component`` with no recovery point too old, other goals of its model, if it has one, and ``facts``."""
    settings = dict(component.settings)
    if "verify" in settings:
        settings["verify"] = {**settings["verify"], **verify}
    goals = {"rpo_s": PATIENT_S if component.rpo_s else None, "from_point": FromPoint()}
    return replace(component, settings=settings, **{**goals, **facts})


CALM = {
    r"rto: \w+": "rto: 30d",
    r"rpo: \w+": "rpo: 30d",
    "p95_latency: 120ms": "p95_latency: 2s\n        latency_ratio: 100",
    "throughput: 40/s": "throughput: 10/s",
}
"""What stands in the shipped catalog, as a pattern, and instead of it: how fast this machine is proves nothing."""


def calm_catalogs(shipped: Path, made: Path, changes: Mapping[str, str] = CALM) -> Path:
    """Copy the catalogs in ``shipped`` to ``made``, with objectives that a busy machine keeps; return the one changed.

    Raises:
        ValueError: The catalog has nothing that one of ``changes`` is for.
    """
    shutil.copytree(shipped, made, ignore=shutil.ignore_patterns("__pycache__"))
    catalog = made / "fraud-detection.yaml"
    text = catalog.read_text()
    for pattern, calm in changes.items():
        text, changed = re.subn(pattern, calm, text)
        if not changed:
            raise ValueError(f"{catalog} has no {pattern!r} any more")
    catalog.write_text(text)
    return catalog
