"""IAM policies of a system, made from its catalog: what recovering needs, and what looking on needs.

The actions of components are those that their kinds declare, on what these say that they act on; the contract suite
compares the actions with every call in the request log. What the service itself calls is listed here. Tests compare
both with the calls in the code, and with the calls of a whole run. Everything names a resource but
:data:`~recovery_ops.aws.actions.UNBOUND`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery_ops.aws.actions import UNBOUND
from recovery_ops.aws.leavings import ACTIONS as LOOKING_FOR_LEAVINGS
from recovery_ops.errors import RequestError
from recovery_ops.execution.grants import GLOBAL, SIGNALS, Grant, arn, grants, in_our_name, looking, partition_of
from recovery_ops.kinds import all_kinds
from recovery_ops.model.system import Component, CutoverMethod, System

Json = dict[str, Any]

VERSION = "2012-10-17"
EVERYTHING = "unbound"
LARGEST = 6144
"""Characters without white space that IAM takes for a managed policy."""
MOST = 10
"""Managed policies that a role takes."""

RECORD = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
POINTS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:PutObjectRetention")
SWITCH = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
DRILL_SWITCH = (*SWITCH, "s3:DeleteObjectVersion", "s3:ListBucketVersions")
"""A drill leaves no version of its switch behind."""
DNS = ("route53:GetHealthCheck", "route53:ListResourceRecordSets")
DNS_CHANGES = ("route53:ChangeResourceRecordSets",)
ASKING = ("iam:GetContextKeysForPrincipalPolicy", "iam:SimulatePrincipalPolicy")
"""What we may do."""
ANYWHERE = ("route53:ListHostedZonesByName", "s3:ListAllMyBuckets", "sts:GetCallerIdentity")
"""Which zones there are, whether S3 of a region lives, who we are; none of it can be narrowed to a region either."""
BREAKING = ("iam:DeleteRolePolicy", "iam:PutRolePolicy")
"""Taking a region away from the role of drills."""
HEARING = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
TELLING = ("sns:Publish",)
REPLICATION = ("s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration")

CORE = frozenset(
    {
        *(*RECORD, *POINTS, *SWITCH, *DRILL_SWITCH, *REPLICATION),
        *(*DNS, *DNS_CHANGES, *ASKING, *ANYWHERE, *SIGNALS, *LOOKING_FOR_LEAVINGS, *BREAKING, *HEARING, *TELLING),
    }
)
"""Every action that recovery-ops itself uses, whatever kinds a system has."""


def policies(system: System, drill_role: str | None = None) -> dict[str, Json]:
    """Return every policy of ``system`` by name.

    ``recover``, ``components`` and ``stacks`` together are what a process needs that recovers, drills and protects;
    ``stacks``, made when a stack has no role of its own, is what CloudFormation does in its name. ``watch`` is what
    metrics and a dashboard without steering need. ``drills``, made when there is a ``drill_role``, is for who holds
    drills that lose a region.

    One that is larger than IAM takes is cut between statements; the names of what follows get a number.

    Raises:
        RequestError: They are more than a role takes, a statement is larger than IAM takes, or it is not known what a
            component acts on.
    """
    wanted = {
        "recover": recover_policy(system),
        "components": components_policy(system),
        "stacks": stacks_policy(system),
        "watch": watch_policy(system),
        "drills": drills_policy(system, drill_role) if drill_role else _document(),
    }
    parts = {name: _parts(f"{system.name}-{name}", policy) for name, policy in wanted.items()}
    if (attached := sum(len(parts[name]) for name in ("recover", "components", "stacks"))) > MOST:
        raise RequestError(f"{system.name} needs {attached} policies and a role takes {MOST}; split the system in two")
    return {name: policy for made in parts.values() for name, policy in made.items()}


def recover_policy(system: System) -> Json:
    """Return what is needed around components: record, points, data in S3, switch, DNS, alarms and messages."""
    of_kinds = {action for action in _declared(system) if action.startswith("s3:")} | set(REPLICATION)
    batch = system.traffic.method is CutoverMethod.RECORD_BATCH
    return _document(
        _allow("Record", RECORD, _objects(system, [system.record_bucket])),
        _allow("Points", POINTS, _objects(system, [system.point_bucket])),
        _allow("Data", of_kinds, _objects(system, data_buckets(*system.components))),
        _allow("Switch", SWITCH, _objects(system, _switches(system))),
        _allow("DrillSwitch", DRILL_SWITCH, _drill_switches(system)),
        _allow("Dns", [*DNS, *(DNS_CHANGES if batch else ())], dns_resources(system)),
        _allow("Asking", ASKING, [arn(f"iam:{who}/*", system.home) for who in ("role", "user")]),
        _allow("Anywhere", ANYWHERE, ["*"]),
        _allow("HearAlarms", HEARING, _queues(system)),
        _allow("Tell", TELLING, sorted(item.target for item in system.notify if item.target.startswith("arn:"))),
    )


def components_policy(system: System) -> Json:
    """Return what the kinds of ``system`` declare beyond S3, in its regions only, and the questions of detection."""
    return _document(*_statements([*grants(system), *looking(system)], system))


def stacks_policy(system: System) -> Json:
    """Return what CloudFormation needs of its caller for the resources of stacks that have no role of their own."""
    return _document(*_statements(in_our_name(system), system))


def watch_policy(system: System) -> Json:
    """Return what metrics need: reading the record and what was published there, and nothing else."""
    return _document(_allow("Record", ("s3:GetObject", "s3:ListBucket"), _objects(system, [system.record_bucket])))


def drills_policy(system: System, drill_role: str) -> Json:
    """Return what is needed to take a region away from ``drill_role``, the name of a role that nobody else uses.

    Who has this may give that role anything, too: a permissions boundary on the role is what keeps that from mattering.
    """
    return _document(_allow("Break", BREAKING, [f"arn:{partition_of(system.home)}:iam::*:role/{drill_role}"]))


def data_buckets(*components: Component) -> list[str]:
    """Return the bucket templates that settings of components name under a key ``bucket``, at any depth."""
    return sorted({name for component in components for name in _buckets_in(component.settings)})


def dns_resources(system: System) -> list[str]:
    """Return the ARNs of every health check and hosted zone: nobody knows their ids beforehand."""
    return [arn(f"route53:{what}/*", system.home) for what in ("healthcheck", "hostedzone")]


def as_text(policy: Json) -> str:
    """Return a policy as the text of its file."""
    return json.dumps(policy, indent=2) + "\n"


def size(policy: Json) -> int:
    """Return its size as IAM counts it."""
    return len(json.dumps(policy, separators=(",", ":")))


def _declared(system: System) -> set[str]:
    kinds = all_kinds()
    return {action for component in system.components for action in kinds[component.kind].aws_actions}


def _buckets_in(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from [inner] if key == "bucket" and isinstance(inner, str) else _buckets_in(inner)


def _switches(system: System) -> list[str]:
    return sorted({place.removeprefix("s3://").partition("/")[0] for place in system.traffic.health_switch.values()})


def _drill_switches(system: System) -> list[str]:
    """Return the ARNs of the objects and of their buckets."""
    places = [place.removeprefix("s3://") for place in system.traffic.drill.health_switch.values()]
    bucket = f"arn:{partition_of(system.home)}:s3:::"
    return sorted({bucket + name for place in places for name in (place.partition("/")[0], place)})


def _queues(system: System) -> list[str]:
    queue = system.detection.queue if system.detection else ""
    return [f"arn:{partition_of(region)}:sqs:{region}:*:{queue}" for region in sorted(system.regions) if queue]


def _objects(system: System, templates: Iterable[str]) -> list[str]:
    """Return the ARNs of buckets, of every region when they are templates, and of everything in them."""
    names = dict.fromkeys(name.format(region=region) for name in templates for region in sorted(system.regions))
    bucket = f"arn:{partition_of(system.home)}:s3:::"
    return [arn for name in names for arn in (bucket + name, f"{bucket}{name}/*")]


def _statements(granted: Iterable[Grant], system: System) -> list[Json]:
    """Return statements, one for all actions of a service that one grant after the other allows on the same resources.

    Regions are a condition and not in ARNs, which keeps policies below the size that IAM takes. IAM itself has none.
    """
    alike: dict[tuple[str, str, tuple[str, ...]], set[str]] = {}
    for grant in granted:
        group = EVERYTHING if grant.action in UNBOUND else grant.action.partition(":")[0]
        alike.setdefault((group, grant.passed_to, grant.resources), set()).add(grant.action)
    numbered: Counter[str] = Counter()
    made = []
    for (group, passed_to, resources), actions in sorted(alike.items()):
        numbered[group] += 1
        only = {"aws:RequestedRegion": sorted(system.regions)} if group not in GLOBAL else {}
        only |= {"iam:PassedToService": [passed_to]} if passed_to else {}
        made.append(_allow(f"{group.title().replace('-', '')}{numbered[group]}", actions, resources, only))
    return made


def _parts(name: str, policy: Json) -> dict[str, Json]:
    """Return a policy by name, in as many parts as IAM wants; none for one that allows nothing."""
    parts: list[list[Json]] = []
    for statement in policy["Statement"]:
        if size(_document(statement)) > LARGEST:
            raise RequestError(
                f"statement {statement['Sid']} of policy {name} is larger than {LARGEST}; split the system in two"
            )
        if not parts or size(_document(*parts[-1], statement)) > LARGEST:
            parts.append([])
        parts[-1].append(statement)
    return {name if number == 1 else f"{name}-{number}": _document(*part) for number, part in enumerate(parts, 1)}


def _allow(name: str, actions: Iterable[str], resources: Iterable[str], only: Json | None = None) -> Json:
    allowed = sorted(set(actions))
    statement: Json = {"Sid": name, "Effect": "Allow", "Action": allowed, "Resource": list(resources)}
    return statement | ({"Condition": {"StringEquals": only}} if only else {})


def _document(*statements: Json) -> Json:
    """Return a policy without the statements that would allow nothing."""
    return {"Version": VERSION, "Statement": [item for item in statements if item["Action"] and item["Resource"]]}
