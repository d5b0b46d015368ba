"""Catalogs: YAML in, values out, every problem located. Knows no kinds: callers hand in what it must know of them."""

from recovery_ops.catalog.kindspec import KindSpec
from recovery_ops.catalog.loading import catalog_files, load_catalog, load_catalogs, load_files, system_files
from recovery_ops.catalog.schema import json_schema

__all__ = ["KindSpec", "catalog_files", "json_schema", "load_catalog", "load_catalogs", "load_files", "system_files"]
