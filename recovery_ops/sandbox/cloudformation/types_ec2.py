"""AWS::EC2 resources: a network of its own, its subnets, and a gateway to S3."""

import json
from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends

from recovery_ops.sandbox.cloudformation.types import Changeable, ResourceError, ResourceType, Site

Json = Any


def _backend(site: Site) -> EC2Backend:
    return ec2_backends[site.account][site.region]


def _truth(value: Json) -> bool:
    return str(value).lower() == "true"


class _Network(Changeable):
    """What every EC2 type has in common: its tags, and that deleting what is gone is no error."""

    service = "ec2"

    def _tag(self, site: Site) -> None:
        self._forget(site)
        _backend(site).create_tags([site.physical_id], site.all_tags)

    def _forget(self, site: Site) -> None:
        _backend(site).tags.pop(site.physical_id, None)


class Vpc(_Network):
    """A VPC."""

    name = "AWS::EC2::VPC"
    required = frozenset({"CidrBlock"})
    properties = frozenset({"CidrBlock", "EnableDnsSupport", "EnableDnsHostnames", "InstanceTenancy", "Tags"})
    replaces = frozenset({"CidrBlock", "InstanceTenancy"})
    attributes = frozenset({"VpcId", "CidrBlock", "DefaultSecurityGroup"})

    def create(self, site: Site) -> str:
        """Create the VPC."""
        tenancy = site.wanted.get("InstanceTenancy", "default")
        vpc = _backend(site).create_vpc(site.wanted["CidrBlock"], instance_tenancy=tenancy)
        return str(vpc.id)

    def update(self, site: Site) -> None:
        """Set tags and DNS attributes."""
        backend = _backend(site)
        support, hostnames = site.wanted.get("EnableDnsSupport", True), site.wanted.get("EnableDnsHostnames", False)
        backend.modify_vpc_attribute(site.physical_id, "enable_dns_support", str(_truth(support)).lower())
        backend.modify_vpc_attribute(site.physical_id, "enable_dns_hostnames", str(_truth(hostnames)).lower())
        self._tag(site)

    def delete(self, site: Site) -> None:
        """Delete the VPC; refused while security groups of others are in it."""
        backend = _backend(site)
        if site.physical_id not in backend.vpcs:
            return
        groups = [group for group in backend.groups.get(site.physical_id, {}).values() if group.name != "default"]
        if groups:
            raise ResourceError(
                f"The vpc '{site.physical_id}' has dependencies and cannot be deleted. (DependencyViolation)"
            )
        backend.delete_vpc(site.physical_id)
        self._forget(site)

    def values(self, site: Site) -> dict[str, Json]:
        """Return id, address range and default security group."""
        group = _backend(site).get_security_group_by_name_or_id("default", vpc_id=site.physical_id)
        return {
            "VpcId": site.physical_id,
            "CidrBlock": site.wanted["CidrBlock"],
            "DefaultSecurityGroup": group.id if group else "",
        }


