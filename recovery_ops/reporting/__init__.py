"""Reports, metrics and dashboard data: what the record and the catalog say, in a form for people."""

from recovery_ops.reporting.building import SCHEMA_VERSION, as_bytes, report
from recovery_ops.reporting.html import render

__all__ = ["SCHEMA_VERSION", "as_bytes", "render", "report"]
