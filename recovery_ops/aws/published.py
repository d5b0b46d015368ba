"""Single SSM parameters that publish where something is."""

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import aws_errors, found


def value_of(name: str, region: str) -> str | None:
    """Return the value of a parameter, or ``None`` when it is not there."""
    with aws_errors(f"read parameter {name}", region=region):
        answer = found(lambda: client("ssm", region).get_parameter(Name=name))
    return str(answer["Parameter"]["Value"]) if answer else None


def publish(name: str, value: str, region: str) -> bool:
    """Set a parameter unless it has that value; returns whether it was changed. Safe to repeat."""
    if value_of(name, region) == value:
        return False
    with aws_errors(f"set parameter {name}", region=region):
        client("ssm", region).put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    return True
