"""The command line against a world that must stay as it is."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from run_world import World
from typer.testing import CliRunner

from recovery_ops.aws.calls import is_read
from recovery_ops.cli.app import app


def cli(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


@contextmanager
def nothing_changes(world: World, *, calls: int | None = None) -> Iterator[None]:
    """Hold that AWS was only looked at, and by ``calls`` requests where that is given."""
    before, begin = world.sandbox.control.inventory(), world.log.stat().st_size
    yield
    with world.log.open() as log:
        log.seek(begin)
        made = [json.loads(line) for line in log]
    ours = [call for call in made if "recovery-ops/" in call["caller"]]
    assert [call for call in ours if not is_read(call["operation"])] == []
    assert calls is None or len(ours) == calls, ours
    assert world.sandbox.control.inventory() == before
