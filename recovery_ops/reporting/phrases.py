"""Values of a report as people read them."""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

ABSENT = "not measured"
MINUS, DASH = "\u2212", "\u2013"
TICKED = re.compile(r"`([^`\n]+)`")


def duration(seconds: float | None) -> str:
    """Return seconds as people say them: ``0.34 s``, ``12.4 s``, ``4 min 12 s``, ``1 h 05 min``, ``3 d 2 h``."""
    if seconds is None:
        return ABSENT
    sign, length = (MINUS if seconds < 0 else ""), abs(seconds)
    if length < 1:
        return f"{sign}{length:.2f}\u00a0s"
    if length < 59.95:
        return f"{sign}{length:.1f}\u00a0s".replace(".0\u00a0s", "\u00a0s")
    whole = round(length)
    if whole < 3600:
        return f"{sign}{whole // 60}\u00a0min" + (f"\u00a0{whole % 60:02d}\u00a0s" if whole % 60 else "")
    if whole < 86400:
        return f"{sign}{whole // 3600}\u00a0h" + (f"\u00a0{whole % 3600 // 60:02d}\u00a0min" if whole % 3600 else "")
    return f"{sign}{whole // 86400}\u00a0d" + (f"\u00a0{whole % 86400 // 3600}\u00a0h" if whole % 86400 // 3600 else "")


def change(seconds: float | None) -> str:
    """Return a difference with its sign."""
    if seconds is None:
        return DASH
    return "none" if seconds == 0 else duration(seconds) if seconds < 0 else f"+{duration(seconds)}"


def clock(at: str | None) -> str:
    """Return the time of day with milliseconds."""
    return ABSENT if at is None else f"{datetime.fromisoformat(at):%H:%M:%S.%f}"[:-3]


def day(at: str | None) -> str:
    """Return date and minute."""
    return ABSENT if at is None else f"{datetime.fromisoformat(at):%d %B %Y, %H:%M:%S} UTC".lstrip("0")


def offset(at: str | None, since: str | None) -> str:
    """Return how long after ``since`` something was."""
    if at is None or since is None:
        return ""
    found = duration((datetime.fromisoformat(at) - datetime.fromisoformat(since)).total_seconds())
    return found if found.startswith(MINUS) else f"+{found}"


def value(given: object) -> str:
    """Return a value of a check as text: numbers to six digits, structures as JSON."""
    if given is None:
        return DASH
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        return f"{given:.6g}"
    if isinstance(given, str):
        return given
    return json.dumps(given, ensure_ascii=False, sort_keys=True)


def short(digest: str | None, length: int = 12) -> str:
    """Return the beginning of a hash."""
    return DASH if not digest else digest[:length]


def coded(text: object) -> "Markup":
    """Return a text as HTML, escaped, with code where it has backticks; terminals show it as it was written."""
    from markupsafe import Markup, escape

    return Markup(TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before
