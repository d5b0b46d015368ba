"""Log groups, parameters, buckets and roles."""

import json
from collections.abc import Mapping
from typing import Any

from moto.iam.models import IAMBackend, iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import PublicAccessBlock, s3_backends
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends

from recovery_ops.sandbox.cloudformation.types import Changeable, ResourceError, ResourceType, Site, tag_list

Json = Any


class LogGroup(Changeable):
    """AWS::Logs::LogGroup."""

    name = "AWS::Logs::LogGroup"
    service = "logs"
    properties = frozenset({"LogGroupName", "RetentionInDays", "Tags"})
    replaces = frozenset({"LogGroupName"})
    attributes = frozenset({"Arn"})

    def create(self, site: Site) -> str:
        """Create the group."""
        name = site.wanted.get("LogGroupName") or site.generated_name()
        logs_backends[site.account][site.region].create_log_group(name, {})
        return str(name)

    def update(self, site: Site) -> None:
        """Set retention and tags."""
        backend = logs_backends[site.account][site.region]
        backend.groups[site.physical_id].set_retention_policy(site.wanted.get("RetentionInDays"))
        backend.tagger.delete_all_tags_for_resource(backend.groups[site.physical_id].arn)
        backend.tag_log_group(site.physical_id, site.all_tags)

    def delete(self, site: Site) -> None:
        """Delete the group with what it holds."""
        logs_backends[site.account][site.region].groups.pop(site.physical_id, None)

    def values(self, site: Site) -> dict[str, Json]:
        """Return the ARN."""
        return {"Arn": f"{logs_backends[site.account][site.region].groups[site.physical_id].arn}:*"}


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

    def create(self, site: Site) -> str:
        """Create the parameter; one that exists is refused."""
        name = site.wanted.get("Name") or site.generated_name()
        self._put(site, name, overwrite=False)
        return str(name)

    def settle(self, site: Site) -> None:
        """Set tags."""
        self._tag(site)

    def update(self, site: Site) -> None:
        """Write a new version and set tags."""
        if {**site.before, "Tags": None} != {**site.wanted, "Tags": None}:
            self._put(site, site.physical_id, overwrite=True)
        self._tag(site)

    def _put(self, site: Site, name: str, *, overwrite: bool) -> None:
        self._backend(site).put_parameter(
            name=name,
            description=site.wanted.get("Description", ""),
            value=str(site.wanted["Value"]),
            parameter_type=site.wanted["Type"],
            allowed_pattern=site.wanted.get("AllowedPattern", ""),
            keyid="",
            overwrite=overwrite,
            tags=[],
            data_type=site.wanted.get("DataType", "text"),
            tier=site.wanted.get("Tier"),
            policies=None,
        )

    def _tag(self, site: Site) -> None:
        tags = self._backend(site)._resource_tags["Parameter"][site.physical_id]
        tags.clear()
        tags.update(site.all_tags)

    def _backend(self, site: Site) -> SimpleSystemManagerBackend:
        return ssm_backends[site.account][site.region]

    def delete(self, site: Site) -> None:
        """Delete the parameter with its history."""
        backend = self._backend(site)
        if backend.get_parameters([site.physical_id]):
            backend.delete_parameter(site.physical_id)

    def values(self, site: Site) -> dict[str, Json]:
        """Return type and value."""
        return {"Type": site.wanted["Type"], "Value": str(site.wanted["Value"])}


