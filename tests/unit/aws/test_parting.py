"""What became of the writes of two regions that were apart: of rows and of object versions."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recovery_ops.aws import parting
from recovery_ops.aws.parting import Story, item_story, object_story
from recovery_ops.aws.pinned import Listing

LOST = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOME, AWAY = ("data-home", "us-east-1"), ("data-away", "us-west-2")


def after(seconds: float) -> datetime:
    return LOST + timedelta(seconds=seconds)


# Rows -------------------------------------------------------------------------------------------------------------


def row(version: int, at: float) -> dict[str, Any]:
    return {"version": version, "updated_at": after(at).isoformat()}


OLD, MINE, THEIRS, STRAY = row(1, -60), row(2, -1), row(3, 10), row(4, 20)


def rows_story(here: Any, there: Any, now: Any) -> Story:
    tables = [{"k": state} if state else {} for state in (here, there, now)]
    return item_story(*tables, since=LOST, timestamp="updated_at", names=("us-east-1", "us-west-2"))


@pytest.mark.parametrize(
    ("here", "there", "now", "merged", "lost"),
    [
        pytest.param(MINE, OLD, MINE, 1, 0, id="not seen, and merged"),
        pytest.param(MINE, OLD, OLD, 0, 1, id="not seen, and lost"),
        pytest.param(MINE, None, MINE, 1, 0, id="new, not seen, and merged"),
        pytest.param(None, OLD, None, 1, 0, id="a deletion that was merged"),
        pytest.param(None, OLD, OLD, 0, 1, id="a deletion that was lost"),
        pytest.param(MINE, MINE, MINE, 0, 0, id="replicated in time"),
        pytest.param(OLD, OLD, THEIRS, 1, 0, id="written away, and there"),
        pytest.param(OLD, OLD, OLD, 0, 0, id="nothing"),
        pytest.param(None, None, None, 0, 0, id="no row at all"),
    ],
)
def test_of_a_row_that_one_side_wrote(here: Any, there: Any, now: Any, merged: int, lost: int) -> None:
    story = rows_story(here, there, now)
    assert (story.merged, len(story.lost), story.conflicts) == (merged, lost, ())


@pytest.mark.parametrize(
    ("now", "kept"), [(THEIRS, f"written {THEIRS['updated_at']}"), (None, "deleted")], ids=["written", "deleted"]
)
def test_a_row_that_both_sides_wrote_is_a_conflict(now: Any, kept: str) -> None:
    (conflict,) = rows_story(MINE, OLD, now).conflicts
    assert (conflict["key"], conflict["kept"]) == ("k", kept)
    assert conflict["dropped"] == f"written {MINE['updated_at']}"


# Objects ----------------------------------------------------------------------------------------------------------

DELETED = "deleted"
Version = tuple[str, float, str]
"""Its id, seconds after the loss, and how it came: ``own``, ``replica`` or ``deleted``."""


class Buckets:
    """Two buckets with versions of the key ``k``, as S3 lists them and as its heads tell them apart."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, home: list[Version], away: list[Version]) -> None:
        self.versions = {HOME[0]: home, AWAY[0]: away}
        monkeypatch.setattr(parting, "list_versions", self.listing)
        monkeypatch.setattr(parting, "head", self.head)

    def listing(self, bucket: str, _prefix: str, _region: str) -> Listing:
        found, newest = Listing(bucket=bucket), max((at for _, at, _ in self.versions[bucket]), default=0.0)
        for version, at, how in self.versions[bucket]:
            entry = {"Key": "k", "VersionId": version, "LastModified": after(at), "IsLatest": at == newest}
            found.add(entry, hidden=how == DELETED)
        return found

    def head(self, bucket: str, _key: str, _region: str, *, version_id: str) -> dict[str, str]:
        (how,) = [how for version, _, how in self.versions[bucket] if version == version_id]
        assert how != DELETED, "S3 refuses to look at a delete marker"
        return {"ReplicationStatus": "REPLICA"} if how == "replica" else {}

    def story(self, until: float = 3600.0) -> Story:
        return object_story(HOME, AWAY, "", LOST, until=after(until), factor=1.0)


