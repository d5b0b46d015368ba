"""The second pass: whether what is written makes sense as a whole. Every check looks at sound parts only."""

from collections.abc import Callable, Iterable, Iterator

from recovery_ops.catalog import dependencies, promises
from recovery_ops.catalog.building import drill_policy, policies
from recovery_ops.catalog.draft import Draft, DraftComponent
from recovery_ops.catalog.problems import Problem
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.model.detection import DetectionMode, SignalName
from recovery_ops.model.drill_hours import has_open_minute
from recovery_ops.model.plan import SystemStep
from recovery_ops.model.system import ApprovalMode, CutoverMethod, Pattern

Check = Callable[[Draft], Iterable[Problem]]


def meaning(draft: Draft) -> list[Problem]:
    """Return every problem of the second pass."""
    sound = draft.header.sound
    return [problem for check, relies_on in CHECKS if relies_on <= sound for problem in check(draft)]


def _regions(draft: Draft) -> Iterator[Problem]:
    regions = draft.header.text.regions
    for index, region in enumerate(regions):
        if region in regions[:index]:
            yield draft.document.at(("regions", index), f"{region!r} is there twice")
    if len(set(regions)) < len(regions) and len(set(regions)) < 2:
        yield draft.document.at(("regions",), "a system needs at least two different regions")


def _home(draft: Draft) -> Iterator[Problem]:
    header = draft.header.text
    if header.home not in header.regions:
        hint = did_you_mean(header.home, header.regions)
        yield draft.document.at(("home",), f"{header.home!r} is not in regions ({', '.join(header.regions)}){hint}")


def _served_pattern(draft: Draft) -> Iterator[Problem]:
    """Refused and not ignored: whoever writes it would believe that all regions take writes and are reconciled."""
    if draft.header.text.pattern is Pattern.ACTIVE_ACTIVE:
        yield draft.document.at(
            ("pattern",), "active-active is not supported: traffic is moved from one serving region to another"
        )


def _traffic_regions(draft: Draft) -> Iterator[Problem]:
    header = draft.header.text
    away = [region for region in header.regions if region != header.home]
    switches = away if header.traffic.method is CutoverMethod.HEALTH_SWITCH else []
    required = (
        ("front_doors", header.traffic.front_doors, header.regions),
        ("health_switch", header.traffic.health_switch, switches),
    )
    for key, given, wanted in required:
        for region in given:
            if region not in header.regions:
                hint = did_you_mean(region, header.regions)
                yield draft.document.at_key(("traffic", key, region), f"region is not in regions{hint}")
        for region in dict.fromkeys(wanted):
            if region not in given:
                yield draft.document.at(("traffic", key), f"{region} is missing{_why(key)}")


def _why(key: str) -> str:
    if key == "front_doors":
        return "; every region has a front door"
    return "; method health-switch needs an object in every region but home"


def _front_doors(draft: Draft) -> Iterator[Problem]:
    names = draft.names()
    for region, door in draft.header.text.traffic.front_doors.items():
        component, colon, _ = door.partition(":")
        if colon and component not in names:
            place = ("traffic", "front_doors", region)
            yield draft.document.at(place, f"no component {component!r}{did_you_mean(component, names)}")


def _approvers(draft: Draft) -> Iterator[Problem]:
    header = draft.header.text
    for index, role in enumerate(header.approval.approvers or ()):
        if role not in header.people:
            hint = did_you_mean(role, header.people)
            yield draft.document.at(("approval", "approvers", index), f"no role {role!r} in people{hint}")
    tiers = {component.text.tier for component in draft.components if "tier" in component.sound}
    if tiers and not (header.approval.approvers if header.approval.approvers is not None else header.people):
        lead = min(tiers, key=lambda tier: tier.rank)
        if policies(header.approval)[lead] is ApprovalMode.ASK:
            yield draft.document.at(
                ("approval",), f"a person is asked for tier {lead}, and nobody is named; add people"
            )