class Bucket(Changeable):
    """AWS::S3::Bucket with versioning, encryption setting and public access block."""

    name = "AWS::S3::Bucket"
    service = "s3"
    properties = frozenset(
        {"BucketName", "VersioningConfiguration", "BucketEncryption", "PublicAccessBlockConfiguration", "Tags"}
    )
    replaces = frozenset({"BucketName"})
    attributes = frozenset({"Arn", "DomainName", "RegionalDomainName"})

    def create(self, site: Site) -> str:
        """Create the bucket in the region of the stack."""
        name = site.wanted.get("BucketName") or site.generated_name(63).lower()
        s3_backends[site.account]["aws"].create_bucket(name, site.region)
        return str(name)

    def update(self, site: Site) -> None:
        """Set versioning, encryption, access block and tags. Versioning once on can only be suspended."""
        backend = s3_backends[site.account]["aws"]
        wanted = site.wanted.get("VersioningConfiguration", {}).get("Status")
        if wanted or site.before.get("VersioningConfiguration"):
            backend.put_bucket_versioning(site.physical_id, wanted or "Suspended")
        self._encrypt(site)
        self._block(site)
        backend.put_bucket_tagging(site.physical_id, site.all_tags)

    def _encrypt(self, site: Site) -> None:
        backend = s3_backends[site.account]["aws"]
        rules = site.wanted.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        if len(rules) > 1:
            raise ResourceError("More than one encryption rule of a bucket is not modelled by the sandbox")
        if rules:
            wanted = {"ApplyServerSideEncryptionByDefault": dict(rules[0]["ServerSideEncryptionByDefault"])}
            backend.put_bucket_encryption(site.physical_id, {"Rule": wanted})
        else:
            backend.delete_bucket_encryption(site.physical_id)

    def _block(self, site: Site) -> None:
        wanted = site.wanted.get("PublicAccessBlockConfiguration")
        bucket = s3_backends[site.account]["aws"].get_bucket(site.physical_id)
        bucket.public_access_block = None
        if wanted:
            names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
            bucket.public_access_block = PublicAccessBlock(*(str(wanted.get(n, False)).lower() for n in names))

    def delete(self, site: Site) -> None:
        """Delete the bucket; refused while anything is in it."""
        backend = s3_backends[site.account]["aws"]
        if site.physical_id in backend.buckets and backend.delete_bucket(site.physical_id) is None:
            raise ResourceError("The bucket you tried to delete is not empty (Service: S3, BucketNotEmpty)")

    def values(self, site: Site) -> dict[str, Json]:
        """Return the ARN and the two host names."""
        return {
            "Arn": f"arn:aws:s3:::{site.physical_id}",
            "DomainName": f"{site.physical_id}.s3.amazonaws.com",
            "RegionalDomainName": f"{site.physical_id}.s3.{site.region}.amazonaws.com",
        }


class Role(Changeable):
    """AWS::IAM::Role. Its control plane is in us-east-1, whatever region the stack is in."""

    name = "AWS::IAM::Role"
    service = "iam"
    required = frozenset({"AssumeRolePolicyDocument"})
    properties = required | {"RoleName", "Path", "Description", "ManagedPolicyArns", "Policies", "Tags"}
    replaces = frozenset({"RoleName", "Path"})
    attributes = frozenset({"Arn", "RoleId"})

    def create(self, site: Site) -> str:
        """Create the role with its policies."""
        name = site.wanted.get("RoleName") or site.generated_name(64)
        self._backend(site).create_role(
            role_name=name,
            assume_role_policy_document=json.dumps(site.wanted["AssumeRolePolicyDocument"]),
            path=site.wanted.get("Path", "/"),
            permissions_boundary=None,
            description=site.wanted.get("Description", ""),
            tags=[],
            max_session_duration="3600",
        )
        return str(name)

    def update(self, site: Site) -> None:
        """Set trust, policies, description and tags."""
        backend = self._backend(site)
        backend.update_assume_role_policy(site.physical_id, json.dumps(site.wanted["AssumeRolePolicyDocument"]))
        backend.update_role_description(site.physical_id, site.wanted.get("Description", ""))
        self._detach(site, site.physical_id)
        for policy in site.wanted.get("Policies", []):
            backend.put_role_policy(site.physical_id, policy["PolicyName"], json.dumps(policy["PolicyDocument"]))
        for arn in site.wanted.get("ManagedPolicyArns", []):
            backend.attach_role_policy(arn, site.physical_id)
        backend.get_role(site.physical_id).tags = []
        backend.tag_role(site.physical_id, tag_list(site.all_tags))

    def _detach(self, site: Site, name: str) -> None:
        backend = self._backend(site)
        role = backend.get_role(name)
        for policy in list(role.policies):
            backend.delete_role_policy(name, policy)
        for arn in list(role.managed_policies):
            backend.detach_role_policy(arn, name)

    def delete(self, site: Site) -> None:
        """Delete the role with its policies."""
        if any(role.name == site.physical_id for role in self._backend(site).roles.values()):
            self._detach(site, site.physical_id)
            self._backend(site).delete_role(site.physical_id)

    def values(self, site: Site) -> dict[str, Json]:
        """Return ARN and id."""
        role = self._backend(site).get_role(site.physical_id)
        return {"Arn": role.arn, "RoleId": role.id}

    def _backend(self, site: Site) -> IAMBackend:
        return iam_backends[site.account]["aws"]


TYPES: tuple[ResourceType, ...] = (LogGroup(), Parameter(), Bucket(), Role())
