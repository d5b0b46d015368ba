"""One PostgreSQL for all tests of the record."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from recovery_ops.record.embedded import EmbeddedPostgres, embedded_postgres


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "postgres: starts PostgreSQL from the wheel")


@pytest.fixture(scope="session")
def open_folder() -> Iterator[Path]:
    """A directory that every account can enter; pytest's own are closed to the account that serves root."""
    folder = Path(tempfile.mkdtemp(prefix="recovery-ops-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(open_folder: Path) -> Iterator[EmbeddedPostgres]:
    server = embedded_postgres(open_folder / "postgres", durable=False)
    yield server
    server.stop()
