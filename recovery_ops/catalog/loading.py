"""Catalog files to systems, or every problem of every file at once."""

from collections.abc import Mapping
from pathlib import Path

from recovery_ops.catalog.building import build
from recovery_ops.catalog.dependencies import unknown_kinds
from recovery_ops.catalog.draft import draft
from recovery_ops.catalog.kindspec import KindSpec
from recovery_ops.catalog.meaning import meaning
from recovery_ops.catalog.problems import Document, in_order
from recovery_ops.catalog.reading import read_document
from recovery_ops.errors import CatalogError
from recovery_ops.model.system import System

SUFFIXES = (".yaml", ".yml")


def load_catalog(path: Path, kinds: Mapping[str, KindSpec]) -> System:
    """Return the system that the file at ``path`` describes.

    Raises:
        CatalogError: The file has problems; holds every one, located. Nothing was started.
    """
    document = read_document(path)
    system, problems = _checked(document, kinds)
    if system is None:
        raise CatalogError.of(problems)
    return system


def load_catalogs(folder: Path, kinds: Mapping[str, KindSpec]) -> list[System]:
    """Return the systems of all catalog files (``*.yaml``, ``*.yml``) directly in ``folder``, by file name.

    Raises:
        CatalogError: At least one file has problems; holds those of all files, located.
    """
    return load_files(catalog_files(folder), kinds)


def load_files(paths: list[Path], kinds: Mapping[str, KindSpec]) -> list[System]:
    """Return the systems of ``paths``, in that order; raises :class:`CatalogError` like :func:`load_catalogs`."""
    systems: dict[str, System] = {}
    problems: list[str] = []
    for path in paths:
        document = read_document(path)
        system, found = _checked(document, kinds)
        if system is not None and (first := systems.setdefault(system.name, system)) is not system:
            what = f"a system {system.name!r} is there already, in {first.source}"
            found = in_order(document.file, [document.at(("system",), what)])
        problems += found
    if problems:
        raise CatalogError.of(problems)
    return list(systems.values())


def catalog_files(folder: Path) -> list[Path]:
    """Return the catalog files directly in ``folder``, sorted by name.

    Raises:
        CatalogError: ``folder`` is not a directory.
    """
    if not folder.is_dir():
        raise CatalogError.of([f"{folder}: no such folder of catalogs"])
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and path.is_file())


def system_files(folder: Path) -> dict[str, Path]:
    """Return the name of every system in ``folder`` -> its file; a file that cannot be read counts by its stem."""
    return {_name_in(path): path for path in reversed(catalog_files(folder))}


def _name_in(path: Path) -> str:
    data = read_document(path).data
    name = data.get("system") if isinstance(data, dict) else None
    return name if isinstance(name, str) else path.stem


def _checked(document: Document, kinds: Mapping[str, KindSpec]) -> tuple[System | None, list[str]]:
    if not isinstance(document.data, dict) or not document.data:
        return None, in_order(document.file, document.problems)
    found = draft(document, kinds)
    problems = [*found.problems, *unknown_kinds(found, kinds), *meaning(found)]
    return (None, in_order(document.file, problems)) if problems else (build(found), [])
