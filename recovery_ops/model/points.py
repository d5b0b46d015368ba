"""Recovery points: what a component, and a whole system, can be recovered from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVersion:
    """One exact S3 object version. ``bucket`` is the template with ``{region}``, so that it reads in every region.

    ``sha256`` is 64 hex digits of the content, ``size`` bytes. ``version_id`` is empty for a key that is written once
    and locked (files of a point itself), which has another version id in every region.
    """

    bucket: str
    key: str
    version_id: str
    sha256: str
    size: int

    def bucket_in(self, region: str) -> str:
        """Return the bucket that holds this object version in ``region``."""
        return self.bucket.format(region=region)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """What one component contributes to a consistent point.

    ``watermark`` (aware, UTC) is "captured until": every write acknowledged before it is inside. ``content`` is private
    to the kind and holds plain JSON values. ``objects`` must exist with these exact versions and checksums.
    """

    component: str
    kind: str
    watermark: datetime
    objects: tuple[ObjectVersion, ...] = ()
    content: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; times as ISO 8601 in UTC."""
        return {
            "component": self.component,
            "kind": self.kind,
            "watermark": self.watermark.isoformat(),
            "objects": [asdict(item) for item in self.objects],
            "content": dict(self.content),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Capture":
        """Rebuild a capture from :meth:`to_json`."""
        return cls(
            component=value["component"],
            kind=value["kind"],
            watermark=datetime.fromisoformat(value["watermark"]),
            objects=tuple(ObjectVersion(**item) for item in value["objects"]),
            content=dict(value["content"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsistentPoint:
    """One recovery point across the components of a system; complete or worthless.

    ``id`` is ``p-<UTC time as yyyymmddthhmmssz>-<4 hex>``; ``taken_at`` is when the capture began; ``catalog_hash`` is
    the content hash of the catalog at that time.
    """

    id: str
    system: str
    taken_at: datetime
    region: str
    catalog_hash: str
    captures: Mapping[str, Capture]

    @property
    def watermark(self) -> datetime:
        """Return the oldest watermark: the time until which *everything* is captured."""
        return min(capture.watermark for capture in self.captures.values())

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "id": self.id,
            "system": self.system,
            "taken_at": self.taken_at.isoformat(),
            "region": self.region,
            "catalog_hash": self.catalog_hash,
            "captures": {name: capture.to_json() for name, capture in self.captures.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ConsistentPoint":
        """Rebuild a point from :meth:`to_json`."""
        return cls(
            id=value["id"],
            system=value["system"],
            taken_at=datetime.fromisoformat(value["taken_at"]),
            region=value["region"],
            catalog_hash=value["catalog_hash"],
            captures={name: Capture.from_json(item) for name, item in value["captures"].items()},
        )
