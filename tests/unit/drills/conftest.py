"""A table for tabletops."""

import pytest
from table import Table, laid


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    return laid(monkeypatch)
