"""The client of the sandbox's control API."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recovery_ops.errors import RequestError

Json = dict[str, Any]

_TIMEOUT_S = 60.0


class Control:
    """Talk to the sandbox at ``base_url``. Every method raises RequestError when it does not answer or refuses."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    def status(self) -> Json:
        """Return regions, factor, faults, uptime, front doors, capacity and the replication backlog."""
        return self._call("GET", "/_sandbox/status")

    def fault(
        self,
        region: str,
        mode: str,
        *,
        services: Sequence[str] = (),
        operations: Sequence[str] = (),
        probability: float = 1.0,
        seconds: float | None = None,
        callers: str = "",
    ) -> Json:
        """Put a fault in force; it replaces the one for the same ``region``, ``services`` and ``callers``.

        Args:
            region: The region that fails.
            mode: ``reset``, ``503``, ``hang``, ``throttle`` or ``latency``.
            services: boto3's names of services; none means the whole region.
            operations: Names of operations (``PutObject``); none means every one.
            probability: Share of the requests that are hit, 0 to 1.
            seconds: Real seconds that ``hang`` holds a connection or ``latency`` adds.
            callers: Regular expression; only user agents it is found in are hit.
        """
        where = {"region": region, "services": list(services), "operations": list(operations), "callers": callers}
        given = where | {"mode": mode, "probability": probability, "seconds": seconds}
        return self._call("POST", "/_sandbox/fault", given)

    def heal(self, region: str | None = None, callers: str | None = None) -> Json:
        """Remove the faults of ``region``, or of all; with ``callers`` only those for exactly these."""
        return self._call("POST", "/_sandbox/heal", {"region": region, "callers": callers})

    def control_plane(self, service: str, *, down: bool | None) -> Json:
        """Refuse (``True``) or allow (``False``) changes to ``route53`` or ``iam``; ``None`` follows us-east-1."""
        return self._call("POST", "/_sandbox/control-plane", {"service": service, "down": down})

    def capacity(
        self, region: str, instance_type: str, *, available: int | None = None, quota: int | None = None
    ) -> Json:
        """Limit the instances of one type in one region; ``None`` is unlimited."""
        given = {"region": region, "instance_type": instance_type, "available": available, "quota": quota}
        return self._call("POST", "/_sandbox/capacity", given)

    def replication(self, source: str, target: str, *, paused: bool) -> Json:
        """Pause or resume S3 and DynamoDB replication from ``source`` to ``target``."""
        return self._call("POST", "/_sandbox/replication", {"source": source, "target": target, "paused": paused})

    def damage(self, what: str, **details: Any) -> Json:
        """Do what AWS would not allow, for tests: ``s3-object``, ``s3-version``, ``dynamodb-item`` and others."""
        return self._call("POST", "/_sandbox/damage", {"what": what, **details})

    def dns_query(self, name: str, record_type: str = "HTTPS") -> Json:
        """Return the DNS answer for ``name`` in the JSON form of DNS over HTTPS; its TTLs are scaled."""
        query = urllib.parse.urlencode({"name": name, "type": record_type})
        return self._call("GET", f"/dns-query?{query}")

    def inventory(self) -> dict[str, dict[str, list[Json]]]:
        """Return every resource by region and service."""
        return self._call("GET", "/_sandbox/inventory")

    def snapshot(self, path: Path) -> Json:
        """Write the whole state to ``path``, as the sandbox sees it."""
        return self._call("POST", "/_sandbox/snapshot", {"path": str(path.absolute())})

    def restore(self, path: Path) -> Json:
        """Replace the whole state by that of ``path``."""
        return self._call("POST", "/_sandbox/restore", {"path": str(path.absolute())})

    def shutdown(self) -> Json:
        """Ask the sandbox to stop; it answers first."""
        return self._call("POST", "/_sandbox/shutdown")

    def _call(self, method: str, path: str, request: Json | None = None) -> Json:
        body = None if request is None else json.dumps(request).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/dns-json, application/json"}
        wanted = urllib.request.Request(self.base_url + path, data=body, method=method, headers=headers)  # noqa: S310 - http on loopback
        try:
            with _DIRECT.open(wanted, timeout=_TIMEOUT_S) as answer:
                return json.load(answer)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as refused:
            with refused:
                why = refused.read().decode("utf-8", "replace")
            raise RequestError(f"the sandbox at {self.base_url} refused {method} {path}: {why}") from None
        except OSError as silent:
            raise RequestError(f"no sandbox answers at {self.base_url}: {silent}") from silent


_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback never goes through a proxy
