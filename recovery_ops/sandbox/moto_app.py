"""moto as one function: a request in, an answer out, one at a time per service."""

import functools
import io
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

import moto.backends as moto_backends
import structlog
from moto.core.common_models import BaseModel
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from recovery_ops.sandbox import locks, patching, serializing
from recovery_ops.sandbox.calls import Answer, Call, Environ, error
from recovery_ops.sandbox.gate import SERVICES

log = structlog.get_logger(__name__)

_MODULES = {"application-autoscaling": "applicationautoscaling", "service-quotas": "servicequotas"}


class MotoApp:
    """moto behind one lock per service. What moto does not implement is answered 501, which boto3 does not repeat."""

    def __init__(self) -> None:
        modules = frozenset(moto_backends.list_of_moto_modules())
        moto_backends.list_of_moto_modules = lambda: modules  # it reads the disk twice per request, under a lock
        patching.replace_static(BaseModel, "__new__", _made)
        serializing.install()
        self._dispatcher = DomainDispatcherApplication(create_backend_app)
        self._dispatcher.get_backend_for_host = functools.lru_cache(4096)(self._dispatcher.get_backend_for_host)

    def warm_up(self) -> None:
        """Import every service now, so that no first call pays for it."""
        for service in sorted(SERVICES - {"sagemaker-runtime"}):
            backend = _MODULES.get(service, service)
            self._dispatcher.app_instances[backend] = create_backend_app(backend)

    def answer(self, call: Call, environ: Environ, body: bytes) -> Answer:
        """Serve ``call`` while holding its service's lock."""
        with locks.of(call.lock):
            try:
                status, headers, content = self._run(environ, body)
            except NotImplementedError as absent:
                return error(call, 501, "NotImplemented", f"moto has no {call.service}:{call.operation} ({absent})")
            except Exception as defect:
                log.exception("moto failed", service=call.service, operation=call.operation)
                message = f"moto failed on {call.service}:{call.operation}: {type(defect).__name__}: {defect}"
                return error(call, 501, "SandboxDefect", message)
        if status == HTTPStatus.NOT_FOUND and b"<!doctype html>" in content[:20].lower():
            return error(call, 501, "NotImplemented", f"moto has no route for {call.service}:{call.operation}")
        return status, headers, content

    def _run(self, environ: Environ, body: bytes) -> Answer:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> Callable[[bytes], object]:
            started.append((status, headers))
            return lambda _: None

        chunks: Iterable[bytes] = self._dispatcher(_with_body(environ, body), start_response)
        content = b"".join(chunks)
        getattr(chunks, "close", lambda: None)()
        status, headers = started[-1]
        return int(status.split()[0]), headers, content


def _with_body(environ: Environ, body: bytes) -> dict[str, Any]:
    kept = {name: value for name, value in environ.items() if name != "HTTP_TRANSFER_ENCODING"}
    return {**kept, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _made(cls: type[Any], *_args: Any, **_kwargs: Any) -> Any:
    """Make an instance that goes when nobody needs it: moto keeps each for its own pages, which are closed here.

    Measured: a sandbox grew by some 20 MB with every restore of a snapshot.
    """
    return super(BaseModel, cls).__new__(cls)
