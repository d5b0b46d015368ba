"""Model archives: fetched from the endpoint's own region and unpacked without trusting them."""

import io
import tarfile
import zlib
from pathlib import Path, PurePosixPath

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.world import ACCOUNT, World

MAX_PACKED_BYTES = 200 * 2**20
MAX_UNPACKED_BYTES = 500 * 2**20
MAX_FILES = 1000


class ArtifactError(Exception):
    """The archive cannot be had or must not be unpacked; the text is the endpoint's ``FailureReason``."""


def fetch(world: World, region: str, url: str) -> bytes:
    """Return the object at ``url`` (``s3://bucket/key``), whose bucket has to be in ``region``.

    Raises:
        ArtifactError: No such object, its bucket is in another region, S3 of the region is down, or too large.
    """
    bucket, _, key = url.removeprefix("s3://").partition("/")
    reason = (
        f'Failed to download model data for container "container_1" from URL: "{url}". Please ensure that there is an '
        "object located at the URL and that the role passed to CreateModel has permissions to download the object."
    )
    if world.faults.is_down(region, "s3"):
        raise ArtifactError(f"{reason} (S3 in {region} does not answer)")
    found = _read(bucket, key, region)
    if found is None:
        raise ArtifactError(reason)
    if len(found) > MAX_PACKED_BYTES:
        raise ArtifactError(f"{reason} (the sandbox takes archives up to {MAX_PACKED_BYTES} bytes)")
    return found


def _read(bucket: str, key: str, region: str) -> bytes | None:
    from moto.s3.models import s3_backends

    with locks.of("s3"):
        backend = s3_backends[ACCOUNT]["aws"]
        home = backend.buckets.get(bucket)
        found = backend.get_object(bucket, key) if home is not None and home.region_name == region else None
        return None if found is None else bytes(found.value)


def unpack(archive: bytes, target: Path, url: str) -> None:
    """Unpack ``archive`` (``model.tar.gz``) into the empty directory ``target``.

    Only plain files and directories below ``target`` are written, never with the archive's owners or modes.

    Raises:
        ArtifactError: Not a gzipped tar, a path that leads outside, a link or device, or too much of anything.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
            _unpack(packed, target)
    except (tarfile.TarError, zlib.error, EOFError, OSError, ValueError) as wrong:
        raise ArtifactError(
            f'Unable to extract model data archive for container "container_1" from URL: "{url}". Please ensure that '
            f"the object located at the URL is a valid tar.gz archive. ({wrong})"
        ) from wrong


def _unpack(packed: tarfile.TarFile, target: Path) -> None:
    target.mkdir(parents=True)
    total = 0
    for count, member in enumerate(packed, 1):
        path = PurePosixPath(member.name)
        total += member.size
        if count > MAX_FILES or total > MAX_UNPACKED_BYTES:
            raise ValueError(f"more than {MAX_FILES} files or {MAX_UNPACKED_BYTES} bytes")
        if path.is_absolute() or ".." in path.parts:
            raise ValueError(f"{member.name!r} leads outside of the archive")
        if not (member.isfile() or member.isdir()):
            raise ValueError(f"{member.name!r} is neither a file nor a directory")
        if member.isfile():
            _write(packed, member, target.joinpath(*path.parts))


def _write(packed: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = packed.extractfile(member)
    assert content is not None  # it is a file, so it has content
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.read())
