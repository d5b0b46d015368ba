"""A small world for tests of execution."""

import pytest
from small_world import SmallWorld


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> SmallWorld:
    made = SmallWorld(monkeypatch)
    made.install()
    return made
