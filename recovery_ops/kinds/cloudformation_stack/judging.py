"""How the stack stands: checks after its recovery, findings before one; reads only."""

from collections.abc import Iterable
from typing import Any

from recovery_ops.aws import stacks
from recovery_ops.aws.permissions import role_exists
from recovery_ops.aws.references import leftovers, references_check
from recovery_ops.aws.stacks import Stack
from recovery_ops.errors import NoRecoveryPointError
from recovery_ops.kinds.cloudformation_stack.target import Target, Wanted, left
from recovery_ops.model.checks import Check, Gate
from recovery_ops.model.finding_codes import finding
from recovery_ops.model.findings import Finding
from recovery_ops.model.system import Standby
from recovery_ops.quality.probes import verdict

STANDS_ALREADY = frozenset({Standby.ACTIVE, Standby.HOT, Standby.WARM})
"""Levels of standby at which the stack stands before a recovery."""


def checks(target: Target) -> Iterable[Check]:
    """Judge state, template, parameters and outputs; look for the region that was left."""
    name, seen, region = target.ctx.component.name, target.look(), target.ctx.target_region
    wanted = target.wanted(seen)
    status = seen.status if seen else "absent"
    yield _check(name, "the stack stands", sorted(stacks.STANDING), status, passed=status in stacks.STANDING)
    template = stacks.fingerprint(stacks.template_of(seen.stack_id, region)) if seen else "absent"
    pinned = stacks.fingerprint(wanted.template)
    yield _check(name, "template as pinned (sha256)", pinned, template, passed=template == pinned)
    parameters = dict(seen.parameters) if seen else {}
    expected = {key: value for key, value in wanted.parameters.items() if not seen or key not in seen.masked}
    there = {key: parameters.get(key, "absent") for key in expected}
    yield _check(name, "parameters as wanted", expected, there, passed=there == expected)
    outputs = dict(seen.outputs) if seen else {}
    empty = sorted(key for key in {*wanted.outputs, *outputs} if not outputs.get(key))
    whole = seen is not None and not empty
    promised, detail = sorted(wanted.outputs), ", ".join(empty)
    yield _check(name, "outputs have values", promised, outputs, passed=whole, detail=detail)
    described = {"parameters": parameters, "outputs": outputs}
    yield references_check(name, described, target.needles, region)


def readiness(target: Target) -> Iterable[Finding]:
    """Say whether the stack stands as pinned, and whether its template could be used."""
    name, standby = target.ctx.component.name, target.ctx.component.standby
    try:
        wanted = target.wanted(seen := target.look())
    except NoRecoveryPointError as error:
        yield finding("no-template", name, error.message)
        return
    yield from _before_calls(target, wanted)
    if seen is not None:
        yield from _standing(target, seen)
    elif standby in STANDS_ALREADY:
        what = f"{target.where} is absent, although standby is {standby}; it will be created"
        yield finding("stack-absent", name, what)


def compare(target: Target) -> Iterable[Finding]:
    """Say whether the stack at home is still as the newest point has it."""
    ctx, stack = target.ctx, target.settings.stack
    if ctx.capture is None:
        return
    here, content, name = stacks.look(stack, ctx.source_region), ctx.capture.content, ctx.component.name
    place = f"{name}: stack {stack} in {ctx.source_region}"
    if here is None:
        yield finding("changed-since-point", name, f"{place} is absent", subject="stack")
        return
    if not stacks.same_template(stacks.template_of(here.stack_id, ctx.source_region), content["template"]):
        what = f"{place} has another template than the newest point"
        yield finding("changed-since-point", name, what, subject="template")
    plain = {key: value for key, value in here.parameters.items() if key not in here.masked}
    pinned = {key: value for key, value in content["parameters"].items() if key not in content["masked"]}
    if plain != pinned:
        others = sorted(key for key in {*plain, *pinned} if plain.get(key) != pinned.get(key))
        what = f"{place} has other parameters than the newest point: {', '.join(others)}"
        yield finding("changed-since-point", name, what, subject="parameters")


def way_out(status: str) -> str:
    """Return what a person does about a stack that no update starts from."""
    if status == "UPDATE_ROLLBACK_FAILED":
        return "continue its rollback"
    if status == "REVIEW_IN_PROGRESS":
        return "execute or delete its change set"
    return "look at its events and delete it"


def _before_calls(target: Target, wanted: Wanted) -> Iterable[Finding]:
    """Say what CloudFormation would refuse, or make wrong: a role, and the template itself."""
    settings, ctx, name = target.settings, target.ctx, target.ctx.component.name
    if (role := target.role) and not role_exists(role, ctx.target_region):
        yield finding("role-absent", name, f"role {role} does not exist")
    size = len(wanted.template.encode())
    if size > stacks.LARGEST_TEMPLATE_BYTES:
        what = f"{settings.template} has {size} bytes; AWS takes {stacks.LARGEST_TEMPLATE_BYTES} in a request"
        yield finding("template-too-large", name, what)
    if leftovers([wanted.template], target.needles):
        what = f"the template of {settings.stack} names {', '.join(left(ctx))} itself"
        yield finding("template-names-region", name, what)


def _standing(target: Target, seen: Stack) -> Iterable[Finding]:
    """Say what keeps the stack that stands from being what is wanted."""
    name, place = target.ctx.component.name, target.where
    if seen.busy:
        yield finding("stack-busy", name, f"{place} is {seen.status}")
    elif seen.status not in stacks.STANDING | stacks.UPDATABLE:
        what = f"{place} is {seen.status}, which no update starts from"
        yield finding("stack-broken", name, what, hint=way_out(seen.status))
    elif differs := target.difference(seen):
        yield finding("stack-drift", name, f"{place}: {differs}")
    described = {"parameters": dict(seen.parameters), "outputs": dict(seen.outputs)}
    for text in leftovers(described, target.needles):
        yield finding("reference-left", name, f"{place}: {text}", subject=text.partition(":")[0])


def _check(component: str, name: str, expected: Any, observed: Any, *, passed: bool, detail: str = "") -> Check:
    return Check(
        component=component,
        gate=Gate.CONFIGURATION,
        name=name,
        expected=expected,
        observed=observed,
        outcome=verdict(passed),
        detail="" if passed else detail,
    )
