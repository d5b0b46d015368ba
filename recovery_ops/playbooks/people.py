"""Who does what: the roles of a catalog with the first name in charge and the others as substitutes."""

from dataclasses import dataclass

from recovery_ops.model.system import System


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A role, who has it, who stands in, and what is expected. Names are the user names that Airflow knows."""

    name: str
    person: str
    substitutes: tuple[str, ...]
    duties: tuple[str, ...]


LEADS = ("Leads the recovery: one voice, one decision at a time", "Answers the question before traffic moves")
IS_ASKED = (
    "Is asked when the checks of what this role owns fail",
    "Says which loss is acceptable, and with which reason",
)


def roles(system: System) -> tuple[Role, ...]:
    """Return every role of the catalog, those that approve first."""
    ordered = sorted(system.people, key=lambda name: name not in system.approval.approvers)
    return tuple(_role(name, system) for name in ordered)


def lead(system: System) -> Role:
    """Return the role that leads: the first that may approve, or the first of all.

    Raises:
        ValueError: The catalog names nobody.
    """
    found = roles(system)
    if not found:
        raise ValueError(f"{system.name} names no people")
    return found[0]


def _role(name: str, system: System) -> Role:
    person, *others = system.people[name] or ("nobody is named",)
    duties = LEADS if name in system.approval.approvers else IS_ASKED
    return Role(name=name, person=person, substitutes=tuple(others), duties=duties)
