"""Alembic migrations of the projection.

A new revision: a file in ``versions/`` whose ``down_revision`` is the last one; a test compares the migrated database
with ``tables.py``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from recovery_ops.record.tables import SCHEMA

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Connection


def upgrade(connection: "Connection") -> None:
    """Bring the database behind ``connection`` to the newest revision, inside its transaction."""
    from alembic import command
    from sqlalchemy.schema import CreateSchema

    connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
    command.upgrade(config(connection), "head")


def config(connection: "Connection") -> "Config":
    """Return an Alembic configuration that works on ``connection``."""
    from alembic.config import Config

    found = Config()
    found.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found
