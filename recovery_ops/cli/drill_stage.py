"""A drill on a stack of its own: production works beside it, and what came to harm is looked for afterwards."""

import json
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from recovery_ops.airflow.rest import AirflowApi
from recovery_ops.cli.outside import Outside
from recovery_ops.cli.scene import PERSON, Scene, emptied
from recovery_ops.cli.showing import Watch
from recovery_ops.cli.tabletop import Options, hold, simulates
from recovery_ops.cli.triggering import run_in_airflow
from recovery_ops.drills.requesting import drill_request, least_drilled
from recovery_ops.drills.settling import publish_settled
from recovery_ops.execution.declare import plan_of
from recovery_ops.execution.direct import run_direct
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.runs import RunRef, RunRequest
from recovery_ops.sandbox.outside.journal import lines
from recovery_ops.sandbox.request_check import strangers

Json = dict[str, Any]
Inventory = Mapping[str, Mapping[str, Iterable[Json]]]


def play(
    system: str, via: str, catalogs: Path, out: Path, asked: Mapping[str, Any], console: Console
) -> Mapping[str, Any]:
    """Hold a drill beside a production that works, leave its files in ``out/drill`` and no process behind.

    The report that is returned is the one of the drill; its verdict is ``fail`` as well, with the reason, when a client
    of production was not served, when something stands in the sandbox that did not stand before, or the reverse.

    Args:
        system: What is drilled.
        via: ``airflow`` or ``direct``.
        catalogs: Folder with catalogs.
        out: Folder for what stays: the report, journals and the request log.
        asked: ``kind``, ``component``, ``reason`` and ``inject`` of the drill; of a tabletop ``tabletop``, its options.
        console: Where progress is printed.

    Raises:
        RecoveryError: The drill could not be held.
    """
    with ExitStack() as ending:
        scene = Scene(system, catalogs, emptied(out / "drill"), out, ending, console)
        verb = "tabletop" if "tabletop" in asked else "drill"
        api = scene.airflow([f"{verb}__{scene.system.name}"]) if via == "airflow" else None
        outside = scene.outside()
        if "tabletop" not in asked:
            scene.protect(api)
        before = standing(scene.sandbox.control.inventory(), living_buckets(scene))
        scene.say(f"{PERSON} begins a {asked['kind']} drill; production goes on")
        ref = _talk(scene, api, asked["tabletop"]) if "tabletop" in asked else _hold(scene, api, via, asked)
        time.sleep(1.0)  # what was deleted last is let go of
        outside.leave()
        after = standing(scene.sandbox.control.inventory(), living_buckets(scene))
        report = publish_settled(ref, out / "drill", scene.system)
        harm = [
            *differences(before, after),
            *_unserved(outside, scene.system.traffic.max_failed_ratio),
            *_unknown(scene),
        ]
        if not harm:
            scene.say(f"production was served throughout; the inventory is as before ({len(before)} resources)")
        return blamed(report, harm)


def standing(inventory: Inventory, living: Iterable[str]) -> dict[tuple[str, str, str, str], Json]:
    """Return what stands by region, service, type and id, with all that the sandbox tells of it.

    ``living`` are buckets whose content may grow meanwhile.
    """
    kept = set(living)
    found: dict[tuple[str, str, str, str], Json] = {}
    for region, services in inventory.items():
        for service, items in services.items():
            for item in items:
                facts = {name: value for name, value in item.items() if name != "keys" or item["id"] not in kept}
                found[(region, service, str(item["type"]), str(item["id"]))] = facts
    return found


def differences(
    before: Mapping[tuple[str, str, str, str], Json], after: Mapping[tuple[str, str, str, str], Json]
) -> list[str]:
    """Return in words what stands now and did not, what is gone, and what is another."""
    new = [f"left behind: {' '.join(key)}" for key in sorted(after.keys() - before.keys())]
    gone = [f"gone: {' '.join(key)}" for key in sorted(before.keys() - after.keys())]
    both = sorted(before.keys() & after.keys())
    changed = [f"changed: {' '.join(key)}: {before[key]} to {after[key]}" for key in both if before[key] != after[key]]
    return [*new, *gone, *changed]


def blamed(report: Mapping[str, Any], harm: list[str]) -> Mapping[str, Any]:
    """Return the report, failed by what was seen from outside."""
    if not harm:
        return report
    reasons = [*report["result"]["reasons"], *({"rule": "harm", "what": what} for what in harm)]
    return {**report, "verdict": "fail", "result": {**report["result"], "verdict": "fail", "reasons": reasons}}


def living_buckets(scene: Scene) -> list[str]:
    """Return the buckets that grow beside a drill: of the record, and of the points that protection goes on to take."""
    names = (scene.system.record_bucket, scene.system.point_bucket)
    return [name.format(region=region) for name in names for region in scene.system.regions]


def _request(scene: Scene, via: str, asked: Mapping[str, Any]) -> RunRequest:
    kind = DrillKind(asked["kind"])
    component = asked["component"] or (least_drilled(scene.system, ()) if kind is DrillKind.COMPONENT else None)
    return drill_request(
        scene.system, kind, person=PERSON, token=f"local-{time.time():.3f}", execution=via,
        reason=asked["reason"], component=component, inject=bool(asked["inject"]),
    )  # fmt: skip


def _hold(scene: Scene, api: AirflowApi | None, via: str, asked: Mapping[str, Any]) -> RunRef:
    request = _request(scene, via, asked)
    if api is None:
        return run_direct(request, scene.system, progress=Watch(scene.say).step)
    return run_in_airflow(
        api, request, scene.system, plan_of(request, scene.system).impaired_region, scene.console, say=scene.say
    )


def _talk(scene: Scene, api: AirflowApi | None, said: Options) -> RunRef:
    if api is not None and not simulates(said):
        passwords = ", ".join(f"{user['name']} {user['password']}" for user in scene.users)
        scene.say(f"log in at {api.base_url} with: {passwords}")
    return hold(scene.system, replace(said, person=PERSON), scene.console, api, scene.say)


def _unserved(outside: Outside, allowed_ratio: float) -> list[str]:
    """Say which client of production was not served as a healthy soak demands of it."""
    found = []
    for person in (outside.client, outside.sticky, outside.writer):
        said = lines(person.journal)
        bad = [line for line in said if not line["ok"]]
        if len(bad) > allowed_ratio * len(said) or not said:
            found.append(f"production: {person.journal.stem}: {len(bad)} of {len(said)} requests failed: {bad[:1]}")
    return found


def _unknown(scene: Scene) -> list[str]:
    unknown = strangers([json.loads(text) for text in scene.log.read_text().splitlines()])
    return [f"{len(unknown)} refused requests of unknown callers: {unknown[:3]}"] if unknown else []
