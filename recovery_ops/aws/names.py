"""What DNS answers for a name: the names it leads through, and where to connect."""

import contextlib
import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recovery_ops.aws.limits import PROBE_TIMEOUT_S

CNAME, HTTPS = 5, 65


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a DNS name answers now: the host at the end of the chain, where to connect, and for how long it holds.

    ``names`` are all names of the chain, without final dots and in small letters; ``addresses`` are known where the
    operating system resolves, and then ``urls`` are theirs.
    """

    host: str
    urls: tuple[str, ...]
    ttl_s: float
    names: frozenset[str]
    addresses: tuple[str, ...] = ()


def resolve(name: str, resolver: str | None) -> Answer | None:
    """Ask the resolver what ``name`` is now.

    Args:
        name: DNS name clients know.
        resolver: URL of a DNS-over-HTTPS JSON resolver; ``None`` leaves resolution to the operating system.

    Returns:
        ``None`` when the name has no answer or the resolver does not reply.
    """
    if resolver is None:
        return _ask_system(name)
    import httpx

    try:
        records = httpx.get(
            resolver, params={"name": name, "type": "HTTPS"}, timeout=PROBE_TIMEOUT_S, verify=trust()
        ).json()
    except httpx.HTTPError:
        return None
    return _answer(records.get("Answer", []))


def _ask_system(name: str) -> Answer | None:
    import socket

    try:
        host, aliases, addresses = socket.gethostbyname_ex(name)
    except OSError:
        return None
    names = frozenset(map(plain, (name, host, *aliases)))
    if _is_proxied(name):
        return Answer(host=host, urls=(f"https://{name}",), ttl_s=0.0, names=names)
    urls = tuple(f"https://{address}" for address in addresses)
    return Answer(host=host, urls=urls, ttl_s=0.0, names=names, addresses=tuple(addresses))


def _is_proxied(name: str) -> bool:
    """Return whether requests go through a proxy of the environment, which resolves the name once more by itself."""
    from urllib.request import getproxies, proxy_bypass

    return bool({"https", "all"} & getproxies().keys()) and not proxy_bypass(name)


def plain(host: str) -> str:
    """Return a host name as it can be compared: small letters, no final dot."""
    return host.rstrip(".").lower()


@functools.cache
def trust() -> ssl.SSLContext:
    """Return whom a probe believes: read once, for every probe is a connection of its own and reading takes 25 ms."""
    import httpx

    return httpx.create_ssl_context()


def _answer(records: list[Mapping[str, Any]]) -> Answer | None:
    services = [record for record in records if record["type"] == HTTPS]
    if not services:
        return None
    facts = dict(part.split("=", 1) for part in services[-1]["data"].split() if "=" in part)
    aliases = [str(record["data"]) for record in records if record["type"] == CNAME]
    return Answer(
        host=services[-1]["name"].rstrip("."),
        urls=(f"http://{facts['ipv4hint']}:{facts['port']}",),
        ttl_s=min(float(record["TTL"]) for record in records),
        names=frozenset(map(plain, [*aliases, *(str(record["name"]) for record in records)])),
    )


def leads_to(name: str, host: str, resolver: str | None) -> bool | None:
    """Return whether DNS leads from ``name`` to ``host`` now, or ``None`` when ``name`` has no answer."""
    answer = resolve(name, resolver)
    if answer is None:
        return None
    return plain(host) in answer.names or any(address in addresses_of(host) for address in answer.addresses)


_addresses: dict[str, set[str]] = {}


def addresses_of(host: str) -> set[str]:
    """Return the addresses of ``host`` by the operating system, with those of earlier looks: AWS gives some in turn."""
    import socket

    known = _addresses.setdefault(plain(host), set())
    with contextlib.suppress(OSError):
        known.update(socket.gethostbyname_ex(host)[2])
    return known
