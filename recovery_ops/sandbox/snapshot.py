"""The whole state of a sandbox in one file, for fast seeding: save once, restore before every drill."""

import functools
import gc
import importlib
import io
import pickle
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import moto.backends as moto_backends
from moto.core.base_backend import AccountSpecificBackend, BackendDict, BaseBackend
from moto.dynamodb.models.dynamo_type import LimitedSizeDict
from moto.s3.models import s3_backends
from moto.s3.utils import _VersionedKeyStore

from recovery_ops.sandbox import locks
from recovery_ops.sandbox.loading import Overlays
from recovery_ops.sandbox.world import World

_SERVICES = (
    "apigateway",
    "applicationautoscaling",
    "cloudformation",
    "cloudwatch",
    "dynamodb",
    "dynamodbstreams",
    "ec2",
    "ecr",
    "iam",
    "route53",
    "s3",
    "sagemaker",
    "servicequotas",
    "sns",
    "sqs",
    "ssm",
    "sts",
)
_LOCKS = (*_SERVICES, "application-autoscaling", "service-quotas")
_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())
_WORLD = ("capacity", "replication_paused", "control_planes", "faults")

Address = tuple[str, str, str]  # service, account, region


def save(path: Path, world: World, overlays: Overlays) -> dict[str, Any]:
    """Write the state of moto, of the overlays and of the world (faults too) to ``path``.

    Nothing changes meanwhile. What the clock still has to do is not part of it, except where an overlay keeps it.
    """
    buffer = io.BytesIO()
    with locks.of(*_LOCKS):
        state = {
            "backends": {address: dict(backend.__dict__) for address, backend in _backends().items()},
            "buckets": dict(s3_backends.bucket_accounts),
            "overlays": overlays.dump(),
            "world": {name: getattr(world, name) for name in _WORLD},
        }
        _Pickler(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(state)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return {"path": str(path), "bytes": buffer.tell()}


def load(path: Path, world: World, overlays: Overlays) -> dict[str, Any]:
    """Replace all state by that of ``path``, written by ``save`` of the same version of the sandbox.

    Only load files that you wrote: they are pickles. ValueError when the file is not a snapshot.
    """
    with locks.of(*_LOCKS):
        state = _read(path)
        for address, backend in _backends().items():
            if address not in state["backends"]:
                backend.reset()
        for address, attributes in state["backends"].items():
            _backend(address).__dict__.clear()
            _backend(address).__dict__.update(attributes)
        s3_backends.bucket_accounts = state["buckets"]
        for name, value in state["world"].items():
            setattr(world, name, value)
        world.epoch += 1
        overlays.load(state["overlays"])
    gc.collect()  # what was there before is full of circles
    return {"path": str(path), "resources": len(state["backends"])}


def _read(path: Path) -> dict[str, Any]:
    collects = gc.isenabled()
    gc.disable()  # a million objects come and none of them goes; looking for that doubles the time
    try:
        state = _Unpickler(io.BytesIO(path.read_bytes())).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError) as damaged:
        raise ValueError(f"{path} is not a snapshot of this version of the sandbox: {damaged}") from damaged
    finally:
        if collects:
            gc.enable()
    if not isinstance(state, dict) or "backends" not in state:
        raise ValueError(f"{path} is a pickle, but not a snapshot of the sandbox")
    return state


def _backends() -> dict[Address, BaseBackend]:
    found: dict[Address, BaseBackend] = {}
    for service in _SERVICES:
        for account, region, backend in moto_backends.get_backend(service).iter_backends():
            found[(service, account, region)] = backend
    return found


@functools.cache  # a process has each backend once, and a snapshot names them ten thousand times
def _backend(address: Address) -> BaseBackend:
    service, account, region = address
    return moto_backends.get_backend(service)[account][region]


class _Pickler(pickle.Pickler):
    """Leaves out what a process has once: backends are kept by address, locks are made anew, modules imported."""

    def __init__(self, file: io.BytesIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self._addresses = {id(backend): address for address, backend in _backends().items()}

    def persistent_id(self, value: Any) -> Any:
        if isinstance(value, BaseBackend):
            return ("backend", self._addresses.get(id(value)) or _address(value))
        if isinstance(value, AccountSpecificBackend):
            return ("account", (value.service_name, value.account_id))
        if isinstance(value, BackendDict):
            return ("service", value.service_name)
        return ("module", value.__name__) if isinstance(value, ModuleType) else None

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, _LOCK):
            return threading.Lock, ()
        if isinstance(value, _RLOCK):
            return threading.RLock, ()
        if isinstance(value, _VersionedKeyStore):
            return _store_of, ([(name, list(versions)) for name, versions in value.iterlists()],)
        if isinstance(value, LimitedSizeDict):
            return _item_of, (dict(value),)
        return NotImplemented


def _store_of(versions: list[tuple[str, list[Any]]]) -> _VersionedKeyStore:
    """Return the objects of a bucket with every version; left to itself, pickle keeps the newest of each only."""
    store = _VersionedKeyStore()
    for name, of_name in versions:
        store.setlist(name, of_name)
    return store


def _item_of(attributes: dict[str, Any]) -> LimitedSizeDict:
    """Return the attributes of a table's item; moto would weigh all of them again with each that is put back."""
    item = LimitedSizeDict()
    dict.update(item, attributes)
    return item


def _address(backend: BaseBackend) -> Address:
    service = type(backend).__module__.split(".")[1]
    return service, backend.account_id, backend.region_name


class _Unpickler(pickle.Unpickler):
    """Puts back what a process has once."""

    def persistent_load(self, reference: Any) -> Any:
        kind, name = reference
        if kind == "backend":
            return _backend(name)
        if kind == "account":
            return moto_backends.get_backend(name[0])[name[1]]
        return moto_backends.get_backend(name) if kind == "service" else importlib.import_module(name)
