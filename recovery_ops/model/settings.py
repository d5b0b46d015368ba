"""Settings of the process, from the environment; read once at each entry point.

On AWS every setting has a default that works. In the sandbox the stack sets them.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from recovery_ops.errors import SettingsError

T = TypeVar("T")


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where this person's programs keep what must survive a restart (``XDG_STATE_HOME``)."""
    chosen = environment.get("XDG_STATE_HOME", "")
    if Path(chosen).is_absolute():
        return Path(chosen)
    return Path(environment.get("HOME") or Path.cwd()) / ".local" / "state"


def _default_spool() -> Path:
    return state_folder() / "recovery-ops" / "spool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs between a laptop and AWS.

    ``time_factor`` is wall seconds per AWS second (1 on AWS). ``resolver`` is the URL of a DNS-over-HTTPS JSON
    resolver; ``None`` uses the system's. ``database_url`` is the projection's SQLAlchemy URL; ``None`` means no
    projection. ``catalogs`` is the folder with catalog files. ``principal`` is the ARN of the role that recovers, for
    the readiness question whether it may; ``None`` means whoever asks. ``drill_role`` is the name of the role that
    drills use and nobody else, ``fault_url`` an endpoint that breaks a region for some callers (the sandbox's): one of
    them is needed for a drill to break the region that it leaves. ``spool`` is a folder on a local disk that survives a
    restart: events wait there while the record takes no writes. ``metrics_token_file`` holds
    the token that Prometheus shows; ``None`` closes the endpoint of the Airflow plugin.
    """

    time_factor: float = 1.0
    resolver: str | None = None
    database_url: str | None = None
    catalogs: Path = Path("dags")
    principal: str | None = None
    drill_role: str | None = None
    fault_url: str | None = None
    spool: Path = field(default_factory=_default_spool)
    metrics_token_file: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables ``RECOVERY_OPS_…``, one for each field; what is absent or empty has its default.

        Raises:
            SettingsError: Values cannot be used; names every such variable, and never the value of one that may hold
                a password.
        """
        reading = _Reading(environment)
        found = cls(
            time_factor=reading.one("RECOVERY_OPS_TIME_FACTOR", _factor, 1.0),
            resolver=reading.one("RECOVERY_OPS_RESOLVER", _resolver, None),
            database_url=reading.one("RECOVERY_OPS_DATABASE_URL", _database, None),
            catalogs=reading.one("RECOVERY_OPS_CATALOGS", Path, Path("dags")),
            principal=environment.get("RECOVERY_OPS_PRINCIPAL") or None,
            drill_role=environment.get("RECOVERY_OPS_DRILL_ROLE") or None,
            fault_url=reading.one("RECOVERY_OPS_FAULT_URL", _fault_url, None),
            spool=reading.one("RECOVERY_OPS_SPOOL", _spool, state_folder(environment) / "recovery-ops" / "spool"),
            metrics_token_file=reading.one("RECOVERY_OPS_METRICS_TOKEN_FILE", Path, None),
        )
        if reading.problems:
            raise SettingsError("\n".join(reading.problems), problems=reading.problems)
        return found


class _Reading:
    """Collects what is wrong with all variables."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def one(self, name: str, read: Callable[[str], T], otherwise: T) -> T:
        """Return the value of a variable, or ``otherwise`` when it is absent, empty or wrong."""
        text = self._environment.get(name, "")
        try:
            return read(text) if text else otherwise
        except ValueError as error:
            self.problems.append(f"{name} {error}")
            return otherwise


def _factor(text: str) -> float:
    try:
        factor = float(text)
    except ValueError:
        raise ValueError(f"is {text!r}; it must be a number from 0 to 1") from None
    if not 0 <= factor <= 1:
        raise ValueError(f"is {factor}; it must be from 0 to 1")
    return factor


def _resolver(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the http or https URL of a DNS-over-HTTPS resolver")
    return text


def _fault_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be the http or https URL of a fault endpoint")
    return text.rstrip("/")


def _database(text: str) -> str:
    scheme = urlsplit(text).scheme
    if scheme.partition("+")[0] != "postgresql":
        raise ValueError(f"must be a PostgreSQL URL (postgresql+psycopg://…); it starts with {scheme[:20]!r}")
    return text


def _spool(text: str) -> Path:
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise ValueError(f"is {text!r}; it must be an absolute path, the same for every process of this machine")
    return path
