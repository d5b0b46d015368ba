"""Which of two versions wins, decided from one listing."""

from datetime import UTC, datetime, timedelta

import pytest

from recovery_ops.aws import pinned
from recovery_ops.aws.pinned import Listed, Listing, keep_newest
from recovery_ops.errors import PointDamagedError
from recovery_ops.model.points import ObjectVersion

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ITEM = ObjectVersion(bucket="data-{region}", key="a", version_id="pinned", sha256="0" * 64, size=1)


def listing(current: str, minutes: int, *, hidden: bool = False) -> Listing:
    """The pinned version of noon, and what is current since then or before."""
    made = Listing(bucket="data-us-west-2")
    made.versions[("a", "pinned")] = Listed(version_id="pinned", changed_at=NOON, hidden=False)
    made.current["a"] = Listed(version_id=current, changed_at=NOON + timedelta(minutes=minutes), hidden=hidden)
    return made


@pytest.mark.parametrize(
    ("current", "minutes", "hidden", "changed"),
    [
        ("pinned", 0, False, []),
        ("newer", 5, False, []),
        ("marker", 5, True, []),
        ("older", -5, False, ["a"]),
        ("older-marker", -5, True, ["a"]),
    ],
)
def test_the_newest_state_wins_and_never_an_older_one(
    current: str, minutes: int, hidden: bool, changed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(pinned, "list_versions", lambda *_: listing(current, minutes, hidden=hidden))
    monkeypatch.setattr(pinned, "make_current", lambda item, region: done.append(item.key))
    assert keep_newest([ITEM], "", "us-west-2") == changed
    assert done == changed


def test_a_point_with_a_hole_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(pinned, "list_versions", lambda *_: Listing(bucket="data-us-west-2"))
    monkeypatch.setattr(pinned, "make_current", lambda item, region: done.append(item.key))
    with pytest.raises(PointDamagedError, match="1 of 1 pinned objects"):
        keep_newest([ITEM], "", "us-west-2")
    assert done == []
