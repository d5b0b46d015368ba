"""Time for tests: waiting until something is true, and a catalog that a busy machine keeps."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
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
