"""Component kinds: one module or package each, found by being there.

A kind knows how one type of component is protected, brought back and proven. Long work in AWS is three calls: ``start``
(idempotent, returns a ref), ``poll`` (reads only) and ``cancel``. Kinds do not know each other; what one step learned
reaches the next through :attr:`StepContext.outputs`.

Third parties add kinds through the entry-point group ``recovery_ops.kinds``: each entry point names a module whose
import registers the kind with :func:`kind`.
"""

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from recovery_ops.kinds.base.context import Stage, StepContext
from recovery_ops.kinds.base.kind import Kind, KindSettings
from recovery_ops.kinds.base.objects import (
    OBJECT_ACTIONS,
    fence_objects,
    replicated,
    replication_findings,
    unfence_objects,
)
from recovery_ops.kinds.base.parting import Parted, Reconciliation
from recovery_ops.model.system import Component

__all__ = [
    "ENTRY_POINTS",
    "OBJECT_ACTIONS",
    "Kind",
    "KindSettings",
    "Parted",
    "Reconciliation",
    "Stage",
    "StepContext",
    "all_kinds",
    "driver",
    "fence_objects",
    "kind",
    "replicated",
    "replication_findings",
    "unfence_objects",
]

ENTRY_POINTS = "recovery_ops.kinds"
K = TypeVar("K", bound=type[Kind])
_registry: dict[str, type[Kind]] = {}


def kind(name: str) -> Callable[[K], K]:
    """Register the decorated class under ``name``; a second one with that name is an error at import."""

    def register(cls: K) -> K:
        known = _registry.get(name)
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise RuntimeError(f"kind {name!r} is defined twice: {known} and {cls}")
        cls.name = name
        _registry[name] = cls
        return cls

    return register


def all_kinds() -> Mapping[str, type[Kind]]:
    """Return every registered kind by name; ours first, then those of installed distributions."""
    _import_all()
    return MappingProxyType(dict(sorted(_registry.items())))


@functools.cache
def _import_all() -> None:
    """Once per process: looking through every installed distribution costs some 15 ms, and each step asks for kinds."""
    for module in sorted(info.name for info in pkgutil.iter_modules(__path__)):
        importlib.import_module(f"{__name__}.{module}")
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        entry.load()


def driver(component: Component) -> Kind:
    """Return the kind object that acts for ``component``; raises ``KeyError`` for a kind nobody registered."""
    return all_kinds()[component.kind](component)
