"""Parquet data under one prefix of a bucket: read as a frame, profiled when protected, judged when restored."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery_ops.aws.objects import in_threads, read
from recovery_ops.aws.pinned import Listing, damage, list_versions
from recovery_ops.errors import PointDamagedError
from recovery_ops.model.checks import Check, CheckOutcome, Gate
from recovery_ops.model.points import ObjectVersion
from recovery_ops.quality.manifest import Restored, Tolerance, judge_against_profile
from recovery_ops.quality.parquet import read_parquet
from recovery_ops.quality.probes import broken_probe, verdict
from recovery_ops.quality.profile import FrameProfile, profile_frame
from recovery_ops.quality.suites import judge_file

if TYPE_CHECKING:
    import pandas as pd


@dataclass(slots=True)
class Reading:
    """What was read: the ``frame`` (``None`` unless every file could be read) and one check per file."""

    frame: "pd.DataFrame | None" = None
    checks: list[Check] = field(default_factory=list)


def profile_objects(
    items: Sequence[ObjectVersion], region: str, *, component: str, key: Sequence[str], timestamp: str | None
) -> FrameProfile:
    """Return the profile of the pinned Parquet objects, read in their exact versions.

    Raises:
        PointDamagedError: There are none, or one cannot be read: what is broken today is no recovery point.
    """
    keys = [(item.key, item.version_id) for item in items]
    reading = _read_files(items[0].bucket_in(region) if items else "", keys, region, component)
    if reading.frame is None:
        reasons = "; ".join(check.detail for check in reading.checks if check.detail) or "there are no objects"
        raise PointDamagedError(f"{component}: the data cannot be captured in {region}: {reasons}", component=component)
    return profile_frame(reading.frame, key, timestamp)


def read_visible(listing: Listing, region: str, *, component: str) -> Reading:
    """Return what a reader of the prefix sees now, as one frame."""
    keys = [(key, listing.current[key].version_id) for key in listing.visible()]
    return _read_files(listing.bucket, keys, region, component)


def _read_files(bucket: str, keys: Sequence[tuple[str, str]], region: str, component: str) -> Reading:
    import pandas as pd

    bodies = in_threads(lambda item: read(bucket, item[0], region, version_id=item[1]), keys)
    readings = [read_parquet(body, component=component, label=key) for (key, _), body in zip(keys, bodies, strict=True)]
    frames = [reading.frame for reading in readings if reading.frame is not None]
    whole = bool(frames) and len(frames) == len(readings)
    frame = pd.concat(frames, ignore_index=True) if whole else None
    return Reading(frame=frame, checks=[reading.check for reading in readings])


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Where restored Parquet data lies and what it is judged by.

    ``profile`` and ``items`` come from the recovery point, ``suite`` is a file in the folder of the catalog. ``exact``
    asks for the pinned state and nothing newer.
    """

    component: str
    label: str
    bucket: str
    prefix: str
    region: str
    items: Sequence[ObjectVersion]
    profile: FrameProfile
    suite: Path | None = None
    exact: bool = False
    tolerance: Tolerance | None = None

    def judge(self) -> tuple[list[Check], "pd.DataFrame | None"]:
        """Return every check of integrity and data, and the frame a reader sees when it could be read."""
        listing = list_versions(self.bucket, self.prefix, self.region)
        unchanged = self._shows_the_pinned(listing)
        checks = [pinned_check(self.component, self.label, self.items, self.region)]
        if self.exact:
            checks.append(self._nothing_newer(listing))
        reading = read_visible(listing, self.region, component=self.component)
        checks += reading.checks
        if reading.frame is None:
            reason = "not judged: not every file could be read" if reading.checks else "there are no files"
            return [*checks, broken_probe(self.component, Gate.DATA, f"{self.label}: rows", reason)], None
        return checks + self._data(reading.frame, exact=self.exact or unchanged), reading.frame

    def _data(self, frame: "pd.DataFrame", *, exact: bool) -> list[Check]:
        facts: dict[str, Any] = {"component": self.component, "label": self.label}
        checks = judge_file(frame, self.suite, **facts) if self.suite else []
        restored = Restored.EXACT if exact else Restored.NEWEST
        return checks + judge_against_profile(frame, self.profile, restored=restored, tolerance=self.tolerance, **facts)

    def _shows_the_pinned(self, listing: Listing) -> bool:
        visible = {(key, listing.current[key].version_id) for key in listing.visible()}
        return visible == {(item.key, item.version_id) for item in self.items}

    def _nothing_newer(self, listing: Listing) -> Check:
        """Judge that a reader sees the keys of the point and no others; their content is judged by its digest."""
        wanted, seen = sorted(item.key for item in self.items), listing.visible()
        other = sorted(set(wanted) ^ set(seen))
        return Check(
            component=self.component,
            gate=Gate.INTEGRITY,
            name=f"{self.label}: the keys of the recovery point and no others",
            expected={"keys": len(wanted)},
            observed={"keys": len(seen), "other": other[:5]},
            outcome=verdict(not other),
            detail="" if not other else f"different: {', '.join(other[:5])}",
        )


def pinned_check(component: str, label: str, items: Sequence[ObjectVersion], region: str) -> Check:
    """Judge that every pinned version is in ``region`` with the content it had; one check for all of them."""
    problems = damage(items, region)
    return Check(
        component=component,
        gate=Gate.INTEGRITY,
        name=f"{label}: pinned versions and their SHA-256",
        expected={"objects": len(items)},
        observed={"intact": len(items) - len(problems)},
        outcome=CheckOutcome.PASS if items and not problems else CheckOutcome.FAIL,
        detail="; ".join(problems[:5]) if items else "the recovery point pins no object",
    )
