"""What two regions wrote while they were apart, told from tables restored to one second and from object versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recovery_ops.aws.objects import head
from recovery_ops.aws.pinned import list_versions

Row = Mapping[str, Any]
Rows = Mapping[str, Row]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of writes: how many arrived, which met a later one, which are gone (keys)."""

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


def object_story(home: tuple[str, str], away: tuple[str, str], prefix: str, since: datetime) -> Story:
    """Compare the versions under ``prefix`` in two buckets, each ``(bucket, region)``, written after ``since``.

    A key that both regions wrote is a conflict: the version that S3 dates last is current, the other stays a version.
    """
    here, there = list_versions(home[0], prefix, home[1]), list_versions(away[0], prefix, away[1])
    own: dict[str, list[str]] = {}
    arrived: dict[str, list[str]] = {}
    for (key, version), listed in here.versions.items():
        if listed.changed_at > since:
            came = _is_replica(home, key, version)
            (arrived if came else own).setdefault(key, []).append(version)
    lost = [f"{key} version {version}" for (key, version), seen in there.versions.items()
            if seen.changed_at > since and (key, version) not in here.versions]  # fmt: skip
    conflicts = []
    for key in sorted(set(own) & set(arrived)):
        kept = here.current[key].version_id
        dropped = [version for version in (*own[key], *arrived[key]) if version != kept]
        why = f"written in {home[1]} and in {away[1]}; the last writer wins, the other version can be looked at"
        conflicts.append({"key": f"s3://{home[0]}/{key}", "kept": kept, "dropped": dropped, "why": why})
    return Story(merged=sum(map(len, arrived.values())), conflicts=tuple(conflicts), lost=tuple(lost))


def _is_replica(place: tuple[str, str], key: str, version: str) -> bool:
    return (head(place[0], key, place[1], version_id=version) or {}).get("ReplicationStatus") == "REPLICA"


def _later(row: Row | None, since: datetime, timestamp: str) -> bool:
    text = str((row or {}).get(timestamp, ""))
    try:
        return datetime.fromisoformat(text) > since
    except (ValueError, TypeError):
        return False


def _brief(row: Row | None, timestamp: str) -> str:
    return "deleted" if row is None else f"written {row.get(timestamp, 'at an unknown time')}"
