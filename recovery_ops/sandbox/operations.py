"""Which operation of a REST service a request is, from botocore's own description of the service."""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

_ALWAYS_KNOWN = frozenset({"x-id", "AWSAccessKeyId", "Signature", "Expires"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: what a request must have to be it, and the query parameters it may have besides."""

    name: str
    path: re.Pattern[str]
    literals: frozenset[tuple[str, str]]
    query: frozenset[str]
    headers: frozenset[str]
    known: frozenset[str]

    def fits(self, path: str, query: Mapping[str, str], headers: frozenset[str]) -> bool:
        """Return whether a request with these parts can be this operation."""
        return (
            self.query <= query.keys()
            and self.headers <= headers
            and all(query.get(name) == value for name, value in self.literals)
            and self.path.fullmatch(path) is not None
        )

    @property
    def precision(self) -> tuple[int, int]:
        """How much it asks for: of two that fit, the more precise one is meant."""
        return len(self.literals) + len(self.query) + len(self.headers), len(self.path.pattern)

    def unknown(self, query: Mapping[str, str]) -> list[str]:
        """Return the query parameters that this operation does not have: sub-resources moto would ignore."""
        known = self.known | self.query | _ALWAYS_KNOWN | {name for name, _ in self.literals}
        return sorted(name for name in query if name not in known and not name.lower().startswith("x-amz-"))


def find(service: str, method: str, path: str, query: Mapping[str, str], headers: frozenset[str]) -> Operation | None:
    """Return the operation of ``service`` that a request is; ``None`` when botocore describes none like it.

    ``headers`` are lower-case names. ``path`` is decoded and path-style.
    """
    path = path.rstrip("/") or "/"
    fitting = [o for o in _operations(service).get(method, ()) if o.fits(path, query, headers)]
    return max(fitting, key=lambda o: o.precision, default=None)


@functools.cache
def _operations(service: str) -> Mapping[str, tuple[Operation, ...]]:
    try:
        model = Loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return {}
    by_method: dict[str, list[Operation]] = {}
    for name, described in model["operations"].items():
        if not described.get("deprecated"):
            members = list(_members(model["shapes"], described))
            by_method.setdefault(described["http"]["method"], []).append(_operation(name, described["http"], members))
    return {method: tuple(found) for method, found in by_method.items()}


def _members(shapes: dict[str, Any], described: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    """Yield (location, name on the wire, required) of every input that has a location."""
    shape = shapes.get(described.get("input", {}).get("shape"), {})
    for name, member in shape.get("members", {}).items():
        if "location" in member:
            yield member["location"], member.get("locationName", name), name in shape.get("required", ())


def _operation(name: str, http: dict[str, Any], members: list[tuple[str, str, bool]]) -> Operation:
    path, _, literals = http["requestUri"].partition("?")
    pairs = (part.partition("=") for part in literals.split("&") if part)
    return Operation(
        name=name,
        path=re.compile(_pattern(path.rstrip("/") or "/")),
        literals=frozenset((key, value) for key, _, value in pairs),
        query=frozenset(wire for where, wire, required in members if where == "querystring" and required),
        headers=frozenset(wire.lower() for where, wire, required in members if where == "header" and required),
        known=frozenset(wire for where, wire, _ in members if where == "querystring"),
    )


def _pattern(path: str) -> str:
    parts = re.split(r"(\{[^}]+\})", path)
    return "".join(_placeholder(part) if part.startswith("{") else re.escape(part) for part in parts)


def _placeholder(part: str) -> str:
    return ".+" if part.endswith("+}") else "[^/]+"
