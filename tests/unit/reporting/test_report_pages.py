"""Promises of the page of a report: made of the report alone, readable, and safe to open in a browser."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from made_runs import WEST, changed
from report_changes import EVENTS, REPORT

from recovery_ops.model.events import EventType
from recovery_ops.reporting import as_bytes, render, report
from recovery_ops.reporting.phrases import duration
from recovery_ops.reporting.timeline import picture
from recovery_ops.testing.runs import at, iso


def test_the_page_is_made_from_report_json_alone() -> None:
    assert render(json.loads(as_bytes(REPORT))) == render(REPORT)


HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>\'"&{{ 7*7 }}'


@pytest.mark.parametrize(
    ("event_type", "facts"),
    [
        (EventType.RUN_DECLARED, {"reason": HOSTILE, "person": HOSTILE, "warnings": [HOSTILE], "execution": HOSTILE}),
        (
            EventType.CHECK_RECORDED,
            {"name": HOSTILE, "observed": {HOSTILE: HOSTILE}, "detail": HOSTILE, "unit": HOSTILE},
        ),
        (EventType.STEP_SUCCEEDED, {"step": HOSTILE, "phase": HOSTILE, "component": HOSTILE}),
        (EventType.CAPACITY_DECIDED, {"refused": [{"instance": HOSTILE, "reason": HOSTILE}], "obtained": HOSTILE}),
        (EventType.DEBT_NOTED, {"debt": HOSTILE, "what": HOSTILE, "why": HOSTILE, "region": HOSTILE}),
        (EventType.APPROVAL_ANSWERED, {"decision": HOSTILE, "person": HOSTILE, "comment": HOSTILE}),
        (EventType.CLIENT_OBSERVED, {"answered_by": {HOSTILE: 1}}),
        (EventType.RECOVERY_POINT_USED, {"source": HOSTILE, "point_id": HOSTILE, "detail": HOSTILE}),
    ],
)
def test_nothing_that_somebody_wrote_becomes_markup(event_type: EventType, facts: dict[str, object]) -> None:
    page = render(report(changed(EVENTS, event_type, where={}, **facts)))
    assert "<script" not in page
    assert "<img" not in page
    assert "alert(&#34;x&#34;)" in page
    assert "{{ 7*7 }}" in page


class Markup(HTMLParser):
    """Notes what a browser would run or fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = [name for name, _ in attrs if name.startswith("on") or name in ("src", "href", "srcdoc")]
        links = [value for name, value in attrs if name == "href" and not str(value).startswith("#")]
        self.found += [tag] if tag in ("script", "img", "iframe", "object", "link") else []
        self.found += links + [name for name in named if name != "href"]


def canaries(value: Any) -> Any:
    """The same structure with markup behind every text, as key and as value, but where a time or a hash stands."""
    if isinstance(value, dict):
        return {key: canaries(item) for key, item in value.items()}
    if isinstance(value, list):
        return [canaries(item) for item in value]
    keep = not isinstance(value, str) or re.fullmatch(r"\d{4}-\d\d-\d\dT.*|[0-9a-f]{64}", value)
    return value if keep else f"{value}{HOSTILE}"


def test_markup_in_every_text_of_every_event_stays_text() -> None:
    """Whoever writes it: a catalog, an error of AWS, a person or a probe."""
    hostile = [replace(event, payload=canaries(event.payload), writer=f"{event.writer}{HOSTILE}") for event in EVENTS]
    for made in (report(hostile), canaries(REPORT)):
        page = render(made)
        assert Markup(page).found == []
        assert "{{ 7*7 }}" in page


def test_the_page_asks_nobody_for_anything() -> None:
    page = render(REPORT)
    for word in ("http:", "https:", "@import", "src=", "<link", "<script", "//"):
        assert word not in page, word


def test_what_stands_in_the_page_is_what_stands_in_the_report() -> None:
    page = render(REPORT)
    for text in (
        REPORT["identity"]["event_log_sha256"],
        REPORT["identity"]["plan_hash"],
        "9\u00a0min\u00a049\u00a0s",
        WEST,
    ):
        assert text in page
    for step in REPORT["steps"]:
        assert step["step"] in page
    assert at(0).strftime("%H:%M:%S.000") in page


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "not measured"), (0, "0.00 s"), (0.344, "0.34 s"), (12, "12 s"), (59.96, "1 min"), (61, "1 min 01 s"),
        (3599.6, "1 h"), (3900, "1 h 05 min"), (86400, "1 d"), (97200, "1 d 3 h"), (-2.5, "\N{MINUS SIGN}2.5 s"),
    ],
)  # fmt: skip
def test_durations_read_as_people_say_them(seconds: float | None, text: str) -> None:
    assert duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize("seconds", [7, 140, 900, 9000, 200_000])
def test_no_two_marks_of_the_timeline_say_the_same(seconds: int) -> None:
    clocks = {"T0": iso(0), "T9": iso(seconds)}
    drawn = picture({"clocks": clocks, "steps": [], "client": {"outage_s": None, "outage_started_at": None}})
    assert drawn is not None
    labels = [label for _, label in drawn.ticks]
    assert len(labels) > 2
    assert len(set(labels)) == len(labels)
