"""SageMaker endpoints: what serves, and how it is deployed anew in place."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery_ops.aws.clients import client
from recovery_ops.aws.translate import already_done, aws_errors, found
from recovery_ops.aws.waiting import Clock
from recovery_ops.errors import DeadlineExceededError, StepInterruptedError
from recovery_ops.model.operations import OperationState, OperationStatus

EXISTS = "already existing"
BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack")
SERVING = "InService"
DELETION_S = 600.0
"""Modelled seconds that the deletion of a failed endpoint may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One endpoint as SageMaker describes it. ``pending`` is the configuration that it is being moved to, if any."""

    name: str
    arn: str
    status: str
    config: str
    pending: str | None
    reason: str
    variant: str
    desired: int
    current: int

    @property
    def target(self) -> str:
        """Return the configuration it has, or will have when the deployment under way succeeds."""
        return self.pending or self.config

    @property
    def busy(self) -> bool:
        """Return whether a deployment is under way, so that no other can be started."""
        return self.status in BUSY


def look(name: str, region: str) -> Serving | None:
    """Return the endpoint ``name``, or ``None`` when there is none."""
    with aws_errors(f"look at endpoint {name}", region=region):
        seen = found(lambda: dict(client("sagemaker", region).describe_endpoint(EndpointName=name)))
    if seen is None:
        return None
    variant = (seen.get("ProductionVariants") or [{}])[0]
    return Serving(
        name=name,
        arn=str(seen["EndpointArn"]),
        status=str(seen["EndpointStatus"]),
        config=str(seen.get("EndpointConfigName", "")),
        pending=(seen.get("PendingDeploymentSummary") or {}).get("EndpointConfigName"),
        reason=str(seen.get("FailureReason", "")),
        variant=str(variant.get("VariantName", "")),
        desired=int(variant.get("DesiredInstanceCount") or 0),
        current=int(variant.get("CurrentInstanceCount") or 0),
    )


def progress(seen: Serving | None, config: str, count: int) -> OperationStatus:
    """Return how far a deployment of ``config`` with ``count`` instances has come.

    AWS rolls a failed update back: in service with another configuration and a failure reason means failed. Without a
    reason the deployment is not visible yet.
    """
    running, failed = OperationState.RUNNING, OperationState.FAILED
    if seen is None:
        return OperationStatus(state=failed, detail="the endpoint is not there any more")
    if seen.busy:
        return OperationStatus(state=running, detail=f"{seen.status} to {seen.target}")
    if seen.status != SERVING:
        return OperationStatus(state=failed, detail=f"{seen.status}: {seen.reason or 'no reason given'}")
    if seen.config != config:
        detail = f"{SERVING} with {seen.config}" + (f": {seen.reason}" if seen.reason else ", update not visible yet")
        return OperationStatus(state=failed if seen.reason else running, detail=detail)
    if seen.current < count:
        return OperationStatus(state=running, detail=f"{seen.current} of {count} instances")
    return OperationStatus(state=OperationState.SUCCEEDED, detail=f"{SERVING} with {seen.current} instances")


def config_of(name: str, region: str) -> dict[str, Any]:
    """Return DescribeEndpointConfig without response metadata; empty when there is no such configuration."""
    with aws_errors(f"look at endpoint configuration {name}", region=region):
        seen = found(lambda: dict(client("sagemaker", region).describe_endpoint_config(EndpointConfigName=name)))
    return _facts(seen)


def model_of(name: str, region: str) -> dict[str, Any]:
    """Return DescribeModel without response metadata; empty when there is no such model."""
    with aws_errors(f"look at model {name}", region=region):
        return _facts(found(lambda: dict(client("sagemaker", region).describe_model(ModelName=name))))


def container_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the container that answers: the primary one, or the first of several."""
    return dict(model.get("PrimaryContainer") or (model.get("Containers") or [{}])[0])


def tags_of(arn: str, region: str) -> dict[str, str]:
    """Return the tags of a SageMaker resource."""
    with aws_errors(f"look at tags of {arn}", region=region):
        pages = client("sagemaker", region).get_paginator("list_tags").paginate(ResourceArn=arn)
        return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}


def tag(arn: str, tags: Mapping[str, str], region: str) -> None:
    """Add or replace tags. Safe to repeat."""
    with aws_errors(f"tag {arn}", region=region):
        client("sagemaker", region).add_tags(ResourceArn=arn, Tags=tag_list(tags))


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as SageMaker wants them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def ensure_model(name: str, model: Mapping[str, Any], tags: Mapping[str, str], region: str) -> None:
    """Create a model, or keep the one that an earlier attempt made under this name. Safe to repeat."""
    with aws_errors(f"make model {name}", region=region), already_done("ValidationException", containing=EXISTS):
        if not model_of(name, region):
            client("sagemaker", region).create_model(ModelName=name, Tags=tag_list(tags), **model)


