"""Following a DNS name as a client does: ask, connect, keep the answer for its TTL."""

import re
import time
from dataclasses import dataclass

import httpx

REGION = re.compile(r"\.([a-z]{2}-[a-z]+-\d)\.")
HTTPS = 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to connect and which region's front door that is."""

    url: str
    region: str


class Name:
    """A DNS name with the cache of one client. ``at_least_s`` makes a sticky one, which ignores shorter TTLs."""

    def __init__(self, name: str, resolver: str, *, at_least_s: float = 0.0) -> None:
        self.name = name
        self._resolver = resolver
        self._at_least_s = at_least_s
        self._http = httpx.Client(timeout=2.0)
        self._target: Target | None = None
        self._until = 0.0

    def target(self) -> Target | None:
        """Return the cached answer, or a new one when its time is over; ``None`` when the name does not resolve."""
        if self._target is None or time.monotonic() >= self._until:
            self._ask()
        return self._target

    def _ask(self) -> None:
        try:
            answer = self._http.get(self._resolver, params={"name": self.name, "type": "HTTPS"}).json()
        except (httpx.HTTPError, ValueError):
            return
        records = answer.get("Answer", [])
        service = next((record for record in records if record["type"] == HTTPS), None)
        if service is None:
            return
        facts = dict(part.split("=", 1) for part in service["data"].split() if "=" in part)
        region = REGION.search(service["name"])
        self._target = Target(
            url=f"http://{facts['ipv4hint']}:{facts['port']}", region=region.group(1) if region else ""
        )
        self._until = time.monotonic() + max(min(float(r["TTL"]) for r in records), self._at_least_s)
