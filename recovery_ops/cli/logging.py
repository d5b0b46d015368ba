"""Where log lines go."""

import logging
import os
import sys

import structlog


def configure() -> None:
    """Write events to stderr, from ``RECOVERY_OPS_LOG_LEVEL`` (default ``warning``) on."""
    level = logging.getLevelNamesMapping().get(os.environ.get("RECOVERY_OPS_LOG_LEVEL", "warning").upper(), 30)
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
