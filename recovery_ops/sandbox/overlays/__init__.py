"""Behaviour that moto lacks, one service a file, found by being here.

Every module has ``install(world)``; it asserts that each symbol of moto it patches exists, so that an upgrade of
moto that moves one fails at start and not in the middle of a drill. Everything else is optional:

``install(world) -> None``
    Patch moto. Called once per process, in order of the module names, before the server listens. ``world.base_url`` is
    known by then; ``world.front_doors`` is filled by ``start``.
``start(world) -> None`` / ``stop(world) -> None``
    Start and end what lives beside the server: listeners, child processes. ``stop`` runs on every orderly end, also
    after a failed ``start``.
``routes(world) -> Mapping[str, Callable[[environ, body], (status, headers, body)]]``
    Exact paths outside AWS (as ``/dns-query``). They pass neither fault gate nor lock nor request log.
``data_plane(world) -> Callable[[environ, body, region, service], (status, headers, body) | None]``
    Asked for every AWS request after the fault gate and outside the lock; ``None`` hands the request on to moto.
``damage(world, request: dict) -> dict``
    With ``DAMAGES``, a tuple of prefixes of the ``what`` it answers; the test injectors behind
    ``POST /_sandbox/damage``.
``inventory(world) -> {region: {service: [{"type", "id", "tags"}]}}``
    Every resource, for leak checks; ``global`` stands for the region of services that have none.
``dump(world) -> picklable`` / ``load(world, state)``
    State of the overlay that does not live in moto's backends, for snapshots. Called with all service locks held.
``status(world) -> dict``
    Merged into ``GET /_sandbox/status``; ``replication`` entries (``{"pending": int, "oldest_age_s": float}``) are
    added up over the overlays, every other key must be unique.

``MODELLED`` / ``REFUSED: Mapping[service, frozenset[operation]]``
    With ``MODELLED``, every other operation of that service is answered 501; ``REFUSED`` ones are answered 501.

``status`` is an ``int``, headers are a list of pairs, a body is ``bytes``; services have boto3's names, operations
botocore's. A callback of the clock that touches a moto backend holds that service's lock: ``with locks.of("dynamodb"):
...`` (``recovery_ops.sandbox.locks``); a call that a moto handler makes already runs under its service's lock. Take at
most one service's lock at a time, or several at once by ``locks.of(a, b)``.
"""
