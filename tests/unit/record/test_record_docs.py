"""The reference page of the record says what the code does."""

from pathlib import Path

import pytest

from recovery_ops.model.events import EventType
from recovery_ops.record import envelope, keys
from recovery_ops.record.claims import Claim, Slot
from recovery_ops.record.event_types import described, updated
from recovery_ops.record.tables import ALL

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "record.md"


def test_every_event_type_is_described() -> None:
    assert list(described()) == list(EventType)
    assert all(described().values())


def test_the_table_of_event_types_is_the_present_one() -> None:
    page = PAGE.read_text()
    assert updated(page) == page


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the marks"):
        updated("# Record")


def test_the_page_names_every_table_slot_field_and_limit() -> None:
    page = PAGE.read_text()
    words = [*(table.name for table in ALL), *Slot, *Claim.__slots__]
    assert [word for word in words if f"`{word}`" not in page] == []
    assert f"{envelope.EVENT_BYTES // 1024} KiB" in page
    assert f"{envelope.DECLARATION_BYTES // 1024**2} MiB" in page
    assert f"`_ . - ~ {' '.join(keys.UNESCAPED)}`" in page
