"""Where log lines go."""

import logging
import os
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from recovery_ops.record.envelope import redacted


def configure() -> None:
    """Write events to stderr without secrets, from ``RECOVERY_OPS_LOG_LEVEL`` (default ``warning``) on."""
    level = logging.getLevelNamesMapping().get(os.environ.get("RECOVERY_OPS_LOG_LEVEL", "warning").upper(), 30)
    structlog.reset_defaults()
    structlog.configure(
        processors=[
            *structlog.get_config()["processors"][:-1],
            structlog.processors.format_exc_info,
            _without_secrets,
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )


def _without_secrets(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Redact every value before it is rendered: a secret that a renderer wraps over two lines looks like none."""
    return {name: value if isinstance(value, int | float) else redacted(str(value)) for name, value in line.items()}
