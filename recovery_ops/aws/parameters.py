"""SSM parameters under a prefix: read as they stand, written as they were. Secret values are never read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import already_done, aws_errors

SECRET = "SecureString"  # noqa: S105 - the name of a type, not a secret
DELETED_AT_ONCE = 10
"""Names that one DeleteParameters call takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter without secrets. ``name`` is relative to the prefix; ``labels`` are those of this version."""

    name: str
    type: str
    value: str
    version: int
    labels: tuple[str, ...] = ()
    tier: str = "Standard"
    data_type: str = "text"
    description: str = ""
    allowed_pattern: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"labels": list(self.labels)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Parameter":
        """Rebuild a parameter from :meth:`to_json`."""
        return cls(**{**value, "labels": tuple(value["labels"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What stands under a prefix: readable parameters, and the versions of SecureStrings, by relative name."""

    plain: Mapping[str, Parameter]
    secrets: Mapping[str, int]

    @property
    def names(self) -> set[str]:
        """Return every name, relative to the prefix."""
        return {*self.plain, *self.secrets}


def under(prefix: str, region: str) -> Shelf:
    """Return what stands under ``prefix`` (begins and ends with a slash), newest versions, without labels and tiers."""
    ssm, plain, secrets = client("ssm", region), {}, {}
    with aws_errors(f"read parameters under {prefix}", region=region):
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path=prefix.rstrip("/"), Recursive=True, WithDecryption=False
        )
        for found in (item for page in pages for item in page["Parameters"]):
            name, version = found["Name"].removeprefix(prefix), int(found["Version"])
            if found["Type"] == SECRET:
                secrets[name] = version
            else:
                plain[name] = Parameter(
                    name=name,
                    type=found["Type"],
                    value=found["Value"],
                    version=version,
                    data_type=found.get("DataType", "text"),
                )
    return Shelf(plain=plain, secrets=secrets)


def in_full(prefix: str, parameter: Parameter, region: str) -> Parameter:
    """Return ``parameter`` with labels, tier, description and pattern of exactly its version."""
    entry: Mapping[str, Any] = {}
    with aws_errors(f"read the history of {prefix}{parameter.name}", region=region):
        pages = client("ssm", region).get_paginator("get_parameter_history").paginate(Name=prefix + parameter.name)
        for page in pages:
            for found in page["Parameters"]:
                if int(found["Version"]) == parameter.version:
                    entry = found
    return Parameter(
        name=parameter.name,
        type=parameter.type,
        value=parameter.value,
        version=parameter.version,
        labels=tuple(sorted(entry.get("Labels") or ())),
        tier=entry.get("Tier") or "Standard",
        data_type=entry.get("DataType") or parameter.data_type,
        description=entry.get("Description") or "",
        allowed_pattern=entry.get("AllowedPattern") or "",
    )


def put(prefix: str, parameter: Parameter, tags: Mapping[str, str], region: str, *, exists: bool) -> int:
    """Tag and write one parameter and return its version; one that has come to exist meanwhile is overwritten.

    Tags come first: an attempt that dies in between finds the old value, and does both again.
    """
    ssm, name, labelled = client("ssm", region), prefix + parameter.name, _tags(tags)
    request = _request(name, parameter)
    with aws_errors(f"write parameter {name}", region=region):
        if not exists:
            with already_done("ParameterAlreadyExists"):
                return int(ssm.put_parameter(**request, Tags=labelled)["Version"])
        ssm.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=labelled)
        return int(ssm.put_parameter(**request, Overwrite=True)["Version"])


def label(name: str, version: int, labels: Sequence[str], region: str) -> None:
    """Move ``labels`` to ``version`` of a parameter; without labels nothing is called."""
    if labels:
        with aws_errors(f"label version {version} of {name}", region=region):
            client("ssm", region).label_parameter_version(Name=name, ParameterVersion=version, Labels=list(labels))


def delete(names: Iterable[str], region: str) -> list[str]:
    """Delete parameters and return the names that were there."""
    wanted, gone = sorted(names), []
    for start in range(0, len(wanted), DELETED_AT_ONCE):
        with aws_errors(f"delete {len(wanted)} parameters", region=region):
            answer = client("ssm", region).delete_parameters(Names=wanted[start : start + DELETED_AT_ONCE])
        gone += answer["DeletedParameters"]
    return gone


def _request(name: str, parameter: Parameter) -> dict[str, Any]:
    """Return the request; what AWS would refuse to change back, and what is the default, is left out."""
    request = {"Name": name, "Value": parameter.value, "Type": parameter.type, "DataType": parameter.data_type}
    optional = {
        "Description": parameter.description,
        "AllowedPattern": parameter.allowed_pattern,
        "Tier": parameter.tier if parameter.tier == "Advanced" else "",
    }
    return request | {key: value for key, value in optional.items() if value}


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
