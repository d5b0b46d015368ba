"""What a stack is: plain, picklable values that the engine moves along."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from recovery_ops.sandbox.cloudformation.binding import Bound
from recovery_ops.sandbox.cloudformation.template import TemplateError

Json = Any


def now() -> datetime:
    """Return the time in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Resource:
    """One resource of a stack. ``properties`` and ``attributes`` are resolved values."""

    logical_id: str
    type: str
    physical_id: str = ""
    status: str = ""
    reason: str = ""
    at: datetime = field(default_factory=now)
    properties: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, Json] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"


@dataclass(slots=True, kw_only=True)
class Event:
    """One line of the history of a stack."""

    id: str
    at: datetime
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str
    properties: Json = None


@dataclass(slots=True, kw_only=True)
class Change:
    """One thing an operation did, and what was there before (``None``: nothing), so that it can be undone."""

    logical_id: str
    before: Resource | None
    replaced: bool = False


@dataclass(slots=True, kw_only=True)
class Work:
    """An operation under way. ``generation`` makes callbacks of an abandoned phase do nothing.

    ``phase`` is ``forward``, ``restore`` (undoing updates) or ``teardown``; ``verdict`` is the status of the stack
    when the phase after this one has nothing left to do.
    """

    target: Bound
    phase: str = "forward"
    generation: int = 0
    pending: set[str] = field(default_factory=set)
    running: set[str] = field(default_factory=set)
    journal: list[Change] = field(default_factory=list)
    doomed: list[Resource] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    verdict: str = ""
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Stack:
    """A stack and its history. ``bound`` is what it is now, ``work.target`` what it is becoming."""

    bound: Bound
    status: str = ""
    reason: str = ""
    created_at: datetime = field(default_factory=now)
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    protected: bool = False
    on_failure: str = "ROLLBACK"
    token: str = ""
    capabilities: list[str] = field(default_factory=list)
    role_arn: str | None = None
    work: Work | None = None

    @property
    def name(self) -> str:
        """The name of the stack."""
        return self.bound.place.stack_name

    @property
    def id(self) -> str:
        """The ARN of the stack."""
        return self.bound.place.stack_id

    @property
    def region(self) -> str:
        """The region of the stack."""
        return self.bound.place.region

    @property
    def exists(self) -> bool:
        """Whether the name is taken."""
        return self.status != "DELETE_COMPLETE"

    def ref(self, logical_id: str) -> Json:
        """Return what ``Ref`` gives for a resource that stands."""
        return self._standing(logical_id).physical_id

    def attribute(self, logical_id: str, name: str) -> Json:
        """Return what ``Fn::GetAtt`` gives for a resource that stands."""
        attributes = self._standing(logical_id).attributes
        if name not in attributes:
            raise TemplateError(
                f"Template error: resource {logical_id} does not support attribute type {name} in Fn::GetAtt"
            )
        return attributes[name]

    def _standing(self, logical_id: str) -> Resource:
        resource = self.resources.get(logical_id)
        if resource is None or not resource.physical_id:
            raise TemplateError(f"Unresolved resource dependency {logical_id}: it does not exist (yet)")
        return resource

    def say(self, status: str, reason: str = "") -> None:
        """Set the status of the stack and write it down."""
        self.status, self.reason = status, reason
        self._write(self.name, self.id, "AWS::CloudFormation::Stack", status, reason)

    def tell(self, resource: Resource, status: str, reason: str = "") -> None:
        """Set the status of ``resource`` and write it down."""
        resource.status, resource.reason, resource.at = status, reason, now()
        self._write(resource.logical_id, resource.physical_id, resource.type, status, reason, resource.properties)

    def _write(
        self, logical_id: str, physical_id: str, kind: str, status: str, reason: str, properties: Json = None
    ) -> None:
        identity = f"{logical_id}-{status}-{uuid.uuid4()}"
        self.events.append(
            Event(
                id=identity,
                at=now(),
                logical_id=logical_id,
                physical_id=physical_id,
                type=kind,
                status=status,
                reason=reason,
                properties=properties,
            )
        )
