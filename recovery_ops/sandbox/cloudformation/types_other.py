"""Log groups, parameters, buckets and roles."""

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import IAMBackend, iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import s3_backends
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends

from recovery_ops.sandbox.cloudformation.types import Changeable, ResourceError, ResourceType, Site, own_tags, tag_list

Json = Any


class LogGroup(Changeable):
    """AWS::Logs::LogGroup."""

    name = "AWS::Logs::LogGroup"
    service = "logs"
    properties = frozenset({"LogGroupName", "RetentionInDays", "Tags"})
    replaces = frozenset({"LogGroupName"})
    attributes = frozenset({"Arn"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the group."""
        name = properties.get("LogGroupName") or site.generated_name()
        logs_backends[site.account][site.region].create_log_group(name, {})
        return str(name)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set retention and tags."""
        backend = logs_backends[site.account][site.region]
        backend.groups[physical_id].set_retention_policy(new.get("RetentionInDays"))
        backend.tagger.delete_all_tags_for_resource(backend.groups[physical_id].arn)
        backend.tag_log_group(physical_id, {**site.tags, **own_tags(new)})

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the group with what it holds."""
        logs_backends[site.account][site.region].groups.pop(physical_id, None)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return the ARN."""
        return {"Arn": f"{logs_backends[site.account][site.region].groups[physical_id].arn}:*"}


class Parameter(ResourceType):
    """AWS::SSM::Parameter; SecureString cannot be made by CloudFormation, as on AWS."""

    name = "AWS::SSM::Parameter"
    service = "ssm"
    required = frozenset({"Type", "Value"})
    properties = required | {"Name", "Description", "AllowedPattern", "Tier", "DataType", "Tags"}
    replaces = frozenset({"Name"})
    attributes = frozenset({"Type", "Value"})

    def check(self, properties: Mapping[str, Json]) -> None:
        """Refuse secret values."""
        super().check(properties)
        if properties["Type"] not in ("String", "StringList"):
            raise ResourceError(f"Type {properties['Type']} of a parameter is not supported by CloudFormation")

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the parameter; one that exists is refused."""
        name = properties.get("Name") or site.generated_name()
        self._put(site, name, properties, overwrite=False)
        return str(name)

    def settle(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Set tags."""
        self._tag(site, physical_id, properties)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Write a new version and set tags."""
        if {**old, "Tags": None} != {**new, "Tags": None}:
            self._put(site, physical_id, new, overwrite=True)
        self._tag(site, physical_id, new)

    def _put(self, site: Site, name: str, properties: Mapping[str, Json], *, overwrite: bool) -> None:
        self._backend(site).put_parameter(
            name=name,
            description=properties.get("Description", ""),
            value=str(properties["Value"]),
            parameter_type=properties["Type"],
            allowed_pattern=properties.get("AllowedPattern", ""),
            keyid="",
            overwrite=overwrite,
            tags=[],
            data_type=properties.get("DataType", "text"),
            tier=properties.get("Tier"),
            policies=None,
        )

    def _tag(self, site: Site, name: str, properties: Mapping[str, Json]) -> None:
        tags = self._backend(site)._resource_tags["Parameter"][name]
        tags.clear()
        tags.update({**site.tags, **own_tags(properties)})

    def _backend(self, site: Site) -> SimpleSystemManagerBackend:
        return ssm_backends[site.account][site.region]

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the parameter with its history."""
        backend = self._backend(site)
        if backend.get_parameters([physical_id]):
            backend.delete_parameter(physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return type and value."""
        return {"Type": properties["Type"], "Value": str(properties["Value"])}


class Bucket(Changeable):
    """AWS::S3::Bucket with versioning, encryption setting and public access block."""

    name = "AWS::S3::Bucket"
    service = "s3"
    properties = frozenset(
        {"BucketName", "VersioningConfiguration", "BucketEncryption", "PublicAccessBlockConfiguration", "Tags"}
    )
    replaces = frozenset({"BucketName"})
    attributes = frozenset({"Arn", "DomainName", "RegionalDomainName"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the bucket in the region of the stack."""
        name = properties.get("BucketName") or site.generated_name(63).lower()
        s3_backends[site.account]["aws"].create_bucket(name, site.region)
        return str(name)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set versioning, encryption, access block and tags. Versioning once on can only be suspended."""
        backend = s3_backends[site.account]["aws"]
        wanted = new.get("VersioningConfiguration", {}).get("Status")
        if wanted or old.get("VersioningConfiguration"):
            backend.put_bucket_versioning(physical_id, wanted or "Suspended")
        rules = new.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        if rules:
            encryption = {"Rule": [{"ApplyServerSideEncryptionByDefault": _encryption(rule)} for rule in rules]}
            backend.put_bucket_encryption(physical_id, encryption)
        block = new.get("PublicAccessBlockConfiguration")
        if block:
            backend.put_bucket_public_access_block(physical_id, {k: str(v).lower() for k, v in block.items()})
        backend.put_bucket_tagging(physical_id, {**site.tags, **own_tags(new)})

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the bucket; refused while anything is in it."""
        backend = s3_backends[site.account]["aws"]
        if physical_id in backend.buckets and backend.delete_bucket(physical_id) is None:
            raise ResourceError("The bucket you tried to delete is not empty (Service: S3, BucketNotEmpty)")

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return the ARN and the two host names."""
        return {
            "Arn": f"arn:aws:s3:::{physical_id}",
            "DomainName": f"{physical_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{physical_id}.s3.{site.region}.amazonaws.com",
        }


def _encryption(rule: Mapping[str, Json]) -> dict[str, Json]:
    return dict(rule["ServerSideEncryptionByDefault"])


class Role(Changeable):
    """AWS::IAM::Role. Its control plane is in us-east-1, whatever region the stack is in."""

    name = "AWS::IAM::Role"
    service = "iam"
    required = frozenset({"AssumeRolePolicyDocument"})
    properties = required | {"RoleName", "Path", "Description", "ManagedPolicyArns", "Policies", "Tags"}
    replaces = frozenset({"RoleName", "Path"})
    attributes = frozenset({"Arn", "RoleId"})

    def create(self, site: Site, properties: Mapping[str, Json]) -> str:
        """Create the role with its policies."""
        name = properties.get("RoleName") or site.generated_name(64)
        self._backend(site).create_role(
            role_name=name,
            assume_role_policy_document=json.dumps(properties["AssumeRolePolicyDocument"]),
            path=properties.get("Path", "/"),
            permissions_boundary=None,
            description=properties.get("Description", ""),
            tags=[],
            max_session_duration="3600",
        )
        return str(name)

    def update(self, site: Site, physical_id: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> None:
        """Set trust, policies, description and tags."""
        backend = self._backend(site)
        backend.update_assume_role_policy(physical_id, json.dumps(new["AssumeRolePolicyDocument"]))
        backend.update_role_description(physical_id, new.get("Description", ""))
        self._detach(site, physical_id)
        for policy in new.get("Policies", []):
            backend.put_role_policy(physical_id, policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        for arn in new.get("ManagedPolicyArns", []):
            backend.attach_role_policy(arn, physical_id)
        backend.get_role(physical_id).tags = {}
        backend.tag_role(physical_id, tag_list({**site.tags, **own_tags(new)}))

    def _detach(self, site: Site, name: str) -> None:
        backend = self._backend(site)
        role = backend.get_role(name)
        for policy in list(role.policies):
            backend.delete_role_policy(name, policy)
        for arn in list(role.managed_policies):
            backend.detach_role_policy(arn, name)

    def delete(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> None:
        """Delete the role with its policies."""
        if any(role.name == physical_id for role in self._backend(site).roles.values()):
            self._detach(site, physical_id)
            self._backend(site).delete_role(physical_id)

    def values(self, site: Site, physical_id: str, properties: Mapping[str, Json]) -> dict[str, Json]:
        """Return ARN and id."""
        role = self._backend(site).get_role(physical_id)
        return {"Arn": role.arn, "RoleId": role.id}

    def _backend(self, site: Site) -> IAMBackend:
        return iam_backends[site.account]["aws"]


TYPES: tuple[ResourceType, ...] = (LogGroup(), Parameter(), Bucket(), Role())
