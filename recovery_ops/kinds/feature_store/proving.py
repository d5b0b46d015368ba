"""What proves a recovered feature store: both halves as captured, one story, and recent enough."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery_ops.aws import items
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.feature_store.pinning import captured, frame_of, newest_write, restore_at
from recovery_ops.kinds.feature_store.settings import FeatureStoreSettings
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.plan import Intent
from recovery_ops.quality.datasets import Dataset
from recovery_ops.quality.feature_gates import as_of_check, consistency_check, freshness_check, newest_of
from recovery_ops.quality.manifest import Restored, Tolerance, judge_against_profile
from recovery_ops.quality.probes import broken_probe
from recovery_ops.quality.profile import FrameProfile
from recovery_ops.quality.suites import judge_file

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_FRESHNESS_S = 60.0

Rows = list[dict[str, Any]]


def checks(settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[Check]:
    """Judge offline and online data, that both tell the same story, and how recent it is."""
    name = ctx.component.name
    judged, offline = _offline(settings, ctx).judge()
    yield from judged
    online = items.scan(str(ctx.output(name, "table")), ctx.target_region)
    yield from _online_checks(online, settings, ctx)
    if offline is None:
        yield broken_probe(name, Gate.CONSISTENCY, "online and offline", "offline features could not be read")
    else:
        besides = frozenset({settings.timestamp})
        yield consistency_check(
            name, _rows_of(offline), online, key=settings.key, version=settings.version, besides=besides
        )
    yield _freshness(online, settings, ctx)


def captured_until(online: Rows, settings: FeatureStoreSettings, ctx: StepContext) -> datetime | None:
    """Return until when a live table with the items ``online`` has captured writes, at most T0.

    That is the newest replicated write. Where nothing was written since the point, the watermark of the point is
    later and counts, as soon as the table holds the newest write that the point saw: unchanged is not old.
    """
    if ctx.isolated and (latest := newest_of(online, settings.timestamp)) and latest >= ctx.impact_at:
        return ctx.impact_at  # production goes on in a drill and overwrites what was the newest write at T0
    newest = newest_of(online, settings.timestamp, until=ctx.impact_at)
    if ctx.capture is None:
        return newest
    seen = newest_write(ctx.capture)
    unchanged = seen is None or (newest is not None and newest >= seen)
    known = [newest, ctx.capture.watermark if unchanged else None]
    return max((moment for moment in known if moment is not None), default=None)


def suite_file(ctx: StepContext, name: str | None) -> Path | None:
    """Return where the suite ``name`` lies, if there is one."""
    return Path(ctx.system.folder) / name if name else None


def _offline(settings: FeatureStoreSettings, ctx: StepContext) -> Dataset:
    capture, (bucket, region) = captured(ctx), settings.offline.place(ctx.target_region)
    return Dataset(
        component=ctx.component.name,
        label="offline",
        bucket=bucket,
        prefix=settings.offline.prefix,
        region=region,
        items=capture.objects,
        profile=FrameProfile.from_json(capture.content["offline"]),
        suite=suite_file(ctx, settings.suites.offline),
        exact=ctx.intent is Intent.CORRUPTION and not ctx.isolated,
        tolerance=_tolerance(settings),
    )


def _online_checks(online: Rows, settings: FeatureStoreSettings, ctx: StepContext) -> Iterable[Check]:
    """Judge by suite and profile. A scan is no snapshot, so the profile is a neighbour of the restored state."""
    profile = FrameProfile.from_json(captured(ctx).content["online"])
    about: dict[str, Any] = {"component": ctx.component.name, "label": "online"}
    frame, suite = frame_of(online), suite_file(ctx, settings.suites.online)
    yield from judge_file(frame, suite, **about) if suite else ()
    yield from judge_against_profile(
        frame, replace(profile, newest_at=None), restored=Restored.NEWEST, tolerance=_tolerance(settings), **about
    )


def _freshness(online: Rows, settings: FeatureStoreSettings, ctx: StepContext) -> Check:
    name, capture = ctx.component.name, captured(ctx)
    limit_s = settings.freshness or ctx.component.rpo_s or DEFAULT_FRESHNESS_S
    if ctx.intent is Intent.REGION_LOSS:
        until = captured_until(online, settings, ctx)
        return freshness_check(name, until, ctx.impact_at, limit_s=limit_s, factor=ctx.time_factor)
    return as_of_check(
        name,
        newest_of(online, settings.timestamp),
        restored_to=restore_at(capture),
        captured=newest_write(capture),
        limit_s=limit_s * (ctx.time_factor or 1.0),
    )


def _tolerance(settings: FeatureStoreSettings) -> Tolerance:
    return Tolerance(growing=(settings.version,))


def _rows_of(frame: "pd.DataFrame") -> Rows:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
