"""What detection remembers, and the last word of a person, in a record of which regions may be dead."""

from datetime import UTC, datetime, timedelta

import pytest

from recovery_ops.errors import RecordError, StepInterruptedError
from recovery_ops.model.detection import Override, Watch
from recovery_ops.record.watches import Watches
from recovery_ops.testing.stores import InMemoryObjectStore

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Dead(InMemoryObjectStore):
    """A region that does not answer."""

    def get(self, key: str) -> tuple[bytes, str] | None:
        raise StepInterruptedError(f"no answer for {key}")


def test_the_newest_copy_counts_when_a_region_comes_back_with_an_old_one() -> None:
    east, west = InMemoryObjectStore(), InMemoryObjectStore()
    Watches([east, west], "s").write(Watch(told="old"), NOW)
    Watches([Dead(), west], "s").write(
        Watch(told="new", automatic_at=NOW, automatic_run="a"), NOW + timedelta(seconds=1)
    )
    assert Watches([east, west], "s").read() == Watch(told="new", automatic_at=NOW, automatic_run="a")


def test_nothing_is_known_when_no_region_answers() -> None:
    with pytest.raises(RecordError, match="cannot be read"):
        Watches([Dead(), Dead()], "s").read()
    with pytest.raises(RecordError, match="written nowhere"):
        Watches([Dead()], "s").write(Watch(), NOW)


def test_the_last_word_of_a_person_counts() -> None:
    watches = Watches([InMemoryObjectStore()], "s")
    assert watches.override() is None
    watches.say(Override(paused=True, person="alice", reason="network works", at=NOW))
    last = Override(paused=False, person="bob", reason="done", at=NOW + timedelta(hours=1))
    watches.say(last)
    assert watches.override() == last
