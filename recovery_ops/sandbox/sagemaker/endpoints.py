"""The life of an endpoint: Creating, Updating, InService, Failed, Deleting, and what it is waiting for meanwhile.

Every change takes the same way: quota at once, capacity (or an error after a while), model download and container
start, then the new state. A failed update leaves the old configuration in service, as AWS's rollback does.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from recovery_ops.sandbox import durations, locks
from recovery_ops.sandbox.jobs import JobBook
from recovery_ops.sandbox.sagemaker import archive, capacity, deployment
from recovery_ops.sandbox.sagemaker.deployment import Variant, arn, backend, invalid
from recovery_ops.sandbox.sagemaker.fleet import EndpointId, Fleet, Server
from recovery_ops.sandbox.sagemaker.process import ContainerError
from recovery_ops.sandbox.world import World

_PROVISIONED = 0.4
"""Share of a creation after which instances stand and the model is downloaded (estimate)."""

_BUSY = ("Creating", "Updating", "Deleting", "RollingBack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of an endpoint under way. ``kind`` is ``create``, ``update`` or ``scale``; ``started_at`` Unix seconds.

    ``extra`` are the instances it takes beside those in service, counted once capacity was ``granted``.
    """

    change_id: int
    kind: str
    config: str
    variants: tuple[Variant, ...]
    extra: Counter[str]
    duration_s: float
    started_at: float
    granted: bool = False


@dataclass(kw_only=True)
class Endpoint:
    """What is known of one endpoint beside moto's description: the variants in service and the change under way."""

    config: str = ""
    variants: tuple[Variant, ...] = ()
    change: Change | None = None


@dataclass(kw_only=True)
class State:
    """All endpoints. ``next_id`` numbers the changes."""

    endpoints: dict[EndpointId, Endpoint] = field(default_factory=dict)
    next_id: int = 0


