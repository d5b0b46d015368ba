"""Stacks and what is asked of them. Time passes in ``progress``; here requests are checked and set going.

Every method is called with the lock of service ``cloudformation`` held: requests hold it already, callbacks of the
clock take it. There is no other lock.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from recovery_ops.sandbox.cloudformation import registry
from recovery_ops.sandbox.cloudformation.binding import Bound, Place, bind
from recovery_ops.sandbox.cloudformation.progress import Progress
from recovery_ops.sandbox.cloudformation.stack import Stack, Work, now
from recovery_ops.sandbox.cloudformation.template import Template, TemplateError, parse
from recovery_ops.sandbox.world import World

_UPDATABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class ExistsError(Exception):
    """A stack of this name exists."""


class CapabilityError(Exception):
    """The caller did not acknowledge that the template creates roles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a caller wants a stack to be. ``None`` for template or tags: as before."""

    account: str
    region: str
    name: str
    body: str | None
    parameters: Mapping[str, str] = field(default_factory=dict)
    previous: frozenset[str] = frozenset()
    tags: Mapping[str, str] | None = None
    capabilities: tuple[str, ...] = ()
    token: str = ""
    on_failure: str = "ROLLBACK"
    protected: bool = False
    role_arn: str | None = None


class Engine:
    """All stacks of one world. ``zones`` names the availability zones of a region."""

    def __init__(self, world: World, zones: Callable[[str], tuple[str, ...]]) -> None:
        self._zones = zones
        self.stacks: dict[str, Stack] = {}
        self.progress = Progress(world)

    def create(self, order: Order) -> Stack:
        """Start to create a stack and return it.

        Raises:
            TemplateError: The template or its parameters are wrong; nothing was created.
            ExistsError: The name is taken.
            CapabilityError: Roles were not acknowledged.
        """
        standing = self.find(order.account, order.region, order.name)
        if standing is not None:
            if order.token and standing.token == order.token:
                return standing
            raise ExistsError(f"Stack [{order.name}] already exists")
        bound = self._bind(order, parse(order.body or ""), order.parameters, order.tags or {})
        stack = Stack(bound=bound, protected=order.protected, on_failure=order.on_failure, token=order.token)
        stack.capabilities, stack.role_arn = list(order.capabilities), order.role_arn
        self.stacks[stack.id] = stack
        stack.say("CREATE_IN_PROGRESS", "User Initiated")
        self._begin(stack, Work(target=bound, pending=set(bound.definitions), verdict="CREATE_COMPLETE"))
        return stack

    def update(self, order: Order) -> Stack:
        """Start to change a stack and return it.

        Raises:
            TemplateError: The stack does not exist or is busy, there is nothing to do, or the template is wrong.
            CapabilityError: Roles were not acknowledged.
        """
        stack = self.get(order.account, order.region, order.name)
        if order.token and stack.token == order.token:
            return stack
        if stack.status not in _UPDATABLE:
            raise TemplateError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        bound = self._rebound(stack, order)
        if bound.normal_form() == stack.bound.normal_form():
            raise TemplateError("No updates are to be performed.")
        stack.updated_at, stack.token = now(), order.token
        stack.say("UPDATE_IN_PROGRESS", "User Initiated")
        self._begin(stack, Work(target=bound, pending=set(bound.definitions), verdict="UPDATE_COMPLETE"))
        return stack

    def delete(self, account: str, region: str, name: str, retain: tuple[str, ...] = ()) -> None:
        """Start to delete a stack; nothing happens when there is none.

        Raises:
            TemplateError: The stack is protected, busy with an update, or ``retain`` names what cannot be retained.
        """
        stack = self.find(account, region, name)
        if stack is None or stack.status == "DELETE_IN_PROGRESS":
            return
        if stack.protected:
            raise TemplateError(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.status.startswith("UPDATE") and stack.status.endswith("IN_PROGRESS"):
            raise TemplateError(f"Stack [{stack.id}] cannot be deleted while in status {stack.status}")
        if retain and stack.status != "DELETE_FAILED":
            raise TemplateError("RetainResources can only be specified for stacks in DELETE_FAILED state")
        for logical_id in retain:
            if logical_id in stack.resources:
                stack.resources[logical_id].deletion_policy = "Retain"
        self.progress.delete(stack)

    def find(self, account: str, region: str, name: str) -> Stack | None:
        """Return the standing stack called ``name`` (or with that ARN), or the deleted one with that ARN."""
        if name.startswith("arn:"):
            return self.stacks.get(name)
        mine = self.of_region(account, region)
        return next((stack for stack in mine if stack.name == name and stack.exists), None)

    def get(self, account: str, region: str, name: str) -> Stack:
        """Return the stack called ``name``; TemplateError when there is none."""
        stack = self.find(account, region, name)
        if stack is None:
            raise TemplateError(f"Stack with id {name} does not exist")
        return stack

    def of_region(self, account: str, region: str) -> list[Stack]:
        """Return the stacks of ``region``, newest first, deleted ones included."""
        mine = [stack for stack in self.stacks.values() if stack.region == region]
        return [stack for stack in reversed(mine) if stack.bound.place.account == account]

    def resume(self) -> None:
        """Take up what was under way when the state was dumped."""
        for stack in self.stacks.values():
            if stack.work is not None:
                self.progress.resume(stack)

    def _begin(self, stack: Stack, work: Work) -> None:
        stack.work = work
        self.progress.begin(stack)

    def _bind(self, order: Order, template: Template, parameters: Mapping[str, str], tags: Mapping[str, str]) -> Bound:
        identity = f"arn:aws:cloudformation:{order.region}:{order.account}:stack/{order.name}/{uuid.uuid4()}"
        place = Place(
            account=order.account,
            region=order.region,
            stack_name=order.name,
            stack_id=identity,
            zones=self._zones(order.region),
        )
        return self._checked(bind(template, place, parameters, tags), order)

    def _rebound(self, stack: Stack, order: Order) -> Bound:
        template = stack.bound.template if order.body is None else parse(order.body)
        missing = sorted(order.previous - set(stack.bound.parameters))
        if missing:
            raise TemplateError(
                f"Invalid input for parameter key {missing[0]}. Cannot specify usePreviousValue as true"
            )
        previous = {name: stack.bound.parameters[name] for name in order.previous}
        tags = stack.bound.tags if order.tags is None else order.tags
        return self._checked(bind(template, stack.bound.place, {**order.parameters, **previous}, tags), order)

    def _checked(self, bound: Bound, order: Order) -> Bound:
        registry.check(bound)
        needed = registry.needs_capability(bound)
        if needed and not {needed, "CAPABILITY_NAMED_IAM"} & set(order.capabilities):
            raise CapabilityError(f"Requires capabilities : [{needed}]")
        return bound
