"""CloudFormation: moto's is replaced by the engine in ``recovery_ops.sandbox.cloudformation``.

moto drops properties, calls stacks complete that created nothing, and cannot roll back. What the engine does not do is
answered with 501.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from moto.cloudformation import exceptions
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.cloudformation import presenting
from recovery_ops.sandbox.cloudformation.engine import CapabilityError, Engine, ExistsError, Order
from recovery_ops.sandbox.cloudformation.stack import Stack
from recovery_ops.sandbox.cloudformation.template import TemplateError, parse
from recovery_ops.sandbox.world import World

MODELLED = {
    "cloudformation": frozenset(
        {"CreateStack", "UpdateStack", "DeleteStack", "DescribeStacks", "DescribeStackEvents", "ListStacks"}
        | {"DescribeStackResource", "DescribeStackResources", "ListStackResources", "GetTemplate", "ValidateTemplate"}
        | {"UpdateTerminationProtection"}
    )
}
DAMAGES = ("cloudformation-fail", "cloudformation-heal")

_NEW = ("update_termination_protection",)
_engines: dict[int, Engine] = {}

Answering = Callable[[Engine, CloudFormationResponse], ActionResult]


def install(world: World) -> None:
    """Put the engine behind moto's request parsing."""
    _engines[id(world)] = Engine(world, zones)
    original = patching.original(CloudFormationResponse, "RESPONSE_KEY_PATH_TO_TRANSFORMER")
    if not isinstance(original, dict):
        raise AttributeError("moto's CloudFormationResponse no longer transforms answers by key path")
    CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER = {}
    for name, answer in _ANSWERS.items():
        (patching.add if name in _NEW else patching.replace)(
            CloudFormationResponse, name, _answering(engine(world), answer)
        )


def engine(world: World) -> Engine:
    """Return the engine of ``world``."""
    return _engines[id(world)]


def zones(region: str) -> tuple[str, ...]:
    """Return the availability zones of ``region``."""
    return tuple(str(zone.name) for zone in RegionsAndZonesBackend.zones.get(region, []))


def damage(world: World, request: Mapping[str, Any]) -> dict[str, Any]:
    """Make a resource fail whenever it is created or changed (``logical_id``, ``reason``), or stop doing so."""
    sabotage = engine(world).progress.effects.sabotage
    place = (str(request["region"]), str(request["logical_id"]))
    if request["what"] == "cloudformation-heal":
        return {"was": sabotage.pop(place, None)}
    sabotage[place] = str(request.get("reason", "injected failure"))
    return {"fails": sabotage[place]}


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every stack that has not been deleted."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for stack in list(engine(world).stacks.values()):
        if stack.exists:
            entry = {"type": "AWS::CloudFormation::Stack", "id": stack.name, "tags": dict(stack.bound.tags)}
            found.setdefault(stack.region, {}).setdefault("cloudformation", []).append(entry)
    return found


def dump(world: World) -> dict[str, Any]:
    """Return all stacks, also those under way, and the injected failures."""
    return {"stacks": engine(world).stacks, "sabotage": engine(world).progress.effects.sabotage}


def load(world: World, state: Mapping[str, Any]) -> None:
    """Replace all stacks; operations that were under way go on."""
    running = engine(world)
    for stack in running.stacks.values():
        stack.work = None
    running.stacks = dict(state["stacks"])
    running.progress.effects.sabotage = dict(state["sabotage"])
    running.resume()


def _answering(running: Engine, answer: Answering) -> Callable[[CloudFormationResponse], ActionResult]:
    """Return the method that answers with ``running``, and with its refusals as CloudFormation words them."""

    def method(response: CloudFormationResponse) -> ActionResult:
        try:
            return answer(running, response)
        except TemplateError as error:
            raise exceptions.ValidationError(message=str(error)) from error
        except ExistsError as error:
            raise exceptions.AlreadyExistsException(str(error)) from error
        except CapabilityError as error:
            raise exceptions.CloudFormationError("InsufficientCapabilitiesException", str(error)) from error

    return method


def _create_stack(running: Engine, response: CloudFormationResponse) -> ActionResult:
    order = _order(response)
    if order.body is None:
        raise TemplateError("Either Template URL or Template Body must be specified.")
    return ActionResult({"StackId": running.create(order).id})


def _update_stack(running: Engine, response: CloudFormationResponse) -> ActionResult:
    order = _order(response)
    previous = response._get_bool_param("UsePreviousTemplate", False)
    if (order.body is None) != previous:
        raise TemplateError("Either Template URL, Template Body or UsePreviousTemplate must be specified.")
    return ActionResult({"StackId": running.update(order).id})


def _delete_stack(running: Engine, response: CloudFormationResponse) -> ActionResult:
    retain = tuple(response._get_param("RetainResources", []))
    running.delete(response.current_account, response.region, response._get_param("StackName"), retain)
    return EmptyResult()


