"""Where things of the record lie: the only place that knows the layout of keys.

::

    systems/<system>/runs/<run id>/events/<writer>/<seq, six digits>.json
    systems/<system>/runs/<run id>/seal.json
    systems/<system>/claims/<slot>.json
    systems/<system>/readiness/<yyyymmddThhmmss.ffffffZ>.json
    systems/<system>/findings/<finding id>/<yyyymmddThhmmss.ffffffZ>-<8 hex of its content>.json
    systems/<system>/detection/watch.json
    systems/<system>/detection/override.json
    systems/<system>/drills/stop.json
    drills/stop.json
    systems/<system>/playbook/playbook.html
    systems/<system>/playbook/published.json

A writer's name is escaped as in URLs, except for ``# : @ +``, so that ``scoring.provision#1`` and ``person:alice``
read as they are and a name with a slash stays one folder.
"""

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, unquote

from recovery_ops.errors import RecordError

UNESCAPED = "#:@+"
WRITER_BYTES = 400
LAST_SEQ = 999_999
_SWEEP_TIME = "%Y%m%dT%H%M%S.%fZ"
_EVENT = re.compile(r"(?P<writer>[^/]+)/(?P<seq>\d{6})\.json")
_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Place(NamedTuple):
    """The position of an event in a run: a writer's name and its sequence number from 1."""

    writer: str
    seq: int


def system_prefix(system: str) -> str:
    """Return the prefix of everything about ``system``; raises ``RecordError`` when the name cannot be in a key."""
    return f"systems/{_segment(system)}/"


def runs_prefix(system: str) -> str:
    """Return the prefix of every run of ``system``."""
    return f"{system_prefix(system)}runs/"


def events_prefix(system: str, run_id: str) -> str:
    """Return the prefix of every event of one run."""
    return f"{runs_prefix(system)}{_segment(run_id)}/events/"


def seal_key(system: str, run_id: str) -> str:
    """Return the key of the seal of one run."""
    return f"{runs_prefix(system)}{_segment(run_id)}/seal.json"


def claim_key(system: str, slot: str) -> str:
    """Return the key of the claim of ``system`` in ``slot``."""
    return f"{system_prefix(system)}claims/{_segment(slot)}.json"


def drill_stop_key(system: str = "") -> str:
    """Return the key of the object that stops the drills of ``system``, or of every system when it is empty."""
    return f"{system_prefix(system) if system else ''}drills/stop.json"


def playbook_key(system: str) -> str:
    """Return the key of the note that says which playbook is published: JSON with ``catalog_hash`` at least."""
    return playbook_page_key(system, "published.json")


def playbook_page_key(system: str, name: str = "playbook.html") -> str:
    """Return the key of the published playbook of ``system``, or of another file beside it."""
    return f"{system_prefix(system)}playbook/{_segment(name)}"


def sweeps_prefix(system: str) -> str:
    """Return the prefix of every readiness sweep of ``system``."""
    return f"{system_prefix(system)}readiness/"


def sweep_key(system: str, at: datetime) -> str:
    """Return the key of the sweep made ``at`` (aware); keys sort by time."""
    return f"{sweeps_prefix(system)}{at.astimezone(UTC):{_SWEEP_TIME}}.json"


def sweep_time(key: str) -> datetime | None:
    """Return when the sweep under ``key`` was made (UTC), or ``None`` when no sweep has that key."""
    try:
        return datetime.strptime(key.rpartition("/")[2], f"{_SWEEP_TIME}.json").replace(tzinfo=UTC)
    except ValueError:
        return None


def findings_prefix(system: str) -> str:
    """Return the prefix of every entry about a finding of ``system``."""
    return f"{system_prefix(system)}findings/"


def finding_key(system: str, finding_id: str, at: datetime, body: bytes) -> str:
    """Return the key of one entry about a finding; keys sort by time, and the same entry has the same key."""
    content = hashlib.sha256(body).hexdigest()[:8]
    return f"{findings_prefix(system)}{_segment(finding_id)}/{at.astimezone(UTC):{_SWEEP_TIME}}-{content}.json"


def watch_key(system: str) -> str:
    """Return the key of what detection remembers of ``system``."""
    return f"{system_prefix(system)}detection/watch.json"


def override_key(system: str) -> str:
    """Return the key of the last word of a person on automatic failover of ``system``."""
    return f"{system_prefix(system)}detection/override.json"


def escaped(writer: str) -> str:
    """Return ``writer`` as it stands in keys; a prefix of a name gives a prefix of its escaped form."""
    return quote(writer, safe=UNESCAPED)


def writer_folder(writer: str) -> str:
    """Return the folder of a writer; raises ``RecordError`` for a name that no key can hold."""
    folder = escaped(_encodable(writer))
    if not writer.strip(". ") or len(folder) > WRITER_BYTES:
        raise RecordError(f"{writer!r} cannot be the name of a writer: it is empty, dots only, or too long for a key")
    return folder


def event_name(place: Place) -> str:
    """Return the key of an event below the prefix of its run."""
    if not 1 <= place.seq <= LAST_SEQ:
        raise RecordError(f"writer {place.writer!r} cannot have event {place.seq}: a chain holds 1 to {LAST_SEQ}")
    return f"{writer_folder(place.writer)}/{place.seq:06d}.json"


def place_of(name: str) -> Place | None:
    """Return the position that a key below the prefix of a run stands for, or ``None`` when no event has that key."""
    match = _EVENT.fullmatch(name)
    if match is None or escaped(unquote(match["writer"])) != match["writer"] or int(match["seq"]) == 0:
        return None
    return Place(unquote(match["writer"]), int(match["seq"]))


def _segment(name: str) -> str:
    if not _SEGMENT.fullmatch(name):
        raise RecordError(f"{name!r} cannot be part of a key of the record: letters, digits, '.', '_' and '-' only")
    return name


def _encodable(name: str) -> str:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise RecordError(f"{name!r} cannot be the name of a writer: it is not Unicode text") from error
    return name