class Endpoints:
    """Endpoints of all regions. Public methods are called under the SageMaker lock, which moto's handlers hold."""

    def __init__(self, world: World, fleet: Fleet) -> None:
        self._world = world
        self.fleet = fleet
        self.state = State()
        self.jobs: JobBook
        self._prepared: dict[int, list[tuple[float, Server]]] = {}

    def handlers(self) -> dict[str, Callable[..., None]]:
        """Return the handlers of jobs that this class schedules."""
        return {
            "capacity": self._try_capacity,
            "prepare": self._prepare,
            "settle": self._settle,
            "scaled": self._scaled,
            "fail": self._fail,
            "deleted": self._deleted,
        }

    # What users ask for ---------------------------------------------------------------------------------------------

    def check_new(self, region: str, name: str, config: str) -> None:
        """Refuse a new endpoint that cannot be: it exists, no such configuration, quota.

        Raises:
            Exception: SageMaker's ``ValidationException`` or ``ResourceLimitExceeded``.
        """
        if name in backend(region).endpoints:
            raise invalid(f'Cannot create already existing endpoint "{arn("endpoint", region, name)}".')
        variants = deployment.variants_of(region, config)
        for variant in variants:
            deployment.artifact_url(region, variant.model)
        capacity.check_quota(self._world, region, self.used(region), deployment.instances(variants))

    def create(self, region: str, name: str, config: str) -> None:
        """Begin to bring up an endpoint that moto has stored."""
        variants = deployment.variants_of(region, config)
        self.state.endpoints[(region, name)] = Endpoint()
        wanted = deployment.instances(variants)
        self._begin(region, name, "create", config, variants, wanted, deployment.create_s(variants))

    def update(self, region: str, name: str, config: str, *, retain: bool, wait_s: float) -> str:
        """Begin a blue/green update to ``config``; ``retain`` keeps counts and weights, ``wait_s`` is added.

        Returns:
            The endpoint's ARN.

        Raises:
            Exception: As :meth:`check_new`, and when a change is under way or the endpoint has failed.
        """
        endpoint = self._changeable(region, name)
        variants = deployment.variants_of(region, config)
        if retain:
            variants = tuple(_retained(variant, endpoint.variants) for variant in variants)
        for variant in variants:
            deployment.artifact_url(region, variant.model)
        wanted = deployment.instances(variants)
        capacity.check_quota(self._world, region, self.used(region), wanted)
        duration_s = durations.seconds("sagemaker.endpoint.update") + durations.seconds("sagemaker.endpoint.bake")
        self._begin(region, name, "update", config, variants, wanted, duration_s + wait_s)
        return arn("endpoint", region, name)

    def scale(self, region: str, name: str, desired: list[dict[str, Any]]) -> str:
        """Begin to change instance counts and weights of variants; ``desired`` as in the request.

        Returns:
            The endpoint's ARN.

        Raises:
            Exception: As :meth:`update`, and for variants that are not there or named twice.
        """
        endpoint = self._changeable(region, name)
        variants = _scaled_to(region, endpoint, desired)
        wanted = deployment.instances(variants)
        extra = wanted - deployment.instances(endpoint.variants)
        capacity.check_quota(self._world, region, self.used(region), extra)
        duration_s = durations.seconds("sagemaker.endpoint.scale" if extra else "sagemaker.endpoint.scale-in")
        self._describe(region, name, endpoint.variants, desired=variants)
        self._begin(region, name, "scale", endpoint.config, variants, extra, duration_s)
        return arn("endpoint", region, name)

    def delete(self, region: str, name: str) -> None:
        """Begin to delete an endpoint; it answers nothing from now on.

        Raises:
            Exception: SageMaker's ``ValidationException`` when there is none, or a change is under way.
        """
        described = self._found(region, name)
        if described.endpoint_status in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{arn("endpoint", region, name)}".')
        described.endpoint_status = "Deleting"
        self.fleet.remove((region, name))
        self.jobs.later(durations.seconds("sagemaker.endpoint.delete"), "deleted", region, name)

    def used(self, region: str) -> Counter[str]:
        """Return the instances that endpoints of ``region`` hold, by type."""
        held = [endpoint for (home, _), endpoint in self.state.endpoints.items() if home == region]
        changes = [endpoint.change.extra for endpoint in held if endpoint.change and endpoint.change.granted]
        return capacity.total([*(deployment.instances(endpoint.variants) for endpoint in held), *changes])

    # What then happens ----------------------------------------------------------------------------------------------

    def _begin(
        self,
        region: str,
        name: str,
        kind: str,
        config: str,
        variants: tuple[Variant, ...],
        extra: Counter[str],
        duration_s: float,
    ) -> None:
        self.state.next_id += 1
        change = Change(
            change_id=self.state.next_id,
            kind=kind,
            config=config,
            variants=variants,
            extra=extra,
            duration_s=duration_s,
            started_at=time.time(),
        )
        self.state.endpoints[(region, name)].change = change
        self._show(region, name, "Creating" if kind == "create" else "Updating", pending=change)
        if self._grant(region, name, change):
            self._provision(region, name, change)
        else:
            wait_s = durations.seconds("sagemaker.endpoint.capacity-error")
            self.jobs.later(wait_s, "capacity", region, name, change.change_id)

    def _grant(self, region: str, name: str, change: Change) -> bool:
        if not capacity.is_available(self._world, region, self.used(region), change.extra):
            return False
        self.state.endpoints[(region, name)].change = replace(change, granted=True)
        return True

    def _try_capacity(self, region: str, name: str, change_id: int) -> None:
        if (change := self._current(region, name, change_id)) is None:
            return
        if self._grant(region, name, change):
            self._provision(region, name, change)
        else:
            self._fail(region, name, change_id, capacity.NO_CAPACITY)

    def _provision(self, region: str, name: str, change: Change) -> None:
        if change.kind == "scale":
            self.jobs.later(change.duration_s, "scaled", region, name, change.change_id)
        else:
            self.jobs.later(change.duration_s * _PROVISIONED, "prepare", region, name, change.change_id)

    def _prepare(self, region: str, name: str, change_id: int) -> None:
        if (change := self._current(region, name, change_id)) is not None:
            urls = [deployment.artifact_url(region, variant.model) for variant in change.variants]
            work = (region, name, change, urls)
            threading.Thread(target=self._load, args=work, name=f"sandbox-deploy-{name}", daemon=True).start()

    def _load(self, region: str, name: str, change: Change, urls: list[str]) -> None:
        """Fetch the models and start their containers; in a thread of its own, without the SageMaker lock."""
        epoch, reason = self._world.epoch, ""
        servers: list[tuple[float, Server]] = []
        try:
            for variant, url in zip(change.variants, urls, strict=True):
                packed = archive.fetch(self._world, region, url)
                servers.append((variant.weight, self.fleet.deploy(region, variant.name, packed, url)))
        except archive.ArtifactError as wrong:
            reason = str(wrong)
        except ContainerError as failed:
            reason = (
                f"The primary container for production variant {change.variants[len(servers)].name} did not pass the "
                f"ping health check. Please check CloudWatch logs for this endpoint. ({failed})"
            )
        except Exception as defect:  # noqa: BLE001 - the edge of a thread: an endpoint must not stay Creating for ever
            reason = f"The sandbox failed: {defect!r}"
        with locks.of("sagemaker"):
            if epoch != self._world.epoch:  # a snapshot was restored meanwhile; its own load prepares this again
                self.fleet.discard(server for _, server in servers)
            else:
                self._loaded(region, name, change, servers, reason)

    def _loaded(self, region: str, name: str, change: Change, servers: list[tuple[float, Server]], reason: str) -> None:
        if self._current(region, name, change.change_id) is None or reason:
            self.fleet.discard(server for _, server in servers)
        if reason:
            fail_s = min(durations.seconds("sagemaker.endpoint.fail"), change.duration_s)
            self.jobs.later_wall(self._left(change, fail_s), "fail", region, name, change.change_id, reason)
        else:
            self._prepared[change.change_id] = servers
            self.jobs.later_wall(self._left(change, change.duration_s), "settle", region, name, change.change_id)

    def _left(self, change: Change, after_s: float) -> float:
        return max(0.0, change.started_at + after_s * self._world.clock.factor - time.time())

    def _settle(self, region: str, name: str, change_id: int) -> None:
        if (change := self._current(region, name, change_id)) is None:
            return
        servers = self._prepared.pop(change_id, None)
        if servers is None:  # the sandbox was restored from a snapshot meanwhile
            self._prepare(region, name, change_id)
            return
        self.fleet.put((region, name), servers)
        endpoint = self.state.endpoints[(region, name)]
        endpoint.config, endpoint.variants, endpoint.change = change.config, change.variants, None
        self._found(region, name).endpoint_config_name = change.config
        self._describe(region, name, change.variants, desired=change.variants)
        self._show(region, name, "InService")

    def _scaled(self, region: str, name: str, change_id: int) -> None:
        if (change := self._current(region, name, change_id)) is None:
            return
        endpoint = self.state.endpoints[(region, name)]
        endpoint.variants, endpoint.change = change.variants, None
        if live := self.fleet.live.get((region, name)):
            weights = {variant.name: variant.weight for variant in change.variants}
            live.servers = [(weights[server.variant], server) for _, server in live.servers]
        self._describe(region, name, change.variants, desired=change.variants)
        self._show(region, name, "InService")

    def _fail(self, region: str, name: str, change_id: int, reason: str) -> None:
        if (change := self._current(region, name, change_id)) is None:
            return
        endpoint = self.state.endpoints[(region, name)]
        endpoint.change = None
        self._describe(region, name, endpoint.variants or change.variants, desired=endpoint.variants)
        self._show(region, name, "Failed" if change.kind == "create" else "InService", reason=reason)

    def _deleted(self, region: str, name: str) -> None:
        backend(region).endpoints.pop(name, None)
        self.state.endpoints.pop((region, name), None)

    # What is shown --------------------------------------------------------------------------------------------------

    def _found(self, region: str, name: str) -> Any:
        described = backend(region).endpoints.get(name)
        if described is None:
            raise invalid(f'Could not find endpoint "{arn("endpoint", region, name)}".')
        return described

    def _changeable(self, region: str, name: str) -> Endpoint:
        status = self._found(region, name).endpoint_status
        if status in _BUSY:
            raise invalid(f'Cannot update in-progress endpoint "{arn("endpoint", region, name)}".')
        if status != "InService":
            raise invalid(f'Cannot update endpoint "{arn("endpoint", region, name)}" with status {status}.')
        return self.state.endpoints[(region, name)]

    def _current(self, region: str, name: str, change_id: int) -> Change | None:
        endpoint = self.state.endpoints.get((region, name))
        change = endpoint.change if endpoint else None
        return change if change and change.change_id == change_id else None

    def _show(self, region: str, name: str, status: str, *, reason: str = "", pending: Change | None = None) -> None:
        from moto.core.utils import utcnow

        described = self._found(region, name)
        described.endpoint_status = status
        described.failure_reason = reason or None
        described.last_modified_time = utcnow()
        described.pending_deployment_summary = _summary(pending)

    def _describe(self, region: str, name: str, current: tuple[Variant, ...], *, desired: tuple[Variant, ...]) -> None:
        wanted = {variant.name: variant for variant in desired}
        described = self._found(region, name)
        described.production_variants = [
            _described(region, variant, wanted.get(variant.name, variant), in_service=bool(desired))
            for variant in current
        ]


