"""Where what is deployed stands, and the tools that check it."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with promtool and its like, which `make tools` fills; a test without them fails and is not skipped."""
    folder = ROOT / ".venv" / "tools"
    missing = [name for name in ("promtool", "prometheus", "amtool") if not (folder / name).exists()]
    assert not missing, f"{', '.join(missing)} not in {folder}: run `make tools`"
    return folder
