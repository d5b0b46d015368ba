"""Airflow in this process reads no configuration of the machine, and a stack of real processes for those who ask."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "plugins"))
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="recovery-ops-airflow-home-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


@pytest.fixture(scope="module")  # not longer than it is needed: it takes its share of the processor
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator["StackWorld"]:  # noqa: F821
    """Start a real Airflow whose tasks use the fake library; end it with the module."""
    from stack_world import running_world

    with running_world(tmp_path_factory.mktemp("stack")) as world:
        yield world
