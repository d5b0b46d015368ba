"""Which tests run side by side when there are several processes (`pytest -n 2`)."""

import pytest
from xdist.scheduler import LoadScopeScheduling

STACKS = ("airflow", "automatic", "browser", "deploy", "torture")
"""Folders whose tests start Airflow: two stacks at once are too much for two cores, so one process takes them all."""

BY_FILE = ("sandbox", "unit")
"""Folders whose files share nothing that takes long to build; elsewhere a folder has a world of its own."""


class ByWorld(LoadScopeScheduling):
    """Tests that share a world go to one process, so that no world is built twice."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        folder = file.split("/")[1]
        if folder in STACKS:
            return "stacks"
        return file if folder in BY_FILE else folder


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByWorld:
    """Take the stacks first: whatever is short fills the other process while they run."""
    config.option.loadscopereorder = False
    return ByWorld(config, log)
