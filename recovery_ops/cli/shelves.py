"""Where the command line finds the record: the catalog says, or ``--region`` and ``--bucket`` do."""

from collections.abc import Callable
from functools import wraps
from typing import NamedTuple, ParamSpec, TypeVar

import typer

from recovery_ops.errors import RecoveryError, RequestError
from recovery_ops.model.settings import Settings
from recovery_ops.record.shelf import Shelf
from recovery_ops.record.store import ObjectStore

P = ParamSpec("P")
R = TypeVar("R")


class Place(NamedTuple):
    """One bucket that holds the record of a system."""

    region: str
    bucket: str


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an error of the library into its message on stderr and its exit code."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except RecoveryError as error:
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(error.exit_code) from error

    return run


def places(system: str, region: str | None, bucket: str | None) -> list[Place]:
    """Return where the record of ``system`` may lie: every region of its catalog, the home region last.

    Raises:
        RequestError: ``bucket`` without ``region``, or a region that the catalog does not have.
    """
    if bucket is not None:
        if region is None:
            raise RequestError(f"--bucket {bucket} needs --region: the region that the bucket is in")
        return [Place(region, bucket)]
    return _from_catalog(system, region)


def open_shelf(system: str, found: list[Place]) -> tuple[Shelf, list[Place]]:
    """Return the shelf over every place that answers, and those places in the same order.

    A region that does not answer is named on stderr and left out.

    Raises:
        RecoveryError: No place answers; the error is that of the last one.
    """
    answering: list[tuple[Place, ObjectStore]] = []
    last: RecoveryError | None = None
    for place in found:
        try:
            answering.append((place, _open(system, place)))
        except RecoveryError as error:
            last = error
            typer.echo(f"warning: read without {place.bucket} in {place.region}: {error}", err=True)
    if not answering and last is not None:
        raise last
    return Shelf(system, [store for _, store in answering]), [place for place, _ in answering]


def _open(system: str, place: Place) -> ObjectStore:
    """Open a store and ask it something small, so that a dead region is noticed here."""
    from recovery_ops.aws.object_store import open_store
    from recovery_ops.record import keys

    store = open_store(place.bucket, place.region)
    store.list(keys.claim_key(system, "production"))
    return store


def _from_catalog(system: str, region: str | None) -> list[Place]:
    from recovery_ops.execution.systems import load_system

    found = load_system(system, Settings.from_environment().catalogs)
    if region is not None and region not in found.regions:
        raise RequestError(f"{system} has the regions {', '.join(found.regions)}, not {region}")
    ordered = sorted(found.regions, key=lambda name: name == found.home)
    return [Place(name, found.record_bucket.format(region=name)) for name in ordered if region in (None, name)]