class Subnet(_Network):
    """A subnet."""

    name = "AWS::EC2::Subnet"
    required = frozenset({"VpcId", "CidrBlock"})
    properties = frozenset({"VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "Tags"})
    replaces = frozenset({"VpcId", "CidrBlock", "AvailabilityZone"})
    attributes = frozenset({"SubnetId", "AvailabilityZone", "VpcId", "CidrBlock"})

    def create(self, site: Site) -> str:
        """Create the subnet; in the first zone when the template names none."""
        zone = site.wanted.get("AvailabilityZone") or f"{site.region}a"
        if not zone.startswith(site.region):
            raise ResourceError(f"Value ({zone}) for parameter availabilityZone is invalid in {site.region}.")
        subnet = _backend(site).create_subnet(site.wanted["VpcId"], site.wanted["CidrBlock"], availability_zone=zone)
        return str(subnet.id)

    def update(self, site: Site) -> None:
        """Set tags and whether instances get public addresses."""
        public = _truth(site.wanted.get("MapPublicIpOnLaunch", False))
        _backend(site).modify_subnet_attribute(site.physical_id, "map_public_ip_on_launch", public)
        self._tag(site)

    def delete(self, site: Site) -> None:
        """Delete the subnet."""
        if _backend(site).describe_subnets(filters={"subnet-id": [site.physical_id]}):
            _backend(site).delete_subnet(site.physical_id)
            self._forget(site)

    def values(self, site: Site) -> dict[str, Json]:
        """Return id, zone, VPC and address range."""
        subnet = _backend(site).get_subnet(site.physical_id)
        return {
            "SubnetId": site.physical_id,
            "AvailabilityZone": subnet.availability_zone,
            "VpcId": site.wanted["VpcId"],
            "CidrBlock": site.wanted["CidrBlock"],
        }


class SecurityGroup(_Network):
    """A security group with its own rules."""

    name = "AWS::EC2::SecurityGroup"
    required = frozenset({"GroupDescription"})
    properties = frozenset(
        {"GroupDescription", "GroupName", "VpcId", "SecurityGroupIngress", "SecurityGroupEgress", "Tags"}
    )
    replaces = frozenset({"GroupDescription", "GroupName", "VpcId"})
    attributes = frozenset({"GroupId", "VpcId"})
    _RULE = frozenset({"IpProtocol", "FromPort", "ToPort", "CidrIp", "SourceSecurityGroupId", "Description"})

    def create(self, site: Site) -> str:
        """Create the group and its rules."""
        name = site.wanted.get("GroupName") or site.generated_name()
        group = _backend(site).create_security_group(name, site.wanted["GroupDescription"], site.wanted.get("VpcId"))
        return str(group.id)

    def update(self, site: Site) -> None:
        """Set tags and rules. Without egress rules everything may leave, as on AWS."""
        backend = _backend(site)
        group = backend.get_security_group_from_id(site.physical_id)
        if group is None:
            raise ResourceError(f"The security group '{site.physical_id}' does not exist")
        group.ingress_rules = []
        for rule in site.wanted.get("SecurityGroupIngress", []):
            backend.authorize_security_group_ingress(site.physical_id, **self._rule(rule))
        if "SecurityGroupEgress" in site.wanted:
            group.egress_rules = []
            for rule in site.wanted["SecurityGroupEgress"]:
                backend.authorize_security_group_egress(site.physical_id, **self._rule(rule))
        self._tag(site)

    def _rule(self, rule: Mapping[str, Json]) -> dict[str, Json]:
        unknown = sorted(set(rule) - self._RULE)
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} in a rule of {self.name}")
        about = {"Description": rule["Description"]} if "Description" in rule else {}
        source = rule.get("SourceSecurityGroupId")
        return {
            "ip_protocol": str(rule["IpProtocol"]),
            "from_port": rule.get("FromPort"),
            "to_port": rule.get("ToPort"),
            "ip_ranges": [{"CidrIp": rule["CidrIp"], **about}] if "CidrIp" in rule else [],
            "source_groups": [{"GroupId": source, **about}] if source else [],
        }

    def delete(self, site: Site) -> None:
        """Delete the group."""
        if _backend(site).get_security_group_from_id(site.physical_id):
            _backend(site).delete_security_group(group_id=site.physical_id)
            self._forget(site)

    def values(self, site: Site) -> dict[str, Json]:
        """Return id and VPC."""
        group = _backend(site).get_security_group_from_id(site.physical_id)
        return {"GroupId": site.physical_id, "VpcId": group.vpc_id if group else ""}


class RouteTable(_Network):
    """A route table."""

    name = "AWS::EC2::RouteTable"
    required = frozenset({"VpcId"})
    properties = frozenset({"VpcId", "Tags"})
    replaces = frozenset({"VpcId"})
    attributes = frozenset({"RouteTableId"})

    def create(self, site: Site) -> str:
        """Create the table."""
        return str(_backend(site).create_route_table(site.wanted["VpcId"]).id)

    def update(self, site: Site) -> None:
        """Set tags."""
        self._tag(site)

    def delete(self, site: Site) -> None:
        """Delete the table; refused while subnets are associated."""
        if site.physical_id in _backend(site).route_tables:
            _backend(site).delete_route_table(site.physical_id)
            self._forget(site)


class RouteTableAssociation(ResourceType):
    """A subnet that uses a route table."""

    service = "ec2"
    name = "AWS::EC2::SubnetRouteTableAssociation"
    required = frozenset({"SubnetId", "RouteTableId"})
    properties = required
    replaces = required
    attributes = frozenset({"Id"})

    def create(self, site: Site) -> str:
        """Associate subnet and table."""
        found = _backend(site).associate_route_table(site.wanted["RouteTableId"], subnet_id=site.wanted["SubnetId"])
        return str(found)

    def delete(self, site: Site) -> None:
        """End the association."""
        backend = _backend(site)
        if any(site.physical_id in table._associations for table in backend.route_tables.values()):
            backend.disassociate_route_table(site.physical_id)


class VpcEndpoint(_Network):
    """A gateway endpoint; interface endpoints are refused."""

    name = "AWS::EC2::VPCEndpoint"
    required = frozenset({"ServiceName", "VpcId"})
    properties = frozenset({"ServiceName", "VpcId", "VpcEndpointType", "RouteTableIds", "PolicyDocument", "Tags"})
    replaces = frozenset({"ServiceName", "VpcId", "VpcEndpointType"})
    attributes = frozenset({"Id"})

    def check(self, properties: Mapping[str, Json]) -> None:
        """Refuse what is no gateway."""
        super().check(properties)
        if properties.get("VpcEndpointType", "Gateway") != "Gateway":
            raise ResourceError(f"VpcEndpointType {properties['VpcEndpointType']} is not modelled by the sandbox")

    def create(self, site: Site) -> str:
        """Create the endpoint; its service must be one of this region."""
        if site.wanted["ServiceName"] not in {f"com.amazonaws.{site.region}.{name}" for name in ("s3", "dynamodb")}:
            raise ResourceError(f"The Vpc Endpoint Service '{site.wanted['ServiceName']}' does not exist")
        endpoint = _backend(site).create_vpc_endpoint(
            vpc_id=site.wanted["VpcId"],
            service_name=site.wanted["ServiceName"],
            endpoint_type="Gateway",
            policy_document=_policy(site.wanted),
            route_table_ids=list(site.wanted.get("RouteTableIds", [])),
        )
        return str(endpoint.id)

    def settle(self, site: Site) -> None:
        """Set tags; routes stand already."""
        self._tag(site)

    def update(self, site: Site) -> None:
        """Set route tables, policy and tags."""
        before, after = set(site.before.get("RouteTableIds", [])), set(site.wanted.get("RouteTableIds", []))
        _backend(site).modify_vpc_endpoint(
            site.physical_id,
            policy_doc=_policy(site.wanted) or "",
            add_subnets=None,
            remove_subnets=None,
            add_route_tables=sorted(after - before),
            remove_route_tables=sorted(before - after),
            add_security_groups=None,
            remove_security_groups=None,
        )
        self._tag(site)

    def delete(self, site: Site) -> None:
        """Delete the endpoint and its routes."""
        backend = _backend(site)
        if site.physical_id in backend.vpc_end_points:
            backend.delete_vpc_endpoints([site.physical_id])
            del backend.vpc_end_points[site.physical_id]
            self._forget(site)


def _policy(properties: Mapping[str, Json]) -> str | None:
    document = properties.get("PolicyDocument")
    return json.dumps(document) if isinstance(document, dict) else document


TYPES: tuple[ResourceType, ...] = (
    Vpc(),
    Subnet(),
    SecurityGroup(),
    RouteTable(),
    RouteTableAssociation(),
    VpcEndpoint(),
)
ERRORS = (EC2ClientError,)