ONCE, ONCE_THERE = ("v0", -86400.0, "own"), ("v0", -86400.0, "replica")
UNSEEN, UNSEEN_THERE = ("v1", -1.0, "own"), ("v1", -1.0, "replica")
CAME, WRITTEN = ("v2", 10.0, "replica"), ("v2", 10.0, "own")
GONE = ("m", 10.0, DELETED)


@pytest.mark.parametrize(
    ("home", "away", "merged", "lost"),
    [
        pytest.param([ONCE], [ONCE_THERE], 0, 0, id="nothing"),
        pytest.param([], [], 0, 0, id="no version at all"),
        pytest.param([ONCE, CAME], [ONCE_THERE, WRITTEN], 1, 0, id="written away, and merged"),
        pytest.param([ONCE], [ONCE_THERE, WRITTEN], 0, 1, id="written away, and not there"),
        pytest.param([UNSEEN], [UNSEEN_THERE], 0, 0, id="not seen, and replicated since"),
        pytest.param([ONCE, GONE], [ONCE_THERE, GONE], 1, 0, id="deleted away, and merged"),
        pytest.param([ONCE], [ONCE_THERE, GONE], 0, 1, id="deleted away, and not at home"),
        pytest.param([], [WRITTEN, ("m", 11.0, DELETED)], 0, 0, id="made and deleted away, never at home"),
        pytest.param([ONCE, ("m", -1.0, DELETED)], [ONCE_THERE, ("m", -1.0, DELETED)], 0, 0, id="deleted at home"),
        pytest.param(
            [ONCE, ("v3", 60.0, "replica")],
            [ONCE_THERE, WRITTEN, ("v3", 60.0, "own")],
            1,
            0,
            id="written before replication stood, and sent again",
        ),
    ],
)
def test_of_a_key_that_one_side_wrote(
    monkeypatch: pytest.MonkeyPatch, home: list[Version], away: list[Version], merged: int, lost: int
) -> None:
    story = Buckets(monkeypatch, home, away).story()
    assert (story.merged, len(story.lost), story.conflicts) == (merged, lost, ())


@pytest.mark.parametrize(
    ("home", "away", "kept", "dropped", "why"),
    [
        pytest.param([UNSEEN, CAME], [UNSEEN_THERE, WRITTEN], "v2", ["v1"], "1.0 s before", id="just before the loss"),
        pytest.param(
            [ONCE, CAME, ("v3", 20.0, "own")],
            [ONCE_THERE, WRITTEN, ("v3", 20.0, "replica")],
            "v3",
            ["v2"],
            "since they parted",
            id="after the loss, by a writer that nobody stopped",
        ),
        pytest.param([UNSEEN, GONE], [UNSEEN_THERE, GONE], DELETED, ["v1"], "1.0 s before", id="deleted away"),
        pytest.param(
            [ONCE, ("m", -1.0, DELETED), CAME], [ONCE_THERE, WRITTEN], "v2", [DELETED], "1.0 s", id="deleted at home"
        ),
        pytest.param([UNSEEN], [WRITTEN], "v2", ["v1"], "1.0 s before", id="not there yet"),
    ],
)
def test_a_key_that_both_sides_wrote_is_a_conflict(
    monkeypatch: pytest.MonkeyPatch, home: list[Version], away: list[Version], kept: str, dropped: list[str], why: str
) -> None:
    (conflict,) = Buckets(monkeypatch, home, away).story().conflicts
    assert (conflict["key"], conflict["kept"], conflict["dropped"]) == ("s3://data-home/k", kept, dropped)
    assert why in conflict["why"]


def test_what_home_wrote_long_before_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Buckets(monkeypatch, [ONCE, CAME], [ONCE_THERE, WRITTEN]).story().conflicts == ()


def test_a_writer_that_goes_on_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    buckets = Buckets(monkeypatch, [], [WRITTEN])
    assert [len(buckets.story(until).lost) for until in (9.0, 10.0)] == [0, 1]
