"""One run, rehearsed once step by step; every test starts from the moment before the step it needs."""

from collections.abc import Iterator

import pytest
from ground import Ground, proving_ground
from matrix import Undisturbed, rehearse


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with proving_ground(tmp_path_factory.mktemp("ground")) as found:
        yield found


@pytest.fixture(scope="session")
def known(ground: Ground) -> dict[str, Undisturbed]:
    return rehearse(ground)
