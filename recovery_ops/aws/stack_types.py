"""What CloudFormation calls with the rights of its caller, for stacks without a service role of their own.

Source: ``handlers.permissions`` in AWS's public schemas of resource types, without what only rare features need; a test
compares the two. A template with a type that is not here needs a role.
"""

from collections.abc import Iterable, Iterator, Mapping

from recovery_ops.errors import RequestError
from recovery_ops.model.access import PASS_ROLE, Access

EC2_TAGS = ("CreateTags", "DeleteTags")
VERBS = ("DELETE", "GET", "PATCH", "POST", "PUT")

API, DOMAIN, API_TAGS = ("/restapis", "/restapis/*"), ("/domainnames", "/domainnames/*"), ("/tags/*",)
VPC, SUBNET, ROUTES, ENDPOINT = ("vpc/*",), ("subnet/*",), ("route-table/*",), ("vpc-endpoint/*",)
GROUP = ("security-group/*", "security-group-rule/*")

_EC2: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "RouteTable": ("CreateRouteTable DeleteRouteTable DescribeRouteTables", (*ROUTES, *VPC)),
    "SecurityGroup": (
        "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup"
        " DescribeInstances DescribeSecurityGroups RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
        " UpdateSecurityGroupRuleDescriptionsEgress UpdateSecurityGroupRuleDescriptionsIngress",
        (*GROUP, *VPC),
    ),
    "Subnet": (
        "CreateSubnet DeleteSubnet DescribeNetworkAcls DescribeSubnets ModifySubnetAttribute",
        (*SUBNET, *VPC),
    ),
    "SubnetRouteTableAssociation": (
        "AssociateRouteTable DescribeRouteTables DescribeSubnets DisassociateRouteTable ReplaceRouteTableAssociation",
        (*ROUTES, *SUBNET),
    ),
    "VPC": (
        "CreateVpc DeleteVpc DescribeNetworkAcls DescribeSecurityGroups DescribeVpcAttribute DescribeVpcs"
        " ModifyVpcAttribute",
        VPC,
    ),
    "VPCEndpoint": (
        "CreateVpcEndpoint DeleteVpcEndpoints DescribeSecurityGroups DescribeSubnets DescribeVpcEndpoints DescribeVpcs"
        " ModifyVpcEndpoint",
        (*ENDPOINT, *VPC, *ROUTES, *SUBNET, *GROUP),
    ),
}
"""Type -> what it calls beside tagging, and on what. Nobody knows the ids of these things beforehand."""

_API_GATEWAY: Mapping[str, tuple[str, ...]] = {
    "BasePathMapping": DOMAIN,
    "Deployment": API,
    "DomainName": (*DOMAIN, *API_TAGS),
    "Method": API,
    "Resource": API,
    "RestApi": (*API, *API_TAGS),
    "Stage": (*API, *API_TAGS),
}
"""Type -> paths; the verbs are the actions."""

HANDING_ROLES = "AWS::ApiGateway::Method"
LEFT_OUT = frozenset(
    {
        "apigateway:UpdateRestApiPolicy",
        "ec2:AssociateSubnetCidrBlock",
        "ec2:CreateVpcEncryptionControl",
        "ec2:DescribeVpcEncryptionControls",
        "ec2:DisassociateSubnetCidrBlock",
        "ec2:ModifyVpcTenancy",
        "s3:GetObject",
        "vpc-lattice:CreateServiceNetworkVpcEndpointAssociation",
        "vpc-lattice:DescribeServiceNetworkVpcEndpointAssociation",
        "vpce:AllowMultiRegion",
    }
)
"""Policies of APIs and APIs described in S3, IPv6, tenancy and encryption controls of networks, service networks and
endpoint services of other regions: whoever uses these gives the stack a role."""


def access_of(types: Iterable[str]) -> Iterator[Access]:
    """Yield what CloudFormation needs of its caller for resources of ``types``.

    Raises:
        RequestError: That of some of them is not known here; names them.
    """
    wanted = sorted(set(types))
    if unknown := [name for name in wanted if name not in KNOWN]:
        raise RequestError(f"what {', '.join(unknown)} need of IAM is not known: give the stack a `role` of its own")
    for name in wanted:
        yield from KNOWN[name]


def _ec2(calls: str, resources: Iterable[str]) -> tuple[Access, ...]:
    actions = frozenset(f"ec2:{call}" for call in (*calls.split(), *EC2_TAGS))
    return (Access(actions=actions, resources=tuple(f"ec2:{item}" for item in resources)),)


def _api(name: str, paths: Iterable[str]) -> tuple[Access, ...]:
    verbs = frozenset(f"apigateway:{verb}" for verb in VERBS)
    direct = Access(actions=verbs, resources=tuple(f"apigateway:{path}" for path in paths))
    handed = Access(actions=frozenset({PASS_ROLE}), resources=("iam:role/*",), passed_to="apigateway.amazonaws.com")
    return (direct, handed) if f"AWS::ApiGateway::{name}" == HANDING_ROLES else (direct,)


KNOWN: Mapping[str, tuple[Access, ...]] = {
    **{f"AWS::EC2::{name}": _ec2(calls, resources) for name, (calls, resources) in _EC2.items()},
    **{f"AWS::ApiGateway::{name}": _api(name, paths) for name, paths in _API_GATEWAY.items()},
}
