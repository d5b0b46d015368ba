"""IAM policies of a system, made from its catalog: what recovering needs, and what looking on needs.

The actions of components are those that their kinds declare; the contract suite compares these with every call in the
request log. What the service itself calls is listed here. Tests compare both with the calls in the code, and with the
calls of a whole run.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery_ops.aws.leavings import ACTIONS as LOOKING_FOR_LEAVINGS
from recovery_ops.errors import RequestError
from recovery_ops.kinds import all_kinds
from recovery_ops.model.system import Component, CutoverMethod, System

Json = dict[str, Any]

VERSION = "2012-10-17"
LARGEST = 6144
"""Characters without white space that IAM takes for a managed policy."""

RECORD = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
POINTS = ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", "s3:PutObjectRetention")
SWITCH = ("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")
DNS = ("route53:GetHealthCheck", "route53:ListHostedZonesByName", "route53:ListResourceRecordSets")
DNS_CHANGES = ("route53:ChangeResourceRecordSets",)
ASKING = (
    "iam:GetContextKeysForPrincipalPolicy",
    "iam:GetRole",
    "iam:SimulatePrincipalPolicy",
    "s3:ListAllMyBuckets",
    "sts:GetCallerIdentity",
)
"""Who we are, what we may do, whether S3 of a region lives; none of it can be narrowed to a region or a resource."""
SIGNALS = (
    "cloudwatch:DescribeAlarms",
    "dynamodb:ListTables",
    "sagemaker:ListEndpoints",
    "ssm:DescribeParameters",
)
"""Whether a region lives."""
BREAKING = ("iam:DeleteRolePolicy", "iam:PutRolePolicy")
"""Taking a region away from the role of drills."""
HEARING = ("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
TELLING = ("sns:Publish",)
REPLICATION = ("s3:GetReplicationConfiguration", "s3:PutReplicationConfiguration")
PASSING = frozenset({"iam:PassRole"})

CORE = frozenset(
    {
        *(*RECORD, *POINTS, *SWITCH, *REPLICATION),
        *(*DNS, *DNS_CHANGES, *ASKING, *SIGNALS, *LOOKING_FOR_LEAVINGS, *BREAKING, *HEARING, *TELLING),
    }
)
"""Every action that recovery-ops itself uses, whatever kinds a system has."""

PASSED_BY: Mapping[str, str] = {
    "s3:PutReplicationConfiguration": "s3.amazonaws.com",
    "sagemaker:CreateModel": "sagemaker.amazonaws.com",
}
"""Action -> service that is handed a role by it: S3 the one that replicates, SageMaker the one that a model runs as."""
PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
"""Beginning of a region's code -> partition of its ARNs; all others are ``aws``."""


def policies(system: System, drill_role: str | None = None) -> dict[str, Json]:
    """Return every policy of ``system`` by name.

    ``recover`` and ``components`` together are what a process needs that recovers, drills and protects; ``watch`` is
    what metrics and a dashboard without steering need. ``drills``, made when there is a ``drill_role``, is for who
    holds drills that lose a region.

    Raises:
        RequestError: One is larger than IAM takes.
    """
    made = {
        f"{system.name}-recover": recover_policy(system),
        f"{system.name}-components": components_policy(system),
        f"{system.name}-watch": watch_policy(system),
    }
    if drill_role:
        made[f"{system.name}-drills"] = drills_policy(system, drill_role)
    for name, policy in made.items():
        if (length := size(policy)) > LARGEST:
            raise RequestError(
                f"policy {name} has {length} characters and IAM takes {LARGEST}; split the system in two"
            )
    return made


def recover_policy(system: System) -> Json:
    """Return what is needed around components: record, points, data in S3, switch, DNS, alarms and messages."""
    of_kinds = {action for action in _declared(system) if action.startswith("s3:")} | set(REPLICATION)
    batch = system.traffic.method is CutoverMethod.RECORD_BATCH
    return _document(
        _allow("Record", RECORD, _objects(system, [system.record_bucket])),
        _allow("Points", POINTS, _objects(system, [system.point_bucket])),
        _allow("Data", of_kinds, _objects(system, data_buckets(*system.components))),
        _allow("Switch", SWITCH, _objects(system, _switches(system))),
        _allow("Dns", [*DNS, *(DNS_CHANGES if batch else ())], ["*"]),
        _allow("Asking", ASKING, ["*"]),
        _allow("HearAlarms", HEARING, _queues(system)),
        _allow("Tell", TELLING, sorted(item.target for item in system.notify if item.target.startswith("arn:"))),
    )


def components_policy(system: System) -> Json:
    """Return what the kinds of ``system`` declare beyond S3, in its regions only, and the questions of detection."""
    declared = _declared(system)
    regional = {action for action in declared if not action.startswith("s3:")} - PASSING - set(ASKING)
    return _document(
        _allow(
            "Components",
            regional | {*SIGNALS, *LOOKING_FOR_LEAVINGS},
            ["*"],
            {"aws:RequestedRegion": sorted(system.regions)},
        ),
        _allow("Roles", PASSING & declared, ["*"], {"iam:PassedToService": passed_to(declared)}),
    )


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


def passed_to(actions: Iterable[str]) -> list[str]:
    """Return the services that calls of these actions hand a role to."""
    return sorted({PASSED_BY[action] for action in actions if action in PASSED_BY})


def partition_of(region: str) -> str:
    """Return the partition in the ARNs of ``region``."""
    return next((partition for start, partition in PARTITIONS.items() if region.startswith(f"{start}-")), "aws")


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


def _queues(system: System) -> list[str]:
    queue = system.detection.queue if system.detection else ""
    return [f"arn:{partition_of(region)}:sqs:{region}:*:{queue}" for region in sorted(system.regions) if queue]


def _objects(system: System, templates: Iterable[str]) -> list[str]:
    """Return the ARNs of buckets, of every region when they are templates, and of everything in them."""
    names = dict.fromkeys(name.format(region=region) for name in templates for region in sorted(system.regions))
    bucket = f"arn:{partition_of(system.home)}:s3:::"
    return [arn for name in names for arn in (bucket + name, f"{bucket}{name}/*")]


def _allow(name: str, actions: Iterable[str], resources: Iterable[str], only: Json | None = None) -> Json:
    allowed = sorted(set(actions))
    statement: Json = {"Sid": name, "Effect": "Allow", "Action": allowed, "Resource": list(resources)}
    return statement | ({"Condition": {"StringEquals": only}} if only else {})


def _document(*statements: Json) -> Json:
    """Return a policy without the statements that would allow nothing."""
    return {"Version": VERSION, "Statement": [item for item in statements if item["Action"] and item["Resource"]]}
