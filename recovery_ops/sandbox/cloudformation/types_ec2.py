"""AWS::EC2 resources: a network of its own, its subnets, and a gateway to S3."""

import json
from collections.abc import Mapping
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import EC2Backend, ec2_backends

from recovery_ops.sandbox.cloudformation.types import Changeable, ResourceError, ResourceType, Site, own_tags

Json = Any


def _backend(site: Site) -> EC2Backend:
    return ec2_backends[site.account][site.region]


def _truth(value: Json) -> bool:
    return str(value).lower() == "true"


class _Network(Changeable):
    """What every EC2 type has in common: its tags, and that deleting what is gone is no error."""

    service = "ec2"

    def _tag(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        backend = _backend(site)
        backend.tags.pop(physical_id, None)
        backend.create_tags([physical_id], {**site.tags, **own_tags(properties)})

    def _forget(self, site: Site, physical_id: str) -> None:
        _backend(site).tags.pop(physical_id, None)


class Vpc(_Network):
    """A VPC."""

    name = "AWS::EC2::VPC"
    required = frozenset({"CidrBlock"})
    properties = frozenset({"CidrBlock", "EnableDnsSupport", "EnableDnsHostnames", "InstanceTenancy", "Tags"})
    replaces = frozenset({"CidrBlock", "InstanceTenancy"})
    attributes = frozenset({"VpcId", "CidrBlock", "DefaultSecurityGroup"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the VPC."""
        tenancy = properties.get("InstanceTenancy", "default")
        vpc = _backend(site).create_vpc(properties["CidrBlock"], instance_tenancy=tenancy)
        return str(vpc.id)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set tags and DNS attributes."""
        backend = _backend(site)
        support, hostnames = new.get("EnableDnsSupport", True), new.get("EnableDnsHostnames", False)
        backend.modify_vpc_attribute(physical_id, "enable_dns_support", str(_truth(support)).lower())
        backend.modify_vpc_attribute(physical_id, "enable_dns_hostnames", str(_truth(hostnames)).lower())
        self._tag(site, physical_id, new)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the VPC; refused while security groups of others are in it."""
        backend = _backend(site)
        if physical_id not in backend.vpcs:
            return
        groups = [group for group in backend.groups.get(physical_id, {}).values() if group.name != "default"]
        if groups:
            raise ResourceError(
                f"The vpc '{physical_id}' has dependencies and cannot be deleted. (DependencyViolation)"
            )
        backend.delete_vpc(physical_id)
        self._forget(site, physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return id, address range and default security group."""
        group = _backend(site).get_security_group_by_name_or_id("default", vpc_id=physical_id)
        return {
            "VpcId": physical_id,
            "CidrBlock": properties["CidrBlock"],
            "DefaultSecurityGroup": group.id if group else "",
        }


class Subnet(_Network):
    """A subnet."""

    name = "AWS::EC2::Subnet"
    required = frozenset({"VpcId", "CidrBlock"})
    properties = frozenset({"VpcId", "CidrBlock", "AvailabilityZone", "MapPublicIpOnLaunch", "Tags"})
    replaces = frozenset({"VpcId", "CidrBlock", "AvailabilityZone"})
    attributes = frozenset({"SubnetId", "AvailabilityZone", "VpcId", "CidrBlock"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the subnet; in the first zone when the template names none."""
        zone = properties.get("AvailabilityZone") or f"{site.region}a"
        if not zone.startswith(site.region):
            raise ResourceError(f"Value ({zone}) for parameter availabilityZone is invalid in {site.region}.")
        subnet = _backend(site).create_subnet(properties["VpcId"], properties["CidrBlock"], availability_zone=zone)
        return str(subnet.id)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set tags and whether instances get public addresses."""
        public = _truth(new.get("MapPublicIpOnLaunch", False))
        _backend(site).modify_subnet_attribute(physical_id, "map_public_ip_on_launch", public)
        self._tag(site, physical_id, new)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the subnet."""
        if _backend(site).describe_subnets(filters={"subnet-id": [physical_id]}):
            _backend(site).delete_subnet(physical_id)
            self._forget(site, physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return id, zone, VPC and address range."""
        subnet = _backend(site).get_subnet(physical_id)
        return {
            "SubnetId": physical_id,
            "AvailabilityZone": subnet.availability_zone,
            "VpcId": properties["VpcId"],
            "CidrBlock": properties["CidrBlock"],
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

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the group and its rules."""
        name = properties.get("GroupName") or site.generated_name()
        group = _backend(site).create_security_group(name, properties["GroupDescription"], properties.get("VpcId"))
        return str(group.id)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set tags and rules. Without egress rules everything may leave, as on AWS."""
        backend = _backend(site)
        group = backend.get_security_group_from_id(physical_id)
        if group is None:
            raise ResourceError(f"The security group '{physical_id}' does not exist")
        group.ingress_rules = []
        for rule in new.get("SecurityGroupIngress", []):
            backend.authorize_security_group_ingress(physical_id, **self._rule(rule))
        if "SecurityGroupEgress" in new:
            group.egress_rules = []
            for rule in new["SecurityGroupEgress"]:
                backend.authorize_security_group_egress(physical_id, **self._rule(rule))
        self._tag(site, physical_id, new)

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

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the group."""
        if _backend(site).get_security_group_from_id(physical_id):
            _backend(site).delete_security_group(group_id=physical_id)
            self._forget(site, physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return id and VPC."""
        group = _backend(site).get_security_group_from_id(physical_id)
        return {"GroupId": physical_id, "VpcId": group.vpc_id if group else ""}


class RouteTable(_Network):
    """A route table."""

    name = "AWS::EC2::RouteTable"
    required = frozenset({"VpcId"})
    properties = frozenset({"VpcId", "Tags"})
    replaces = frozenset({"VpcId"})
    attributes = frozenset({"RouteTableId"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the table."""
        return str(_backend(site).create_route_table(properties["VpcId"]).id)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set tags."""
        self._tag(site, physical_id, new)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the table; refused while subnets are associated."""
        if physical_id in _backend(site).route_tables:
            _backend(site).delete_route_table(physical_id)
            self._forget(site, physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return the id."""
        return {"RouteTableId": physical_id}


class RouteTableAssociation(ResourceType):
    """A subnet that uses a route table."""

    service = "ec2"
    name = "AWS::EC2::SubnetRouteTableAssociation"
    required = frozenset({"SubnetId", "RouteTableId"})
    properties = required
    replaces = required
    attributes = frozenset({"Id"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Associate subnet and table."""
        found = _backend(site).associate_route_table(properties["RouteTableId"], subnet_id=properties["SubnetId"])
        return str(found)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """End the association."""
        backend = _backend(site)
        if any(physical_id in table._associations for table in backend.route_tables.values()):
            backend.disassociate_route_table(physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return the id."""
        return {"Id": physical_id}


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

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the endpoint; its service must be one of this region."""
        if properties["ServiceName"] not in {f"com.amazonaws.{site.region}.{name}" for name in ("s3", "dynamodb")}:
            raise ResourceError(f"The Vpc Endpoint Service '{properties['ServiceName']}' does not exist")
        endpoint = _backend(site).create_vpc_endpoint(
            vpc_id=properties["VpcId"],
            service_name=properties["ServiceName"],
            endpoint_type="Gateway",
            policy_document=_policy(properties),
            route_table_ids=list(properties.get("RouteTableIds", [])),
        )
        return str(endpoint.id)

    def settle(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Set tags; routes stand already."""
        self._tag(site, physical_id, properties)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set route tables, policy and tags."""
        before, after = set(old.get("RouteTableIds", [])), set(new.get("RouteTableIds", []))
        _backend(site).modify_vpc_endpoint(
            physical_id,
            policy_doc=_policy(new) or "",
            add_subnets=None,
            remove_subnets=None,
            add_route_tables=sorted(after - before),
            remove_route_tables=sorted(before - after),
            add_security_groups=None,
            remove_security_groups=None,
        )
        self._tag(site, physical_id, new)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the endpoint and its routes."""
        backend = _backend(site)
        if physical_id in backend.vpc_end_points:
            backend.delete_vpc_endpoints([physical_id])
            del backend.vpc_end_points[physical_id]
            self._forget(site, physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return the id."""
        return {"Id": physical_id}


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
