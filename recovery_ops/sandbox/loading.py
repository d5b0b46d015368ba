"""The overlays: found by being in their folder, and called by what they define."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import structlog

from recovery_ops.sandbox import overlays
from recovery_ops.sandbox.world import World

log = structlog.get_logger(__name__)


class Overlays:
    """The modules of ``recovery_ops.sandbox.overlays`` in order of their names; see there for what each may define."""

    def __init__(self, world: World) -> None:
        names = sorted(module.name for module in pkgutil.iter_modules(overlays.__path__))
        self.modules = [importlib.import_module(f"{overlays.__name__}.{name}") for name in names]
        self._world = world

    def install(self) -> None:
        """Patch moto."""
        for module in self._with("install"):
            module.install(self._world)

    def start(self) -> None:
        """Start what lives beside the server."""
        for module in self._with("start"):
            module.start(self._world)

    def stop(self) -> None:
        """End what lives beside the server; one that fails does not keep the others running."""
        for module in reversed(list(self._with("stop"))):
            try:
                module.stop(self._world)
            except Exception:  # the edge of an overlay: what it does wrong must not keep the others running
                log.exception("overlay did not stop cleanly", overlay=module.__name__)

    def routes(self) -> dict[str, Any]:
        """Return what answers exact paths outside AWS."""
        return {path: answer for module in self._with("routes") for path, answer in module.routes(self._world).items()}

    def data_planes(self) -> list[Any]:
        """Return what is asked before moto."""
        return [module.data_plane(self._world) for module in self._with("data_plane")]

    def damage(self, request: dict[str, Any]) -> dict[str, Any]:
        """Hand a test injection to the overlay that knows ``what``; ValueError when none does."""
        what = str(request.get("what", ""))
        for module in self._with("damage"):
            if any(what.startswith(prefix) for prefix in module.DAMAGES):
                return dict(module.damage(self._world, request))
        known = [prefix for module in self._with("damage") for prefix in module.DAMAGES]
        raise ValueError(f"no overlay damages {what!r}; known: {', '.join(known)}")

    def inventory(self) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Return every resource, by region and service."""
        merged: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for module in self._with("inventory"):
            for region, services in module.inventory(self._world).items():
                for service, resources in services.items():
                    merged.setdefault(region, {}).setdefault(service, []).extend(resources)
        return merged

    def status(self) -> dict[str, Any]:
        """Return what the overlays add to the status, their replication backlogs added up."""
        parts = [dict(module.status(self._world)) for module in self._with("status")]
        backlogs = [part.pop("replication") for part in parts if "replication" in part]
        merged = {key: value for part in parts for key, value in part.items()}
        return {**merged, "replication": _added_up(backlogs)}

    def dump(self) -> dict[str, Any]:
        """Return the state of the overlays by module name."""
        return {module.__name__: module.dump(self._world) for module in self._with("dump")}

    def load(self, states: Mapping[str, Any]) -> None:
        """Give each overlay its state of a snapshot; those the snapshot does not know keep theirs."""
        for module in self._with("load"):
            if module.__name__ in states:
                module.load(self._world, states[module.__name__])

    def _with(self, name: str) -> Iterator[ModuleType]:
        return (module for module in self.modules if hasattr(module, name))


def _added_up(backlogs: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "pending": sum(int(backlog["pending"]) for backlog in backlogs),
        "oldest_age_s": max((float(backlog["oldest_age_s"]) for backlog in backlogs), default=0.0),
    }
