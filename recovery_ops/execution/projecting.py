"""Keep the PostgreSQL projection in step with the log, as far as it can be reached. It is never needed."""

import functools
from collections.abc import Callable

from recovery_ops.model.events import Event
from recovery_ops.model.settings import Settings
from recovery_ops.record.projection import Projection


@functools.cache
def _projection(url: str) -> Projection:
    return Projection(url)


def observers(system: str) -> list[Callable[[Event], None]]:
    """Return what must see every appended event of ``system``: the projection when a database is set, else nothing."""
    url = Settings.from_environment().database_url
    return [_projection(url).observer(system)] if url else []
