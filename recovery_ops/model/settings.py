"""Settings of the process, from the environment; read once at each entry point.

On AWS every setting has a default that works. In the sandbox the stack sets them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recovery_ops.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between a laptop and AWS.

    ``time_factor`` is wall seconds per AWS second (1 on AWS). ``resolver`` is the URL of a DNS-over-HTTPS JSON
    resolver; ``None`` uses the system's. ``database_url`` is the projection's SQLAlchemy URL; ``None`` means no
    projection. ``catalogs`` is the folder with catalog files. ``principal`` is the ARN of the role that recovers, for
    the readiness question whether it may; ``None`` means whoever asks.
    """

    time_factor: float = 1.0
    resolver: str | None = None
    database_url: str | None = None
    catalogs: Path = Path("dags")
    principal: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read ``RECOVERY_OPS_TIME_FACTOR``, ``_RESOLVER``, ``_DATABASE_URL``, ``_CATALOGS`` and ``_PRINCIPAL``.

        Raises:
            SettingsError: A value cannot be used; names the variable.
        """
        return cls(
            time_factor=_factor(environment.get("RECOVERY_OPS_TIME_FACTOR", "1")),
            resolver=environment.get("RECOVERY_OPS_RESOLVER") or None,
            database_url=environment.get("RECOVERY_OPS_DATABASE_URL") or None,
            catalogs=Path(environment.get("RECOVERY_OPS_CATALOGS", "dags")),
            principal=environment.get("RECOVERY_OPS_PRINCIPAL") or None,
        )


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        raise SettingsError(f"RECOVERY_OPS_TIME_FACTOR is {text!r}; it must be a number from 0 to 1") from None
    if not 0 <= factor <= 1:
        raise SettingsError(f"RECOVERY_OPS_TIME_FACTOR is {factor}; it must be from 0 to 1")
    return factor
