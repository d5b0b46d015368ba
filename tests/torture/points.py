"""Where a process dies: before and after every call that changes something in AWS, the record included."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from recovery_ops.aws.calls import is_read

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """The ``number``-th time (from 1) that ``call`` is about to be sent, or was answered."""

    call: str
    number: int
    moment: str

    def __str__(self) -> str:
        return f"{self.moment} {self.call} {self.number}"


@dataclass(slots=True)
class Visits:
    """Every point that a process came by, in order; at ``deadly`` it kills itself, as ``kill -9`` would."""

    deadly: Point | None = None
    seen: list[Point] = field(default_factory=list)

    def visit(self, point: Point) -> None:
        """Note a point, and die there if it is the deadly one."""
        self.seen.append(point)
        if point == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def watched(visits: Visits) -> Iterator[None]:
    """Lead every AWS call of this process past ``visits``, whichever client makes it."""
    from botocore.client import BaseClient

    original = BaseClient._make_request
    counts: dict[str, int] = {}

    def make_request(client: Any, model: Any, request: dict[str, Any], context: Any) -> Any:
        if is_read(model.name):
            return original(client, model, request, context)
        call = _name(model.name, request)
        number = counts[call] = counts.get(call, 0) + 1
        visits.visit(Point(call, number, BEFORE))
        answer = original(client, model, request, context)
        visits.visit(Point(call, number, AFTER))
        return answer

    BaseClient._make_request = make_request
    try:
        yield
    finally:
        BaseClient._make_request = original


def worth_dying_at(seen: list[Point], *, every: bool) -> list[Point]:
    """Return the points to try: before and after the first and the last of every call.

    Forty checks are recorded by the same code; dying at the first and at the last of them says all. With ``every``
    false only after the first of every kind: a death before a call leaves what one after the call before it leaves.
    """
    last = {point.call: max(other.number for other in seen if other.call == point.call) for point in seen}
    kept = [point for point in seen if point.number in (1, last[point.call])]
    return kept if every else [point for point in kept if point.number == 1 and point.moment == AFTER]


def _name(operation: str, request: dict[str, Any]) -> str:
    path = unquote(str(request.get("url_path", "")))
    if "/events/" in path:
        return f"event {_event_type(request.get('body'))}"
    return "claim" if "/claims/" in path else operation


def _event_type(body: Any) -> str:
    try:
        raw = body.read() if hasattr(body, "read") else body
        if hasattr(body, "seek"):
            body.seek(0)
        return str(json.loads(raw)["type"])
    except (KeyError, TypeError, ValueError):
        return "unknown"
