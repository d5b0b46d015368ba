"""Which tests share a process when several processes test: those of one world, so that it is built once."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
AIRFLOW = "airflow"
WORLDS = {
    "airflow": AIRFLOW,
    "automatic": AIRFLOW,
    "browser": AIRFLOW,
    "drills": "drills",
    "round_trip": "round_trip",
    "torture": "torture",
}
"""Folders whose files share something that takes long to build, or that two of at once are too much for two cores.

Elsewhere every file may go to another process.
"""


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parts = item.path.relative_to(HERE).parts
        item.add_marker(pytest.mark.xdist_group(WORLDS.get(parts[0], "/".join(parts))))
