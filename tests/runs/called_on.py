"""Which ARN a call acts on, derived from its parameters, as the tables of the Service Authorization Reference say."""

from collections.abc import Iterator, Mapping
from typing import Any

from recovery_ops.aws.actions import UNBOUND
from recovery_ops.model.access import PASS_ROLE
from recovery_ops.sandbox.world import ACCOUNT

TYPES: Mapping[str, Mapping[str, str]] = {
    "application-autoscaling": {"ResourceId": "scalable-target/0a1b2c"},
    "cloudformation": {"StackName": "stack/{}/0a1b2c"},
    "dynamodb": dict.fromkeys(("TableName", "SourceTableName", "TargetTableName"), "table/{}"),
    "ecr": {"repositoryName": "repository/{}"},
    "iam": {"RoleName": "role/{}"},
    "route53": {"HostedZoneId": "hostedzone/{}", "HealthCheckId": "healthcheck/{}"},
    "sagemaker": {
        "EndpointName": "endpoint/{}",
        "EndpointConfigName": "endpoint-config/{}",
        "ModelName": "model/{}",
        "ModelPackageGroupName": "model-package-group/{}",
        "ModelPackageName": "model-package/{}",
    },
    "ssm": dict.fromkeys(("Name", "Names", "Path", "ResourceId"), "parameter{}"),
}
"""Service -> parameter -> resource; a parameter that is an ARN already is taken as it is, and so is one called so."""
PASSED = {"cloudformation": "RoleARN", "sagemaker": "ExecutionRoleArn"}
"""Service -> parameter with the role that it is handed."""


def resources(action: str, service: str, params: Mapping[str, Any], region: str) -> list[str]:
    """Return the ARNs that ``action`` is judged on when ``service`` is called with ``params`` in ``region``."""
    if action in UNBOUND:
        return ["*"]
    if action == PASS_ROLE:
        return [_role(service, params)]
    if service == "s3":
        key = f"/{params.get('Key', 'any')}" if "Object" in action else ""
        return [f"arn:aws:s3:::{params['Bucket']}{key}"]
    if service == "iam" and "PolicySourceArn" in params:
        return [str(params["PolicySourceArn"])]
    return list(_named(action.partition(":")[0], params, region))


def _role(service: str, params: Mapping[str, Any]) -> str:
    if service == "s3":
        return str(params["ReplicationConfiguration"]["Role"])
    return str(params[PASSED[service]])


def _named(prefix: str, params: Mapping[str, Any], region: str) -> Iterator[str]:
    place = {"iam": f":{ACCOUNT}", "route53": ":"}.get(prefix, f"{region}:{ACCOUNT}")
    begin = f"arn:aws:{prefix}:{place}:"
    for name, shape in TYPES.get(prefix, {}).items():
        for value in _listed(params.get(name)):
            known = value.rpartition("/")[2] if prefix == "route53" else value
            yield value if value.startswith("arn:") else begin + shape.format(known)
    yield from (str(value) for name, value in params.items() if name in ("ResourceArn", "ModelPackageArn"))
    yield from (f"{begin}table/{name}" for name in params.get("RequestItems", ()))


def _listed(value: Any) -> list[str]:
    return [] if value is None else [str(item) for item in value] if isinstance(value, list) else [str(value)]
