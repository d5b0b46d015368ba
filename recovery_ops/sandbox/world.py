"""What the parts of the sandbox share: time, faults, capacity and replication switches."""

from dataclasses import dataclass, field

from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.faults import Faults
from recovery_ops.sandbox.tally import Tally

ACCOUNT = "123456789012"
CONTROL_PLANE_HOME = "us-east-1"  # where AWS runs the control planes of its global services


@dataclass(kw_only=True)
class Capacity:
    """Instances to be had of one type in one region; ``None`` is unlimited."""

    available: int | None = None
    quota: int | None = None


@dataclass(kw_only=True)
class World:
    """The state that is ours and not moto's. One per sandbox process.

    ``host`` is the IPv4 address that every listener binds and is known by.
    ``capacity`` is keyed by (region, instance type), ``replication_paused`` holds (source region, target region).
    ``front_doors`` maps a region to the base URL of its front door listener once the server runs; ``base_url`` is the
    AWS endpoint. ``control_planes`` maps ``route53`` and ``iam`` to ``True`` (down), ``False`` (up) or ``None`` (as
    us-east-1). ``answered`` counts what front doors did since it was reported last. ``epoch`` counts how often the
    state was replaced by a snapshot: work begun for an older one is void.
    """

    regions: tuple[str, ...]
    clock: ScaledClock
    host: str = "127.0.0.1"
    faults: Faults = field(default_factory=Faults)
    capacity: dict[tuple[str, str], Capacity] = field(default_factory=dict)
    replication_paused: set[tuple[str, str]] = field(default_factory=set)
    control_planes: dict[str, bool | None] = field(default_factory=dict)
    front_doors: dict[str, str] = field(default_factory=dict)
    base_url: str = ""
    answered: Tally = field(default_factory=Tally)
    epoch: int = 0

    def replicates(self, source: str, target: str) -> bool:
        """Return whether data moves from ``source`` to ``target`` now: not paused and neither region down."""
        return (source, target) not in self.replication_paused and not (
            self.faults.is_down(source) or self.faults.is_down(target)
        )

    def control_plane_down(self, service: str) -> bool:
        """Return whether changes to ``service`` (``route53``, ``iam``) are refused: as set, else as us-east-1 is."""
        explicit = self.control_planes.get(service)
        return self.faults.is_down(CONTROL_PLANE_HOME, service) if explicit is None else explicit
