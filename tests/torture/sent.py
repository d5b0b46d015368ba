"""What the library asked AWS to change, as the request log of the sandbox tells it."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recovery_ops.aws.calls import is_read

OURS = "recovery-ops/"
"""How the name of every caller of the library begins; who watches from outside has another one."""
STATED = frozenset({"AddTags", "PutScalingPolicy", "RegisterScalableTarget", "TagResource"})
"""Calls that say how something shall be, not that something shall happen: saying it again is no second effect."""


class Sent:
    """The requests that reach the sandbox from now on."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._begin = log.stat().st_size

    def changes(self) -> Counter[str]:
        """Count what was granted so far and changes something, by ``region service:operation``.

        Objects are left out: every version of one is seen in the inventory, and the record is made of them.
        """
        return Counter(
            f"{line['region']} {line['service']}:{line['operation']}"
            for line in self._lines()
            if line["service"] != "s3"
            and 200 <= line["status"] < 300
            and OURS in line["caller"]
            and not is_read(line["operation"])
            and line["operation"] not in STATED
        )

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self._log.open() as log:
            log.seek(self._begin)
            yield from map(json.loads, log)