def _component_names(draft: Draft) -> Iterator[Problem]:
    taken = {str(step): "a step of every run" for step in SystemStep}
    taken |= {draft.header.text.system: "the system"} if "system" in draft.header.sound else {}
    seen: dict[str, DraftComponent] = {}
    for component in draft.components:
        name, place = component.text.name, (*component.place, "name")
        if "name" not in component.sound:
            continue
        if name in taken:
            yield draft.document.at(place, f"{name!r} is the name of {taken[name]}")
        if name in seen:
            first = draft.document.values[(*seen[name].place, "name")].line
            yield draft.document.at(place, f"a component {name!r} is there already, on line {first}")
        seen.setdefault(name, component)


def _consistency(draft: Draft) -> Iterator[Problem]:
    names, member_of = draft.names(), dict[str, int]()
    for group, members in enumerate(draft.header.text.consistency):
        if len(set(members)) < 2:
            yield draft.document.at(("consistency", group), "a group needs at least two different components")
        for index, name in enumerate(members):
            place = ("consistency", group, index)
            if name not in names:
                yield draft.document.at(place, f"no component {name!r}{did_you_mean(name, names)}")
            elif member_of.setdefault(name, group) != group:
                yield draft.document.at(place, f"{name!r} is in another group too; make them one group")


def _freezes(draft: Draft) -> Iterator[Problem]:
    for index, freeze in enumerate(draft.header.text.drills.freezes):
        if freeze.end < freeze.start:
            yield draft.document.at(("drills", "freezes", index), f"ends on {freeze.end}, before it starts")


def _drill_hours(draft: Draft) -> Iterator[Problem]:
    if not has_open_minute(drill_policy(draft)):
        yield draft.document.at(("drills", "blocked"), "leaves no minute of the week in which a drill may start")


def _detection(draft: Draft) -> Iterator[Problem]:
    text = draft.header.text.detection
    if text is None:
        return
    wanted, place = set(text.signals), ("detection",)
    if SignalName.AWS not in wanted:
        yield draft.document.at(place, "signals need aws: without it a lost region looks like one service that is out")
    if text.quorum > len(wanted):
        yield draft.document.at(place, f"a quorum of {text.quorum} cannot be reached by {len(wanted)} signals")
    if text.mode is DetectionMode.AUTOMATIC and text.quorum < 2:
        yield draft.document.at(place, "automatic needs a quorum of 2 at least: one signal alone is not evidence")
    if SignalName.ALARM in wanted and not text.alarms:
        yield draft.document.at(place, "the signal alarm needs alarms")
    if SignalName.REPLICATION in wanted and text.replication is None:
        yield draft.document.at(place, "the signal replication needs replication")


CHECKS: tuple[tuple[Check, frozenset[str]], ...] = (
    (_regions, frozenset({"regions"})),
    (_home, frozenset({"home", "regions"})),
    (_served_pattern, frozenset({"pattern"})),
    (_traffic_regions, frozenset({"home", "regions", "traffic"})),
    (_front_doors, frozenset({"traffic"})),
    (_approvers, frozenset({"approval", "people"})),
    (_component_names, frozenset()),
    (_consistency, frozenset({"consistency"})),
    (_freezes, frozenset({"drills"})),
    (_drill_hours, frozenset({"drills"})),
    (_detection, frozenset({"detection"})),
    (dependencies.unknown_needs, frozenset()),
    (dependencies.cycles, frozenset()),
    (promises.state, frozenset()),
    (promises.gating, frozenset()),
    (promises.rto_of_needs, frozenset()),
    (promises.rto_of_system, frozenset({"rto"})),
    (promises.rpo_of_cadence, frozenset({"protect"})),
    (promises.point_rto_of_needs, frozenset()),
    (promises.point_rto_of_system, frozenset({"rto", "from_point"})),
    (promises.point_rpo_of_cadence, frozenset({"protect"})),
    (promises.lock_and_keep, frozenset({"protect"})),
)
"""Each check with the top-level keys it relies on; it is left out when one of them is not sound."""
