"""EC2: networks only. Nothing of a default VPC is counted as a resource."""

from collections.abc import Iterable, Iterator
from typing import Any

from moto.ec2.models import EC2Backend, ec2_backends

from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "ec2": frozenset(
        {"DescribeVpcs", "CreateVpc", "DeleteVpc", "DescribeVpcAttribute", "ModifyVpcAttribute"}
        | {"DescribeSubnets", "CreateSubnet", "DeleteSubnet", "ModifySubnetAttribute"}
        | {"DescribeSecurityGroups", "CreateSecurityGroup", "DeleteSecurityGroup", "DescribeSecurityGroupRules"}
        | {"AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"}
        | {"RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress"}
        | {"DescribeRouteTables", "CreateRouteTable", "DeleteRouteTable"}
        | {"AssociateRouteTable", "DisassociateRouteTable"}
        | {"DescribeVpcEndpoints", "DescribePrefixLists", "DescribeManagedPrefixLists"}
        | {"DescribeTags", "CreateTags", "DeleteTags"}
        | {"DescribeRegions", "DescribeAvailabilityZones", "DescribeInstanceTypeOfferings"}
    )
}


def install(world: World) -> None:
    """Check that every region of ``world`` is one that moto knows."""
    unknown = [region for region in world.regions if ec2_backends[ACCOUNT][region].region_name != region]
    if unknown:
        raise AttributeError(f"moto has no EC2 in {unknown}")


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every network resource outside default VPCs."""
    return {region: {"ec2": found} for region in world.regions if (found := list(_of(ec2_backends[ACCOUNT][region])))}


def _of(backend: EC2Backend) -> Iterator[dict[str, Any]]:
    own = {vpc.id for vpc in list(backend.vpcs.values()) if not vpc.is_default}
    yield from _entries(backend, "AWS::EC2::VPC", own)
    yield from _entries(backend, "AWS::EC2::Subnet", (s.id for s in backend.describe_subnets() if s.vpc_id in own))
    groups = [group for group in backend.describe_security_groups() if group.vpc_id in own and group.name != "default"]
    yield from _entries(backend, "AWS::EC2::SecurityGroup", (group.id for group in groups))
    tables = [
        table
        for table in list(backend.route_tables.values())
        if table.vpc_id in own and table.main_association_id is None
    ]
    yield from _entries(backend, "AWS::EC2::RouteTable", (table.id for table in tables))
    endpoints = [item for item in list(backend.vpc_end_points.values()) if item.state != "deleted"]
    yield from _entries(backend, "AWS::EC2::VPCEndpoint", (endpoint.id for endpoint in endpoints))


def _entries(backend: EC2Backend, kind: str, ids: Iterable[str]) -> Iterator[dict[str, Any]]:
    for identity in sorted(ids):
        yield {"type": kind, "id": identity, "tags": dict(backend.tags.get(identity, {}))}
