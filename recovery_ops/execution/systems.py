"""Where catalogs, kinds and planning meet: from the name of a system to its plan."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from recovery_ops.catalog import KindSpec, load_catalog, system_files
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.errors import RequestError
from recovery_ops.kinds import all_kinds
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.plan import Intent, Mode, Phase, PhaseCost, Plan
from recovery_ops.model.system import Component, System
from recovery_ops.planning import plan


def kind_specs() -> dict[str, KindSpec]:
    """Return what catalogs must know of every installed kind."""
    return {
        name: KindSpec(name=name, settings_model=kind.settings_model, stateful=kind.stateful)
        for name, kind in all_kinds().items()
    }


def load_system(name: str, folder: Path) -> System:
    """Return the system called ``name`` from the catalogs in ``folder``; other catalogs there may be broken.

    Raises:
        RequestError: No catalog there describes such a system; names those that exist.
        CatalogError: Its catalog has problems, or ``folder`` does not exist.
    """
    files = system_files(folder)
    if name not in files:
        known = f"known systems: {', '.join(sorted(files)) or 'none'}"
        raise RequestError(f"no system {name!r} in {folder}; {known}{did_you_mean(name, files)}")
    return load_catalog(files[name], kind_specs())


def plan_for(
    system: System,
    recovery_region: str,
    *,
    mode: Mode = Mode.FAILOVER,
    impaired_region: str | None = None,
    component: str | None = None,
    intent: Intent = Intent.REGION_LOSS,
    drill: DrillKind = DrillKind.REGIONAL,
) -> Plan:
    """Return the plan of a run of ``system`` to ``recovery_region``.

    Without ``impaired_region`` a failback leaves the one other region, and everything else leaves home.

    Raises:
        RequestError: The request can never become a plan; nothing was changed.
    """
    return plan(
        system,
        mode=mode,
        impaired_region=impaired_region or impaired(system, mode),
        recovery_region=recovery_region,
        costs_of=partial(_costs, intent),
        component=component,
        intent=intent,
        drill=drill,
    )


def _costs(intent: Intent, component: Component) -> Mapping[Phase, PhaseCost]:
    kind = all_kinds()[component.kind]
    return kind.costs_from_point(component) if intent is Intent.CORRUPTION else kind.costs(component)


def impaired(system: System, mode: Mode) -> str:
    """Return the region that a run of ``mode`` leaves when nobody says which.

    Raises:
        RequestError: A failback of a system with more than one region away from home; which one serves must be said.
    """
    if mode is not Mode.FAILBACK:
        return system.home
    away = [region for region in system.regions if region != system.home]
    if len(away) != 1:
        raise RequestError(f"{system.name} can be away in {', '.join(away)}; say which region the failback leaves")
    return away[0]
