"""How a stack moves: resources in the order of their needs, as many at once as can be, and back when one fails.

Phases of an operation: ``forward`` creates and changes, ``restore`` gives changed resources their old properties back,
``teardown`` deletes. The next thing to do is decided from the state of the stack alone, so that a snapshot
taken at any moment can go on. While the region is out nothing moves.
"""

from collections.abc import Callable
from dataclasses import replace

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.cloudformation.effects import Effects
from recovery_ops.sandbox.cloudformation.registry import TYPES
from recovery_ops.sandbox.cloudformation.stack import Change, Resource, Stack, Work, now
from recovery_ops.sandbox.cloudformation.template import TemplateError
from recovery_ops.sandbox.cloudformation.types import ResourceError
from recovery_ops.sandbox.durations import resource_s
from recovery_ops.sandbox.world import World

_RETRY_WALL_S = 0.1
_CLEANUP = {
    "UPDATE_COMPLETE": "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE": "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
}


class Progress:
    """Moves stacks along on the clock of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.effects = Effects(world)

    def begin(self, stack: Stack) -> None:
        """Take the first steps of ``stack.work`` on the clock's thread."""
        self._later(stack, 0, "cloudformation", lambda: self._advance(stack))

    def resume(self, stack: Stack) -> None:
        """Take up ``stack.work`` after a restore: what was running starts again."""
        work = _work(stack)
        work.generation += 1
        work.pending |= work.running if work.phase == "forward" else set()
        work.running.clear()
        self.begin(stack)

    def delete(self, stack: Stack) -> None:
        """Delete what stands, whatever was going on."""
        target = stack.work.target if stack.work else stack.bound
        generation = stack.work.generation + 1 if stack.work else 0
        stack.say("DELETE_IN_PROGRESS", "User Initiated")
        doomed = [item for item in stack.resources.values() if item.status != "DELETE_COMPLETE"]
        stack.work = Work(target=target, generation=generation, doomed=doomed, phase="teardown")
        stack.work.verdict = "DELETE_COMPLETE"
        self.begin(stack)

    def _advance(self, stack: Stack) -> None:
        work = _work(stack)
        {"forward": self._forward, "restore": self._restore, "teardown": self._teardown}[work.phase](stack, work)

    def _later(self, stack: Stack, modelled_s: float, service: str, call: Callable[[], None]) -> None:
        """Run ``call`` under the locks it needs, unless the phase it belongs to was abandoned meanwhile."""
        work = _work(stack)
        generation = work.generation

        def run() -> None:
            if self._world.faults.is_down(stack.region, "cloudformation"):
                self._world.clock.later_wall(_RETRY_WALL_S, run)
                return
            with locks.of("cloudformation", service):
                if stack.work is work and work.generation == generation:
                    call()

        self._world.clock.later(modelled_s, run)

    # forward -----------------------------------------------------------------------------------------------------

    def _forward(self, stack: Stack, work: Work) -> None:
        unfinished = work.pending | work.running
        ready = [name for name in work.target.definitions if name in work.pending]
        for name in ready:
            if not unfinished & set(work.target.definitions[name].needs):
                self._start(stack, work, name)
        if not work.pending and not work.running:
            self._complete(stack, work)

    def _start(self, stack: Stack, work: Work, name: str) -> None:
        definition = work.target.definitions[name]
        work.pending.discard(name)
        work.running.add(name)
        try:
            wanted = self.effects.wanted(stack, work.target, definition)
        except TemplateError as error:
            self._fail(stack, work, Resource(logical_id=name, type=definition.type), str(error))
            return
        standing = stack.resources.get(name)
        if standing is not None and not standing.physical_id:
            standing = None  # it was being created when the state was dumped
        if standing is not None and _same(standing, wanted):
            _adopt_policies(standing, wanted)
            self._later(stack, 0, "cloudformation", lambda: self._done(stack, work, name))
            return
        self._announce(stack, standing, wanted)
        service = TYPES[definition.type].service
        self._later(stack, resource_s(definition.type), service, lambda: self._apply(stack, work, standing, wanted))

    def _announce(self, stack: Stack, standing: Resource | None, wanted: Resource) -> None:
        if standing is None:
            stack.resources[wanted.logical_id] = wanted
            stack.tell(wanted, "CREATE_IN_PROGRESS")
            return
        replaced = _replaces(standing, wanted)
        why = "Requested update requires the creation of a new physical resource; hence creating one."
        stack.tell(standing, "UPDATE_IN_PROGRESS", why if replaced else "")

    def _apply(self, stack: Stack, work: Work, standing: Resource | None, wanted: Resource) -> None:
        name = wanted.logical_id
        is_new = standing is None or _replaces(standing, wanted)
        try:
            if standing is None or is_new:
                if standing is not None:
                    stack.resources[name] = wanted
                work.journal.append(Change(logical_id=name, before=standing, replaced=standing is not None))
                self.effects.create(stack, wanted)
            else:
                work.journal.append(Change(logical_id=name, before=replace(standing)))
                self.effects.update(stack, standing, wanted)
        except ResourceError as error:
            self._fail(stack, work, stack.resources[name], str(error))
            return
        stack.tell(stack.resources[name], "CREATE_COMPLETE" if standing is None else "UPDATE_COMPLETE")
        self._done(stack, work, name)

    def _done(self, stack: Stack, work: Work, name: str) -> None:
        work.running.discard(name)
        self._forward(stack, work)

    def _complete(self, stack: Stack, work: Work) -> None:
        try:
            outputs = self.effects.outputs(stack, work.target)
        except TemplateError as error:
            self._turn_back(stack, work, str(error))
            return
        stack.bound, stack.outputs = work.target, outputs
        replaced = [item.before for item in work.journal if item.replaced and item.before is not None]
        removed = [stack.resources.pop(name) for name in list(stack.resources) if name not in work.target.definitions]
        kept = [item for item in replaced if item.replace_policy == "Retain"]
        self._tear_down(stack, work, [item for item in (*replaced, *removed) if item not in kept])

    # failure -----------------------------------------------------------------------------------------------------

    def _fail(self, stack: Stack, work: Work, resource: Resource, reason: str) -> None:
        action = "CREATE" if stack.status == "CREATE_IN_PROGRESS" else "UPDATE"
        stack.resources.setdefault(resource.logical_id, resource)
        stack.tell(resource, f"{action}_FAILED", reason)
        for name in work.running - {resource.logical_id}:
            other = stack.resources.get(name)
            if other is not None and other.status.endswith("IN_PROGRESS"):
                verb = other.status.split("_")[0]
                stack.tell(other, f"{verb}_FAILED", f"Resource {verb.lower()[:-1]}ion cancelled")
        done = "create" if action == "CREATE" else "update"
        self._turn_back(stack, work, f"The following resource(s) failed to {done}: [{resource.logical_id}].")

    def _turn_back(self, stack: Stack, work: Work, reason: str) -> None:
        work.generation += 1
        work.pending.clear()
        work.running.clear()
        if stack.status == "UPDATE_IN_PROGRESS":
            stack.say("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            work.phase, work.verdict = "restore", "UPDATE_ROLLBACK_COMPLETE"
            self._restore(stack, work)
        elif stack.on_failure == "DO_NOTHING":
            stack.work = None
            stack.say("CREATE_FAILED", reason)
        elif stack.on_failure == "DELETE":
            self.delete(stack)
        else:
            stack.say("ROLLBACK_IN_PROGRESS", f"{reason} Rollback requested by user.")
            work.verdict = "ROLLBACK_COMPLETE"
            self._tear_down(stack, work, list(stack.resources.values()))

    def _restore(self, stack: Stack, work: Work) -> None:
        """Undo the newest change of the journal, then the one before it."""
        if not work.journal:
            self._tear_down(stack, work, work.doomed)
            return
        change = work.journal[-1]
        current = stack.resources[change.logical_id]
        if change.before is None:
            work.doomed.append(stack.resources.pop(change.logical_id))
        elif change.replaced:
            work.doomed.append(current)
            stack.resources[change.logical_id] = change.before
            stack.tell(change.before, "UPDATE_COMPLETE")
        else:
            before = change.before
            stack.tell(current, "UPDATE_IN_PROGRESS")
            service, takes_s = TYPES[before.type].service, resource_s(before.type)
            self._later(stack, takes_s, service, lambda: self._undo(stack, work, current, before))
            return
        work.journal.pop()
        self._restore(stack, work)

    def _undo(self, stack: Stack, work: Work, current: Resource, before: Resource) -> None:
        try:
            self.effects.update(stack, current, before)
        except ResourceError as error:
            stack.tell(current, "UPDATE_FAILED", str(error))
            stack.work = None
            stack.say("UPDATE_ROLLBACK_FAILED", f"The following resource(s) failed to update: [{current.logical_id}].")
            return
        stack.tell(current, "UPDATE_COMPLETE")
        work.journal.pop()
        self._restore(stack, work)

    # teardown ----------------------------------------------------------------------------------------------------

    def _tear_down(self, stack: Stack, work: Work, doomed: list[Resource]) -> None:
        work.phase, work.doomed = "teardown", doomed
        work.generation += 1
        work.running.clear()
        if work.verdict in _CLEANUP:
            stack.say(_CLEANUP[work.verdict])
        self._teardown(stack, work)

    def _teardown(self, stack: Stack, work: Work) -> None:
        held = {need for item in work.doomed for need in item.needs}
        for item in list(work.doomed):
            if item.logical_id not in held and item.logical_id not in {*work.running, *work.stuck}:
                self._remove(stack, work, item)
        if not work.running and all(_blocked(item, work) for item in work.doomed):
            self._finish(stack, work)

    def _remove(self, stack: Stack, work: Work, item: Resource) -> None:
        work.running.add(item.logical_id)
        if not item.physical_id or _retained(item, work.verdict):
            self._later(stack, 0, "cloudformation", lambda: self._removed(stack, work, item, "DELETE_SKIPPED"))
            return
        stack.tell(item, "DELETE_IN_PROGRESS")
        self._later(stack, resource_s(item.type), TYPES[item.type].service, lambda: self._destroy(stack, work, item))

    def _destroy(self, stack: Stack, work: Work, item: Resource) -> None:
        try:
            self.effects.delete(stack, item)
        except ResourceError as error:
            stack.tell(item, "DELETE_FAILED", str(error))
            work.running.discard(item.logical_id)
            work.stuck.append(item.logical_id)
            self._teardown(stack, work)
            return
        self._removed(stack, work, item, "DELETE_COMPLETE")

    def _removed(self, stack: Stack, work: Work, item: Resource, status: str) -> None:
        if item.physical_id:
            stack.tell(item, status)
        elif stack.resources.get(item.logical_id) is item:
            del stack.resources[item.logical_id]
        work.running.discard(item.logical_id)
        work.doomed = [other for other in work.doomed if other is not item]
        self._teardown(stack, work)

    def _finish(self, stack: Stack, work: Work) -> None:
        stack.work = None
        verdict, reason = work.verdict, ""
        if work.stuck and verdict in ("DELETE_COMPLETE", "ROLLBACK_COMPLETE"):
            verdict = verdict.replace("COMPLETE", "FAILED")
            reason = f"The following resource(s) failed to delete: [{', '.join(sorted(work.stuck))}]. "
        if verdict == "DELETE_COMPLETE":
            stack.deleted_at = now()
        stack.say(verdict, reason)


def _work(stack: Stack) -> Work:
    if stack.work is None:
        raise RuntimeError(f"nothing is under way in stack {stack.id}")
    return stack.work


def _same(standing: Resource, wanted: Resource) -> bool:
    return standing.type == wanted.type and (standing.properties, standing.tags) == (wanted.properties, wanted.tags)


def _replaces(standing: Resource, wanted: Resource) -> bool:
    if standing.type != wanted.type:
        return True
    return TYPES[wanted.type].needs_replacement(standing.properties, wanted.properties)


def _adopt_policies(standing: Resource, wanted: Resource) -> None:
    standing.needs = wanted.needs
    standing.deletion_policy, standing.replace_policy = wanted.deletion_policy, wanted.replace_policy


def _retained(item: Resource, verdict: str) -> bool:
    if item.deletion_policy == "RetainExceptOnCreate":
        return verdict not in ("ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    return item.deletion_policy == "Retain"


def _blocked(item: Resource, work: Work) -> bool:
    """Whether ``item`` cannot be deleted any more: it failed, or what failed needs it."""
    if item.logical_id in work.stuck:
        return True
    holders = [other for other in work.doomed if item.logical_id in other.needs]
    return any(_blocked(other, work) for other in holders)