def ensure_config(name: str, variant: Mapping[str, Any], tags: Mapping[str, str], region: str) -> None:
    """Create an endpoint configuration with one variant, or keep the one of an earlier attempt. Safe to repeat."""
    with (
        aws_errors(f"make endpoint configuration {name}", region=region),
        already_done("ValidationException", containing=EXISTS),
    ):
        if not config_of(name, region):
            client("sagemaker", region).create_endpoint_config(
                EndpointConfigName=name, ProductionVariants=[dict(variant)], Tags=tag_list(tags)
            )


def deploy(seen: Serving | None, name: str, config: str, tags: Mapping[str, str], region: str) -> None:
    """Create the endpoint, or move the one there is to ``config``; returns when SageMaker has accepted it.

    Raises:
        StepInterruptedError: Another deployment is under way; repeat when it is over.
        StepRejectedError: SageMaker refuses, for example for lack of quota (``aws_code`` ResourceLimitExceeded).
    """
    sagemaker = client("sagemaker", region)
    if seen is not None and seen.busy:
        message = f"endpoint {name} in {region} is {seen.status} to {seen.target}; it can be moved when that is over"
        raise StepInterruptedError(message, region=region)
    with aws_errors(f"deploy {config} to endpoint {name}", region=region):
        if seen is None:
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=tag_list(tags))
        else:
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)


def remove(name: str, region: str, *, factor: float, clock: Clock) -> bool:
    """Delete an endpoint and wait until it is gone; ``factor`` is wall seconds per AWS second. Safe to repeat.

    Returns:
        Whether there was one.

    Raises:
        DeadlineExceededError: It is still being deleted; repeat.
    """
    seen = look(name, region)
    if seen is None:
        return False
    if seen.status != "Deleting":
        with aws_errors(f"delete endpoint {name}", region=region):
            found(lambda: client("sagemaker", region).delete_endpoint(EndpointName=name))
    end = clock.monotonic() + DELETION_S * factor + 1.0
    while look(name, region) is not None:
        if clock.monotonic() > end:
            raise DeadlineExceededError(f"endpoint {name} in {region} is still being deleted", region=region)
        clock.sleep(max(10.0 * factor, 0.02))
    return True


def remove_named(fragment: str, region: str, *, keep: str = "") -> list[str]:
    """Delete the endpoint configurations and models whose name contains ``fragment``; returns what was deleted.

    A configuration called ``keep`` stays, and so does its model: an endpoint uses them. Safe to repeat.
    """
    sagemaker = client("sagemaker", region)
    used = [variant["ModelName"] for variant in config_of(keep, region).get("ProductionVariants", [])] if keep else []
    with aws_errors(f"remove what is named {fragment}", region=region):
        pages = sagemaker.get_paginator("list_endpoint_configs").paginate(NameContains=fragment)
        configs = [item["EndpointConfigName"] for page in pages for item in page["EndpointConfigs"]]
        pages = sagemaker.get_paginator("list_models").paginate(NameContains=fragment)
        models = [item["ModelName"] for page in pages for item in page["Models"]]
        for name in configs:
            if name != keep:
                found(lambda config=name: sagemaker.delete_endpoint_config(EndpointConfigName=config))  # type: ignore[misc]
        for name in models:
            if name not in used:
                found(lambda model=name: sagemaker.delete_model(ModelName=model))  # type: ignore[misc]
    removed = [f"endpoint configuration {name}" for name in configs if name != keep]
    return removed + [f"model {name}" for name in models if name not in used]


def predictor(endpoint: str, region: str) -> Callable[[Sequence[Sequence[float]]], list[float]]:
    """Return a function that sends rows as CSV to ``endpoint`` and returns one score per row.

    A call ends with the time-outs of our clients; a failed one raises as every AWS call here does.
    """

    def predict(rows: Sequence[Sequence[float]]) -> list[float]:
        body = "\n".join(",".join(repr(float(value)) for value in row) for row in rows)
        with aws_errors(f"invoke endpoint {endpoint}", region=region):
            answer = client("sagemaker-runtime", region).invoke_endpoint(
                EndpointName=endpoint, ContentType="text/csv", Accept="text/csv", Body=body.encode()
            )
            return scores_of(answer["Body"].read().decode(), str(answer.get("ContentType", "")))

    return predict


def scores_of(text: str, content_type: str) -> list[float]:
    """Return the scores of an answer in CSV (lines or one line) or JSON (a list, or under ``predictions``).

    Raises:
        ValueError: The answer holds something else.
    """
    if "json" in content_type:
        value = json.loads(text)
        return [float(score) for score in (value["predictions"] if isinstance(value, dict) else value)]
    return [float(score) for score in text.replace(",", "\n").split()]


def _facts(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (answer or {}).items() if name != "ResponseMetadata"}
