"""What two regions wrote while they were apart, told from tables restored to one second and from object versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.aws.limits import REPLICATION_LIMIT_MODELLED_S
from recovery_ops.aws.objects import head, in_threads
from recovery_ops.aws.pinned import Listed, Listing, has_arrived, list_versions

UNSURE_AT_LEAST_S = 20.0
"""How long before the loss home may have written what was not replicated, in a sandbox; on AWS the limit of S3."""

Place = tuple[str, str]
Row = Mapping[str, Any]
Rows = Mapping[str, Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of writes: how many arrived, which met a later one, which are gone or not there yet (keys)."""

    merged: int
    conflicts: tuple[Mapping[str, Any], ...]
    lost: tuple[str, ...]


def whole_second_after(moment: datetime) -> datetime:
    """Return the first whole second that is not before ``moment``: what a table can be restored to."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def by_key(rows: Sequence[Row], key: str) -> dict[str, Row]:
    """Return rows by the value of their key."""
    return {str(row[key]): row for row in rows}


def item_story(here: Rows, there: Rows, now: Rows, *, since: datetime, timestamp: str, names: tuple[str, str]) -> Story:
    """Compare the table of the region that was lost (``here``) and of the other (``there``), both as of one second.

    A row that differed then had not been replicated. Now it is that row: merged. It is the other one still: lost. It is
    a third one: somebody wrote again without having seen it, and the later write won.

    Args:
        here: Rows of the lost region at ``since``.
        there: Rows of the other region at ``since``.
        now: Rows that are served now.
        since: The second of the comparison.
        timestamp: Column with the time of a write.
        names: Both regions, the lost one first.
    """
    merged, conflicts, lost = 0, [], []
    for key in sorted({*here, *there}):
        mine, theirs, present = here.get(key), there.get(key), now.get(key)
        if mine == theirs or _later(mine, since, timestamp) or _later(theirs, since, timestamp):
            continue
        if present == mine:
            merged += 1
        elif present == theirs:
            lost.append(key)
        else:
            facts = {"kept": _brief(present, timestamp), "dropped": _brief(mine, timestamp)}
            why = f"written in {names[0]} before it was lost, and again in {names[1]}; the last writer wins"
            conflicts.append({"key": key, **facts, "why": why})
    merged += sum(1 for row in now.values() if _later(row, since, timestamp))
    return Story(merged=merged, conflicts=tuple(conflicts), lost=tuple(lost))


def object_story(home: Place, away: Place, prefix: str, since: datetime, *, until: datetime, factor: float) -> Story:
    """Compare what was written under ``prefix`` in two buckets, each ``(bucket, region)``, around and after a loss.

    A key that both regions wrote is a conflict: the version that S3 dates last is current, the other stays a version.
    Replicas keep the date of their source, and nothing tells when one arrived. So what home wrote in the last minutes
    before it was lost counts as not seen by the other side.

    Args:
        home: The bucket of the region that was lost.
        away: That of the region that served then; ``lost`` are keys whose state there has not arrived at home.
        prefix: Of the keys.
        since: When home was lost (T0).
        until: Later writes are not waited for; the fence does that.
        factor: Wall seconds per AWS second.
    """
    here, there = list_versions(home[0], prefix, home[1]), list_versions(away[0], prefix, away[1])
    unsure_s = max(REPLICATION_LIMIT_MODELLED_S * factor, UNSURE_AT_LEAST_S)
    mine = _written(home, here, since - timedelta(seconds=unsure_s))
    theirs = _written(away, there, since)
    for (key, version), marker in here.markers.items():
        if marker.changed_at > since and (key, version) in there.markers:  # nobody knows whose; home was not serving
            mine[key].remove(marker)
    both = sorted(key for key in set(mine) & set(theirs) if mine[key])
    known = {*here.versions, *here.markers}
    return Story(
        merged=sum((key, item.version_id) in known for key, items in theirs.items() for item in items),
        conflicts=tuple(_conflict((home, here), (away, there), key, mine[key], theirs[key], since) for key in both),
        lost=tuple(
            f"{key} version {item.version_id}"
            for key, item in there.current.items()
            if since < item.changed_at <= until and not has_arrived(item, here.current.get(key))
        ),
    )


def _written(place: Place, listing: Listing, since: datetime) -> dict[str, list[Listed]]:
    """Return what was written in this bucket itself since then, deletions too, by key."""
    recent = [(key, item) for (key, _), item in listing.versions.items() if item.changed_at > since]
    replicas = in_threads(lambda found: _is_replica(place, found[0], found[1].version_id), recent)
    own = [found for found, came in zip(recent, replicas, strict=True) if not came]
    deleted = [(key, item) for (key, _), item in listing.markers.items() if item.changed_at > since]
    written: dict[str, list[Listed]] = {}
    for key, item in (*own, *deleted):
        written.setdefault(key, []).append(item)
    return written


def _conflict(
    home: tuple[Place, Listing],
    away: tuple[Place, Listing],
    key: str,
    mine: Sequence[Listed],
    theirs: Sequence[Listed],
    since: datetime,
) -> Mapping[str, Any]:
    ((bucket, region), here), ((_, other), there) = home, away
    current = [listing.current[key] for listing in (here, there) if key in listing.current]
    kept = max(current, key=lambda item: item.changed_at)
    dropped = [_version(item) for item in (*mine, *theirs) if item.version_id != kept.version_id]
    last = max(item.changed_at for item in mine)
    when = (
        "since they parted"
        if last > since
        else f"{(since - last).total_seconds():.1f} s before it was lost, perhaps not replicated by then"
    )
    why = f"written in {region} {when}, and in {other}; the last writer wins, the other version can be looked at"
    return {"key": f"s3://{bucket}/{key}", "kept": _version(kept), "dropped": dropped, "why": why}


def _version(item: Listed) -> str:
    return "deleted" if item.hidden else item.version_id


def _is_replica(place: Place, key: str, version: str) -> bool:
    return (head(place[0], key, place[1], version_id=version) or {}).get("ReplicationStatus") == "REPLICA"


def _later(row: Row | None, since: datetime, timestamp: str) -> bool:
    text = str((row or {}).get(timestamp, ""))
    try:
        return datetime.fromisoformat(text) > since
    except (ValueError, TypeError):
        return False


def _brief(row: Row | None, timestamp: str) -> str:
    return "deleted" if row is None else f"written {row.get(timestamp, 'at an unknown time')}"
