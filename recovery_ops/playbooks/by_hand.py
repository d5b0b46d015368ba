"""The last resort: what the drivers of a plan do, as commands of the AWS CLI that a person pastes.

Each command is plain bash with ``aws`` and ``python3``. One template per kind in ``templates/by_hand/``; a line that
starts with ``##`` says why, and what follows until the next one is pasted as a whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateNotFound
from pydantic import BaseModel

from recovery_ops.aws.images import image_uri
from recovery_ops.aws.traffic import switch_place
from recovery_ops.errors import StepRejectedError
from recovery_ops.kinds import all_kinds
from recovery_ops.model.system import Component, System
from recovery_ops.playbooks.texts import environment

ENDPOINT, STACK = "sagemaker-endpoint", "cloudformation-stack"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Something to paste, and why."""

    why: str
    command: str


def opening(system: System, source: str, target: str) -> tuple[Block, ...]:
    """Return what comes before every component: identity, recovery point, helpers."""
    facts = {"point_bucket": system.point_bucket.format(region=target)}
    return _blocks("_open", _facts(system, source, target) | facts)


def component_blocks(system: System, component: Component, source: str, target: str) -> tuple[Block, ...]:
    """Return how ``component`` is brought back in ``target`` without any of our code."""
    kind = all_kinds()[component.kind]
    settings = kind.settings_model.model_validate(dict(component.settings))
    facts = _facts(system, source, target) | {"component": component, "s": settings}
    facts |= _extra(system, component, settings, source, target)
    try:
        return _blocks(component.kind, facts)
    except TemplateNotFound:
        return _blocks("_unknown", facts | {"actions": sorted(kind.aws_actions)})


def traffic_blocks(system: System, source: str, target: str) -> tuple[Block, ...]:
    """Return how clients are moved; nothing when the catalog names no switch in ``target``."""
    try:
        bucket, key = switch_place(system.traffic, target)
    except StepRejectedError:
        return ()
    return _blocks("_traffic", _facts(system, source, target) | {"switch_bucket": bucket, "switch_key": key})


def _facts(system: System, source: str, target: str) -> dict[str, Any]:
    return {"system": system, "source": source, "target": target}


def _extra(system: System, component: Component, settings: BaseModel, source: str, target: str) -> Mapping[str, Any]:
    """Return what the template of a kind needs beside the settings; each knows the names it uses."""
    needs = [system.component(name) for name in component.needs]
    image = getattr(settings, "image", None)
    template = getattr(settings, "bucket", None)
    return {
        "network": next((need.settings["stack"] for need in needs if need.kind == STACK), None),
        "image": _image(image, target) if image is not None else None,
        "bucket": template.format(region=target) if template else None,
        "renames": list(_renames(system, settings, source, target)),
    }


def _renames(system: System, settings: BaseModel, source: str, target: str) -> Iterator[list[str]]:
    """Yield (old, new) for every text of a model package that names the region: buckets, then image registries."""
    artifacts = getattr(settings, "artifacts", None)
    if artifacts is not None:
        yield [f"s3://{artifacts.bucket.format(region=region)}/" for region in (source, target)]
    for item in system.components:
        if item.kind == ENDPOINT and item.settings.get("image"):
            image = all_kinds()[ENDPOINT].settings_model.model_validate(dict(item.settings))
            named = getattr(image, "image", None)
            yield [_image(named, region).partition("/")[0] for region in (source, target)]
    yield [f".dkr.ecr.{source}.", f".dkr.ecr.{target}."]


def _image(image: Any, region: str) -> str:
    return image_uri(image.framework, image.version, region)


def _blocks(name: str, facts: Mapping[str, Any]) -> tuple[Block, ...]:
    text = environment().get_template(f"by_hand/{name}.sh.jinja").render(facts)
    return tuple(
        Block(why=why.strip(), command=command.strip("\n"))
        for why, _, command in (part.partition("\n") for part in text.split("## ")[1:])
    )
