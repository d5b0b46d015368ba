"""Results of restore tests, kept beside the point that was tested, in the region that it was restored in.

Layout: ``<system>/points/<point id>/restore-test/<time>-<component>.json``, written once and locked like the point.
"""

import json
from dataclasses import dataclass
from datetime import UTC

from recovery_ops.aws.object_store import open_store
from recovery_ops.model.restore_tests import RestoreTest
from recovery_ops.model.system import System
from recovery_ops.protection.shelf import Shelf, canonical

FOLDER = "restore-test"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreTests:
    """The results of one system."""

    system: System

    def write(self, test: RestoreTest) -> str:
        """Store a result and return its key. Safe to repeat."""
        shelf = Shelf(system=self.system)
        key = f"{self._prefix(test.point_id)}{test.at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{test.component}.json"
        shelf.put(test.region, key, canonical(test.to_json()), locked_until=shelf.locked_until(test.at))
        return key

    def of(self, point_id: str, region: str) -> list[RestoreTest]:
        """Return the results of one point in ``region``, newest first; one that cannot be read is left out."""
        store = open_store(Shelf(system=self.system).bucket(region), region)
        found = []
        for key in sorted(store.list(self._prefix(point_id)), reverse=True):
            body = store.get(key)
            try:
                found.append(RestoreTest.from_json(json.loads(body[0])) if body else None)
            except (ValueError, KeyError, TypeError):
                continue
        return [test for test in found if test is not None]

    def _prefix(self, point_id: str) -> str:
        return f"{self.system.name}/points/{point_id}/{FOLDER}/"
