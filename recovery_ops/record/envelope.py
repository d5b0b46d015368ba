"""Events as bytes: canonical JSON, the hash that seals it, and what may not stand in it.

Canonical JSON has sorted keys, no spaces, UTF-8 without escapes, and floats as Python's ``repr``. One event has one
text, so a changed byte is either another hash or not canonical.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from recovery_ops.errors import RecordError, RecordTamperedError
from recovery_ops.model.events import Event, EventType

NO_HASH = "0" * 64
EVENT_BYTES = 64 * 1024
DECLARATION_BYTES = 1024 * 1024
"""``RUN_DECLARED`` carries the frozen plan of the whole system; every other event is small."""

REDACTED = "[redacted]"
_SECRET_TEXT = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|(?<=X-Amz-Signature=)[^&\s\"']+|(?<=X-Amz-Security-Token=)[^&\s\"']+|(?<=X-Amz-Credential=)[^&\s\"']+"
    r"|(?<=://)[^/\s:@\"']+:[^/\s@\"']+(?=@)"
    r"|(?<=Bearer )[\w.~+/-]{16,}=*|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)
_SECRET_KEY = re.compile(
    r"(?i)(?:^|[_.-])(?:password|passwd|authorization|secret_?access_?key|secret_?key|private_?key|"
    r"session_?token|api_?key)$"
)


OWN_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Variables whose values are secrets without a form of their own."""
SHORTEST_SECRET = 16


def redacted(text: str) -> str:
    """Return ``text`` with credentials, signatures of URLs, tokens and this process's own secrets replaced."""
    text = _SECRET_TEXT.sub(REDACTED, text)
    for secret in (os.environ.get(name, "") for name in OWN_SECRETS):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    return text


def canonical(value: object) -> bytes:
    """Return the one text of a plain JSON value; raises ``RecordError`` for NaN, infinity and lone surrogates."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise RecordError(f"a value cannot be written as canonical JSON: {error}") from error


def plain(value: object, path: str = "payload") -> object:
    """Return ``value`` as dicts, lists and JSON scalars, with secrets replaced by ``[redacted]``.

    Raises:
        RecordError: Something in it is no JSON value; the message has its path.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return redacted(str(value))
    if isinstance(value, int | float):
        return _number(value, path)
    if isinstance(value, Mapping):
        return {_key(key, path): _member(key, item, path) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise RecordError(f"{path} is a {type(value).__name__}, which JSON cannot hold")


def seal(event: Event) -> Event:
    """Return ``event`` with its hash: SHA-256 of the canonical JSON of all other fields."""
    return replace(event, hash=hash_of(event))


def hash_of(event: Event) -> str:
    """Return the hash that ``event`` must have, 64 hex digits."""
    facts = event.to_json()
    del facts["hash"]
    return hashlib.sha256(canonical(facts)).hexdigest()


def body_of(event: Event) -> bytes:
    """Return the bytes of a sealed event; raises ``RecordError`` when they are more than an event may have."""
    body = canonical(event.to_json())
    limit = DECLARATION_BYTES if event.type is EventType.RUN_DECLARED else EVENT_BYTES
    if len(body) > limit:
        raise RecordError(
            f"event {event.type} of {event.writer} in run {event.run_id} has {len(body)} bytes; {limit} are allowed"
        )
    return body


def read(body: bytes, key: str) -> Event:
    """Return the event in ``body``, found under ``key``; its hash is not checked here.

    Raises:
        RecordTamperedError: The bytes are no event at all.
    """
    try:
        event = Event.from_json(json.loads(body))
        _require_types(event)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"no event can be read: {type(error).__name__}: {error}"
        raise RecordTamperedError(f"{key}: {reason}", broken=[{"key": key, "reason": reason}]) from error
    return event


def in_utc(at: datetime) -> datetime:
    """Return ``at`` in UTC; raises ``RecordError`` when it has no time zone."""
    if at.tzinfo is None:
        raise RecordError(f"{at.isoformat()} has no time zone; the record holds aware times only")
    return at.astimezone(UTC)


def _require_types(event: Event) -> None:
    texts = (event.run_id, event.writer, event.prev_hash, event.hash)
    if not all(isinstance(text, str) for text in texts) or type(event.seq) is not int:
        raise TypeError("a field of its envelope has another type")
    if not isinstance(event.payload, Mapping):
        raise TypeError("its payload is no object")
    if event.at.tzinfo is None:
        raise ValueError("its time has no time zone")


def _number(value: float, path: str) -> int | float:
    if isinstance(value, int):
        return int(value)
    if not math.isfinite(value):
        raise RecordError(f"{path} is {value}, which JSON cannot hold")
    return float(value)


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise RecordError(f"{path} has the key {key!r}, a {type(key).__name__}; keys are text")
    return str(key)


def _member(key: object, item: object, path: str) -> object:
    if isinstance(item, str) and _SECRET_KEY.search(str(key)):
        return REDACTED
    return plain(item, f"{path}.{key}")
