"""One run, rehearsed once step by step; a test starts from the moment before the step it needs."""

from collections.abc import Iterator

import pytest
from ground import Ground, raised, spoken_to
from matrix import Undisturbed, rehearse

NEEDED = ("declare", "fence", "registry.rehydrate", "features.rehydrate", "scoring.redeploy", "cutover", "close")
"""The steps in which tests of this folder let a process die."""


@pytest.fixture(scope="session")
def raised_ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with raised(tmp_path_factory.mktemp("ground")) as found:
        yield found


@pytest.fixture(scope="session")
def known(raised_ground: Ground) -> dict[str, Undisturbed]:
    with spoken_to(raised_ground):
        return rehearse(raised_ground, NEEDED)


@pytest.fixture(scope="module")
def ground(raised_ground: Ground) -> Iterator[Ground]:
    """The ground, with the library of this process speaking to it while the tests of a module run."""
    with spoken_to(raised_ground):
        yield raised_ground
