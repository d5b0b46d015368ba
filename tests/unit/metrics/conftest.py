"""A world for tests of metrics."""

from pathlib import Path

import pytest
from metric_world import MetricWorld


@pytest.fixture
def world(tmp_path: Path) -> MetricWorld:
    return MetricWorld(spool=tmp_path / "spool")
