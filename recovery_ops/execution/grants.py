"""Who of a system may do what on what: what its kinds declare and act on, with the ARNs that policies of IAM need."""

from collections.abc import Iterator
from dataclasses import dataclass

from recovery_ops.aws.actions import UNBOUND
from recovery_ops.aws.leavings import ACTIONS as LOOKING_FOR_LEAVINGS
from recovery_ops.errors import RequestError
from recovery_ops.kinds import Kind, driver
from recovery_ops.model.access import PASS_ROLE, Access
from recovery_ops.model.runs import ANY_RUN
from recovery_ops.model.system import System

PARTITIONS = {"cn": "aws-cn", "us-gov": "aws-us-gov"}
"""Beginning of a region's code -> partition of its ARNs; all others are ``aws``."""
GLOBAL = frozenset({"iam", "route53"})
"""Services whose ARNs name no region."""
OF_NOBODY = frozenset({"apigateway", "route53"})
"""Services whose ARNs name no account."""
SIGNALS = ("cloudwatch:DescribeAlarms", "dynamodb:ListTables", "sagemaker:ListEndpoints", "ssm:DescribeParameters")
"""Whether a region lives."""
LOOKED_AT = {"ssm:GetParametersByPath": (f"ssm:parameter/{ANY_RUN}",)}
"""Action of looking -> what it acts on; the others are unbound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """That a component may call an action on resources, which are ARNs of any region; ``""`` is the system itself.

    ``passed_to`` is the service that is handed a role, for ``iam:PassRole`` alone.
    """

    component: str
    action: str
    resources: tuple[str, ...]
    passed_to: str = ""


def grants(system: System) -> Iterator[Grant]:
    """Yield what the components of ``system`` need, actions of S3 excepted.

    Raises:
        RequestError: A kind declares an action and does not say what it acts on.
    """
    for component in system.components:
        for item in _direct(driver(component), system):
            yield from _granted(component.name, item, system.home)


def in_our_name(system: System) -> Iterator[Grant]:
    """Yield what AWS does with our rights because of calls of components.

    Raises:
        RequestError: That is not known of one of them.
    """
    for component in system.components:
        for item in driver(component).in_our_name(system):
            yield from _granted(component.name, item, system.home)


def looking(system: System) -> Iterator[Grant]:
    """Yield what asking needs whether a region lives, and whether a run left something behind."""
    for action in (*SIGNALS, *LOOKING_FOR_LEAVINGS):
        yield from _granted("", Access(actions=frozenset({action}), resources=LOOKED_AT.get(action, ())), system.home)


def arn(resource: str, home: str) -> str:
    """Return the ARN of ``<service>:<resource>`` in any region and account of the partition of ``home``.

    An ARN is returned as it is.
    """
    if resource.startswith("arn:"):
        return resource
    service, _, rest = resource.partition(":")
    region, account = "" if service in GLOBAL else "*", "" if service in OF_NOBODY else "*"
    return f"arn:{partition_of(home)}:{service}:{region}:{account}:{rest}"


def partition_of(region: str) -> str:
    """Return the partition in the ARNs of ``region``."""
    return next((partition for start, partition in PARTITIONS.items() if region.startswith(f"{start}-")), "aws")


def _direct(kind: Kind, system: System) -> Iterator[Access]:
    acts_on, passes = kind.resources(system), kind.passes(system)
    for action in sorted(kind.aws_actions):
        service = action.partition(":")[0]
        if service == "s3":
            continue
        on = () if action in UNBOUND or action == PASS_ROLE else acts_on.get(action, acts_on.get(f"{service}:"))
        if on is None or (action == PASS_ROLE and not passes):
            where = f"kind {kind.name} declares {action} and does not say on what"
            raise RequestError(f"{where}: add it to `{'passes' if action == PASS_ROLE else 'resources'}`")
        if action != PASS_ROLE:
            yield Access(actions=frozenset({action}), resources=on)
    for service, roles in passes.items():
        yield Access(actions=frozenset({PASS_ROLE}), resources=roles, passed_to=service)


def _granted(component: str, access: Access, home: str) -> Iterator[Grant]:
    """Yield a grant per action, those that act on nothing left out."""
    arns = tuple(arn(item, home) for item in access.resources)
    for action in sorted(access.actions):
        resources = ("*",) if action in UNBOUND else arns
        if resources:
            yield Grant(component=component, action=action, resources=resources, passed_to=access.passed_to)