def _retained(variant: Variant, before: tuple[Variant, ...]) -> Variant:
    same = next((old for old in before if old.name == variant.name and old.instance_type), None)
    return replace(variant, count=same.count, weight=same.weight) if same and variant.instance_type else variant


def _scaled_to(region: str, endpoint: Endpoint, desired: list[dict[str, Any]]) -> tuple[Variant, ...]:
    names = [str(wanted["VariantName"]) for wanted in desired]
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise invalid(f'The variant name "{doubled[0]}" was non-unique within the request.')
    known = {variant.name: variant for variant in endpoint.variants}
    if unknown := [name for name in names if name not in known]:
        config = arn("endpoint-config", region, endpoint.config)
        raise invalid(
            f'The variant name(s) "{", ".join(unknown)}" is/are not present within endpoint configuration "{config}".'
        )
    for wanted in desired:
        before = known[wanted["VariantName"]]
        count = int(wanted.get("DesiredInstanceCount") or before.count)
        weight = wanted.get("DesiredWeight")
        known[before.name] = replace(before, count=count, weight=before.weight if weight is None else float(weight))
    return tuple(known.values())


def _described(region: str, variant: Variant, desired: Variant, *, in_service: bool) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "VariantName": variant.name,
        "CurrentWeight": variant.weight,
        "DesiredWeight": desired.weight,
    }
    if image := deployment.image_of(region, variant.model):
        shown["DeployedImages"] = [{"SpecifiedImage": image, "ResolvedImage": image}]
    if variant.instance_type:
        shown["CurrentInstanceCount"] = variant.count if in_service else 0
        shown["DesiredInstanceCount"] = desired.count
    return shown


def _summary(change: Change | None) -> dict[str, Any] | None:
    if change is None or change.kind != "update":
        return None
    variants = [
        {"VariantName": v.name, "InstanceType": v.instance_type, "DesiredInstanceCount": v.count}
        for v in change.variants
    ]
    return {"EndpointConfigName": change.config, "StartTime": change.started_at, "ProductionVariants": variants}
