"""Values with units and shapes, as they are written in catalogs.

Kinds use the annotated types in their settings models. A bare number is refused where a person writes (the YAML) and
accepted where settings come back from a plan as plain JSON: the loader validates with ``context={"written": True}``.
"""

import math
import re
from datetime import date
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from recovery_ops.catalog.regions import REGION, region_problem

WRITTEN = {"written": True}
"""Validation context of text that a person wrote."""

UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
LONGEST_S = 100 * 365 * UNITS_S["d"]
DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|[smhdw]))+")
PART = re.compile(r"([\d.]+)(ms|[smhdw])")
RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)/([smh])")
BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
LONGEST_REGION = "ap-southeast-1"
S3_URL = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S+")
NAME = r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$"
HOST = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$"


def in_words(seconds: float) -> str:
    """Return ``seconds`` as it would be written in a catalog: ``90`` is ``1m30s``, ``0.12`` is ``120ms``."""
    if 0 < seconds < 1:
        return f"{seconds * 1000:g}ms"
    parts, rest = [], float(seconds)
    for unit in ("d", "h", "m"):
        count, rest = divmod(rest, UNITS_S[unit])
        parts.append(f"{count:g}{unit}" if count else "")
    return "".join(parts) + (f"{rest:g}s" if rest or not any(parts) else "")


def duration_s(value: Any, info: ValidationInfo) -> float:
    """Return the seconds that ``value`` stands for, more than 0 and at most 100 years."""
    seconds = _number(value, info, "duration", "30s") if not isinstance(value, str) else _text_s(value)
    if not 0 < seconds <= LONGEST_S:
        _refuse(f"{value!r} is not from 1ms to 100 years")
    return seconds


def rate_per_s(value: Any, info: ValidationInfo) -> float:
    """Return how many per second ``value`` (``40/s``, ``90/m``) stands for, more than 0."""
    if not isinstance(value, str):
        return _number(value, info, "rate", "40/s")
    found = RATE.fullmatch(value.strip())
    if found is None or float(found[1]) == 0:
        _refuse(f"{value!r} is no rate; write 40/s, 90/m or 500/h")
    return float(found[1]) / UNITS_S[found[2]]


def _refuse(problem: str) -> NoReturn:
    raise PydanticCustomError("catalog", "{problem}", {"problem": problem})


def _text_s(text: str) -> float:
    if DURATION.fullmatch(text.strip()) is None:
        _refuse(f"{text!r} is no duration; write a number with a unit: 500ms, 30s, 10m, 2h or 1d")
    return math.fsum(float(number) * UNITS_S[unit] for number, unit in PART.findall(text))


def _number(value: Any, info: ValidationInfo, what: str, example: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(f"{value!r} is no {what}; write {example}")
    if info.context == WRITTEN:
        _refuse(f"{value!r} has no unit; write {example}")
    if not (math.isfinite(value) and value > 0):
        _refuse(f"{value!r} is no {what}")
    return float(value)


def day(text: str) -> str:
    """Return ``text`` when it is a day, written ``2026-12-24``."""
    try:
        written = date.fromisoformat(text)
    except ValueError:
        _refuse(f"{text!r} is no day; write it like 2026-12-24")
    if written.year > 2999:
        _refuse(f"{text!r} is too far away to be a day of a calendar")
    if written.isoformat() != text:
        _refuse(f"{text!r} is no day as it is written here; write {written.isoformat()}")
    return text


def _region(text: str) -> str:
    if problem := region_problem(text):
        _refuse(problem)
    return text


def _bucket(text: str) -> str:
    if "{region}" not in text:
        _refuse(f"{text!r} has no {{region}} in it; every region has its own bucket")
    if BUCKET.fullmatch(text.replace("{region}", LONGEST_REGION)) is None:
        _refuse(f"{text!r} is no legal S3 bucket name")
    return text


def _s3_url(text: str) -> str:
    if S3_URL.fullmatch(text) is None:
        _refuse(f"{text!r} is no object; write s3://bucket/key")
    return text


Duration = Annotated[
    float, BeforeValidator(duration_s), WithJsonSchema({"type": "string", "pattern": f"^{DURATION.pattern}$"})
]
"""Seconds, written with a unit: ``120ms``, ``30s``, ``1h30m``, ``90d``."""

Rate = Annotated[float, BeforeValidator(rate_per_s), WithJsonSchema({"type": "string", "pattern": f"^{RATE.pattern}$"})]
"""Events per second, written with a unit: ``40/s``, ``90/m``."""

Region = Annotated[str, AfterValidator(_region), WithJsonSchema({"type": "string", "pattern": f"^{REGION.pattern}$"})]
"""An AWS region code."""

BucketTemplate = Annotated[str, AfterValidator(_bucket)]
"""A bucket name with ``{region}`` in it, so that one line names the bucket of every region."""

ObjectUrl = Annotated[str, AfterValidator(_s3_url)]
"""``s3://bucket/key``."""

Name = Annotated[str, Field(pattern=NAME)]
"""2 to 40 lower-case letters, digits and hyphens, starting with a letter; legal in every AWS and Airflow name."""

HostName = Annotated[str, Field(pattern=HOST, max_length=253)]
"""A fully qualified DNS name without the final dot."""

Ratio = Annotated[float, Field(ge=0, le=1)]
"""From 0 to 1."""
