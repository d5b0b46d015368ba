"""Asking a system as its clients do."""

import json
from collections.abc import Mapping

from recovery_ops.model.points import Capture


def body_of(captures: Mapping[str, Capture]) -> bytes:
    """Return the body of a probe: the first golden input kept with the recovery point, as clients would send it."""
    for capture in captures.values():
        if "probe_row" in capture.content:
            return json.dumps({"instances": [capture.content["probe_row"]]}).encode()
    return b"{}"