def _describe_stacks(running: Engine, response: CloudFormationResponse) -> ActionResult:
    if response._get_param("StackName"):
        found = [_stack(running, response)]
    else:
        found = [stack for stack in _stacks(running, response) if stack.exists]
    return ActionResult({"Stacks": [presenting.stack(item) for item in found]})


def _list_stacks(running: Engine, response: CloudFormationResponse) -> ActionResult:
    wanted = response._get_param("StackStatusFilter", [])
    found = [stack for stack in _stacks(running, response) if not wanted or stack.status in wanted]
    return ActionResult({"StackSummaries": [presenting.summary(stack) for stack in found]})


def _describe_events(running: Engine, response: CloudFormationResponse) -> ActionResult:
    stack = _stack(running, response)
    return ActionResult({"StackEvents": [presenting.event(stack, item) for item in reversed(stack.events)]})


def _describe_resources(running: Engine, response: CloudFormationResponse) -> ActionResult:
    return ActionResult({"StackResources": _resources(running, response, response._get_param("LogicalResourceId"))})


def _describe_resource(running: Engine, response: CloudFormationResponse) -> ActionResult:
    return ActionResult(
        {"StackResourceDetail": _resources(running, response, response._get_param("LogicalResourceId"))[0]}
    )


def _list_resources(running: Engine, response: CloudFormationResponse) -> ActionResult:
    return ActionResult({"StackResourceSummaries": _resources(running, response, None)})


def _get_template(running: Engine, response: CloudFormationResponse) -> ActionResult:
    body = _stack(running, response).bound.template.body
    return ActionResult({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]})


def _validate_template(_: Engine, response: CloudFormationResponse) -> ActionResult:
    body = _body(response)
    if body is None:
        raise TemplateError("Either Template URL or Template Body must be specified.")
    return ActionResult(presenting.validated(parse(body)))


def _protect(running: Engine, response: CloudFormationResponse) -> ActionResult:
    stack = _stack(running, response)
    stack.protected = response._get_bool_param("EnableTerminationProtection", False)
    return ActionResult({"StackId": stack.id})


def _stacks(running: Engine, response: CloudFormationResponse) -> list[Stack]:
    return running.of_region(response.current_account, response.region)


def _stack(running: Engine, response: CloudFormationResponse) -> Stack:
    return running.get(response.current_account, response.region, str(response._get_param("StackName")))


def _resources(running: Engine, response: CloudFormationResponse, logical_id: str | None) -> list[dict[str, Any]]:
    stack = _stack(running, response)
    found = [item for item in stack.resources.values() if logical_id in (None, item.logical_id)]
    if logical_id and not found:
        raise TemplateError(f"Resource {logical_id} does not exist for stack {stack.name}")
    return [presenting.resource(stack, item) for item in found]


def _body(response: CloudFormationResponse) -> str | None:
    if url := response._get_param("TemplateURL"):
        return str(response._get_stack_from_s3_url(url))
    body = response._get_param("TemplateBody")
    return None if body is None else str(body)


def _order(response: CloudFormationResponse) -> Order:
    given = response._get_param("Parameters", [])
    tags = response._get_param("Tags")
    never_back = response._get_bool_param("DisableRollback", False)
    return Order(
        account=response.current_account,
        region=response.region,
        name=_name(response),
        body=_body(response),
        parameters={p["ParameterKey"]: p["ParameterValue"] for p in given if not _truth(p.get("UsePreviousValue"))},
        previous=frozenset(p["ParameterKey"] for p in given if _truth(p.get("UsePreviousValue"))),
        tags=None if tags is None else {tag["Key"]: tag["Value"] for tag in tags},
        capabilities=tuple(response._get_param("Capabilities", [])),
        token=response._get_param("ClientRequestToken") or "",
        on_failure="DO_NOTHING" if never_back else response._get_param("OnFailure") or "ROLLBACK",
        protected=response._get_bool_param("EnableTerminationProtection", False),
        role_arn=response._get_param("RoleARN"),
    )


def _name(response: CloudFormationResponse) -> str:
    name = str(response._get_param("StackName"))
    presenting.check_name(name)
    return name


def _truth(value: Any) -> bool:
    return str(value).lower() == "true"


_ANSWERS: Mapping[str, Answering] = MappingProxyType(
    {
        "create_stack": _create_stack,
        "update_stack": _update_stack,
        "delete_stack": _delete_stack,
        "describe_stacks": _describe_stacks,
        "list_stacks": _list_stacks,
        "describe_stack_events": _describe_events,
        "describe_stack_resource": _describe_resource,
        "describe_stack_resources": _describe_resources,
        "list_stack_resources": _list_resources,
        "get_template": _get_template,
        "validate_template": _validate_template,
        "update_termination_protection": _protect,
    }
)
