"""The shape of a catalog file: what may be written, key by key."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from recovery_ops.catalog.quantities import BucketTemplate, Duration, HostName, Name, ObjectUrl, Ratio, Region, day
from recovery_ops.model.detection import Channel, DetectionMode, SignalName
from recovery_ops.model.drills import CEILING_USD, Weekday
from recovery_ops.model.system import ApprovalMode, CutoverMethod, OnTimeout, Pattern, Standby, Tier

AtLeastOne = Annotated[int, Field(ge=1)]
NonEmpty = Annotated[str, Field(min_length=1)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Day = Annotated[str, AfterValidator(day)]


class Text(BaseModel):
    """A mapping of a catalog; unknown keys are forbidden."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class DrillTrafficText(Text):
    """What drills have instead of production traffic."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9.{}-]*\{run\}[a-z0-9.{}-]*$")] | None = Field(
        None, description="name with {run} in it under which the front door that a drill makes is asked"
    )
    name: HostName | None = Field(None, description="DNS name with a failover pair of its own")
    health_switch: dict[Region, ObjectUrl] = Field(
        default={}, description="recovery region -> object in it that moves that name"
    )


class TrafficText(Text):
    """How clients find the system."""

    name: HostName = Field(description="DNS name that clients know")
    zone: HostName | None = Field(None, description="Route 53 hosted zone; the name without its first label by default")
    ttl: Duration = Field(60.0, description="TTL of the DNS record")
    method: CutoverMethod = Field(CutoverMethod.HEALTH_SWITCH, description="how traffic moves")
    front_doors: dict[Region, NonEmpty] = Field(
        description="region -> '<component>:<stack output>' or the host behind the DNS name"
    )
    health_switch: dict[Region, ObjectUrl] = Field(
        default={}, description="recovery region -> object in it that withdraws the region we leave"
    )
    path: Annotated[str, Field(pattern=r"^/\S*$")] = Field("/", description="request path of a probe")
    soak: Duration = Field(120.0, description="how long traffic is watched after cutover")
    min_probes: AtLeastOne = Field(20, description="probes without which a soak says nothing")
    max_failed_ratio: Ratio = Field(0.01, description="share of failed probes that a healthy soak may have")
    drill: DrillTrafficText = Field(default=DrillTrafficText())


class ApprovalText(Text):
    """Who says yes before cutover, who commits, and how long a failed step waits for somebody."""

    critical: ApprovalMode | None = Field(None, description="policy when the lead tier is critical")
    operational: ApprovalMode | None = Field(None, description="policy when the lead tier is operational")
    development: ApprovalMode | None = Field(None, description="policy when the lead tier is development")
    default: ApprovalMode = Field(ApprovalMode.ASK, description="policy of tiers that are not named")
    approvers: list[NonEmpty] | None = Field(None, description="roles of people; all roles by default")
    timeout: Duration = Field(900.0, description="how long a question waits for its answer")
    on_timeout: OnTimeout = Field(OnTimeout.STOP_AND_PAGE, description="what an unanswered question means")
    commit: ApprovalMode = Field(ApprovalMode.AUTO, description="auto after a healthy soak; ask waits for a person")
    commit_timeout: Duration = Field(3600.0, description="how long the question before a commit waits")
    commit_on_timeout: OnTimeout = Field(OnTimeout.PROCEED, description="silence commits, or traffic is put back")
    hold: Duration = Field(600.0, description="how long a step that failed for good waits to be retried or skipped")


class ProtectText(Text):
    """How often consistent points are taken, and how long they are locked and kept."""

    every: Duration | None = Field(None, description="cadence; from the lead tier and the RPOs by default")
    keep: Duration = Field(35 * 86_400.0, description="age at which a point may be removed")
    lock: Duration | None = Field(None, description="object lock of a point; 7 days or keep, whichever is less")


class WindowText(Text):
    """Hours of a week in which no drill starts; times are UTC."""

    days: Annotated[list[Weekday], Field(min_length=1)] = Field(
        default=list(Weekday), description="days on which it begins"
    )
    start: TimeOfDay = Field(description="first minute")
    end: TimeOfDay = Field(description="end; on the next day when it is not after start")


class FreezeText(Text):
    """Days on which no drill starts."""

    start: Day = Field(description="first day")
    end: Day = Field(description="last day")
    why: NonEmpty = Field(description="stands in the calendar and in what was skipped")


class DrillsText(Text):
    """How often each kind of drill is held, and when none may start."""

    tabletop: Duration | None = Field(None, description="cadence; from the lead tier by default")
    component: Duration | None = Field(None, description="cadence of each component; from the lead tier by default")
    regional: Duration | None = Field(None, description="cadence; from the lead tier by default")
    full: Duration | None = Field(None, description="cadence; from the lead tier by default")
    retry: Duration = Field(7 * 86_400.0, description="how long after a drill that did not pass it is held again")
    blocked: list[WindowText] = Field(default=[], description="hours of the week in which none starts")
    freezes: list[FreezeText] = Field(default=[], description="days on which none starts")
    alarms: list[NonEmpty] = Field(default=[], description="CloudWatch alarms that keep drills from starting")
    ceiling: Annotated[float, Field(gt=0, le=100_000)] = Field(
        CEILING_USD, description="US dollars, by the price table, at which a drill is stopped"
    )


class ReplicationText(Text):
    """Where a region is known to write often, so that silence says something."""

    bucket: BucketTemplate = Field(description="bucket that the home region replicates, with {region}")
    prefix: str = Field("", description="prefix of the objects that are written often")
    max_age: Duration = Field(description="age of the newest replicated object from which the signal is impaired")


class DetectionText(Text):
    """How the health of the region that serves is judged from outside, and what follows."""

    signals: Annotated[list[SignalName], Field(min_length=1)] = Field(
        default=[SignalName.ALARM, SignalName.NAME, SignalName.FRONT_DOOR, SignalName.AWS],
        description="what is asked",
    )
    quorum: AtLeastOne = Field(3, description="impaired signals that condemn a region")
    hold_down: Duration = Field(120.0, description="how long a signal must be impaired before it votes")
    every: Duration = Field(60.0, description="cadence of the looks; alarms are acted on at once")
    min_between_runs: Duration = Field(86_400.0, description="least time between two automatic runs")
    mode: DetectionMode = Field(DetectionMode.ADVISE, description="tell people, or fail over")
    slow: Duration = Field(2.0, description="an answer later than this is slow")
    alarms: list[NonEmpty] = Field(default=[], description="CloudWatch alarms in the watching region, with {region}")
    queue: str = Field("", pattern=r"^[A-Za-z0-9_-]{0,80}$", description="SQS queue of alarm changes in each region")
    replication: ReplicationText | None = Field(None, description="what the signal replication looks at")


class NotifyText(Text):
    """One place that is told when a system is recovered."""

    channel: Channel = Field(description="how the message travels")
    target: NonEmpty = Field(description="topic ARN, mail addresses or URL; env:NAME takes it from the environment")
    audience: Annotated[str, Field(pattern="^(internal|customers|regulator)$")] = Field(
        "internal", description="which template"
    )


class BucketText(Text):
    """A family of buckets, one per region."""

    bucket: BucketTemplate = Field(description="bucket name with {region} in it")


class SystemFromPointText(Text):
    """What holds for the system where everything comes out of a recovery point."""

    rto: Duration | None = Field(None, description="recovery time objective then; the ordinary one by default")


class FromPointText(SystemFromPointText):
    """What holds for a component that comes out of a recovery point."""

    rpo: Duration | None = Field(None, description="recovery point objective then; the ordinary one by default")


class ComponentText(Text):
    """One thing that must come back."""

    name: Name = Field(description="unique in the system")
    kind: NonEmpty = Field(description="type of component; see 'recovery-ops kinds'")
    tier: Tier = Field(description="decides order, resources and default objectives")
    standby: Standby = Field(Standby.WARM, description="how much already stands in the recovery region")
    rto: Duration | None = Field(None, description="recovery time objective; from the tier by default")
    rpo: Duration | None = Field(None, description="recovery point objective; kinds with state only")
    from_point: FromPointText = Field(
        default=FromPointText(), description="objectives where no replica is trusted; the ordinary ones by default"
    )
    needs: list[NonEmpty] = Field(default=[], description="components that must be verified before")
    gates_traffic: bool | None = Field(None, description="whether cutover waits for it; critical ones do by default")
    settings: dict[str, Any] = Field(default={}, description="settings of the kind")


class HeaderText(Text):
    """Everything of a catalog but its components."""

    system: Name = Field(description="name of the system")
    home: Region = Field(description="region where the system normally lives")
    regions: Annotated[list[Region], Field(min_length=2)] = Field(description="all regions of the system")
    pattern: Pattern = Field(Pattern.ACTIVE_PASSIVE, description="whether one region serves at a time or all do")
    rto: Duration = Field(description="recovery time objective of the system, T8 - T0")
    from_point: SystemFromPointText = Field(
        default=SystemFromPointText(), description="objective where no replica is trusted; the ordinary one by default"
    )
    traffic: TrafficText
    people: dict[NonEmpty, Annotated[list[NonEmpty], Field(min_length=1)]] = Field(
        default={}, description="role -> Airflow user ids"
    )
    approval: ApprovalText = Field(default=ApprovalText())
    record: BucketText = Field(description="where the record of runs is written")
    points: BucketText = Field(description="where recovery points are written")
    consistency: list[list[NonEmpty]] = Field(default=[], description="groups that go back in time together")
    protect: ProtectText = Field(default=ProtectText())
    drills: DrillsText = Field(default=DrillsText())
    proof_lasts: Duration = Field(90 * 86_400.0, description="how long a successful run proves its plan")
    detection: DetectionText | None = Field(None, description="how the loss of a region is detected")
    notify: list[NotifyText] = Field(default=[], description="who is told")


class CatalogText(HeaderText):
    """A whole catalog file."""

    components: Annotated[list[ComponentText], Field(min_length=1)]
