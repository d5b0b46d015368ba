"""What an endpoint takes from the components it needs: the model, features to look up, a network."""

from collections.abc import Mapping
from typing import Any

from recovery_ops.aws import served
from recovery_ops.errors import StepFailedError
from recovery_ops.kinds import StepContext
from recovery_ops.kinds.sagemaker_endpoint.settings import SagemakerEndpointSettings
from recovery_ops.model.points import Capture
from recovery_ops.model.system import Component, System

REGISTRY, FEATURES, NETWORK = "model-registry", "feature-store", "cloudformation-stack"


def need(system: System, component: Component, kind_name: str) -> str | None:
    """Return which component of a kind ``component`` needs, if any."""
    needs = [system.component(name) for name in component.needs]
    return next((need.name for need in needs if need.kind == kind_name), None)


def package(ctx: StepContext, home: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the recovered model package whose model is to serve.

    Raises:
        StepFailedError: The endpoint needs no registry, or the registry has given nothing.
    """
    registry = need(ctx.system, ctx.component, REGISTRY)
    if registry is None:
        raise StepFailedError(f"{ctx.component.name} needs no {REGISTRY}; its model is not known")
    return served.chosen(ctx.output(registry, "packages"), ctx.output(registry, "current"), home)


def network(settings: SagemakerEndpointSettings, ctx: StepContext) -> dict[str, list[str]] | None:
    """Return subnets and security groups, ``None`` for an endpoint that needs no network stack.

    Raises:
        StepFailedError: The stack has not given them.
    """
    stack = need(ctx.system, ctx.component, NETWORK)
    if stack is None:
        return None
    outputs, names = ctx.output(stack, "stack_outputs"), (settings.subnets_output, settings.group_output)
    if gone := [name for name in names if not outputs.get(name)]:
        what = f"{ctx.component.name} needs {gone} of the stack {stack}, which has given {sorted(outputs)}"
        raise StepFailedError(what, component=ctx.component.name, region=ctx.target_region)
    subnets, groups = (str(outputs[name]).split(",") for name in names)
    return {"Subnets": subnets, "SecurityGroupIds": groups}


def recovered_table(ctx: StepContext) -> str | None:
    """Return the table of online features that was recovered, if the endpoint needs one."""
    features = need(ctx.system, ctx.component, FEATURES)
    return str(ctx.output(features, "table")) if features else None


def captured_table(ctx: StepContext, captures: Mapping[str, Capture]) -> str | None:
    """Return the table of online features that the point being taken holds."""
    store = captures.get(need(ctx.system, ctx.component, FEATURES) or "")
    return str(store.content["table"]) if store else None


def entity_key(ctx: StepContext) -> str:
    """Return the key of online features, empty without any."""
    features = need(ctx.system, ctx.component, FEATURES)
    return str(ctx.system.component(features).settings["key"]) if features else ""
