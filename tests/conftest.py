"""Which tests share a process when several processes test: those of one world, so that it is built once."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
WORLDS = ("airflow", "automatic", "browser", "drills", "round_trip", "torture")
"""Folders whose files share something that takes long to build; elsewhere every file may go to another process."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parts = item.path.relative_to(HERE).parts
        item.add_marker(pytest.mark.xdist_group(parts[0] if parts[0] in WORLDS else "/".join(parts)))
