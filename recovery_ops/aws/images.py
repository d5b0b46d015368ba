"""Container images per region: which registry account AWS serves its images from, and how an image is named there.

The accounts come from the data files of the SageMaker SDK, which are read without importing it: that costs seconds.
"""

import functools
import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from recovery_ops.errors import StepRejectedError

IMAGE = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z.]+)/(?P<repository>[^:@]+)(?P<tag>.*)"
)
ACCELERATED = re.compile(r"ml\.(g|p)\d")


class ImageName(BaseModel):
    """An image of AWS, as the SageMaker SDK names it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    framework: str
    version: str


def image_for(name: ImageName | None, home: str, region: str, instance_type: str) -> str:
    """Return the image that ``instance_type`` in ``region`` runs: the named one, or the ``home`` URI as it is there.

    Raises:
        StepRejectedError: There is none.
    """
    if name is None:
        return image_in(home, region)
    return image_uri(name.framework, name.version, region, instance_type=instance_type)


def image_uri(framework: str, version: str, region: str, *, instance_type: str = "ml.c5.large") -> str:
    """Return the inference image of ``framework`` in ``version`` as ``region`` serves it.

    Args:
        framework: Name of a data file of the SageMaker SDK, for example ``xgboost`` or ``sklearn``.
        version: A version or alias of it, for example ``1.7-1``.
        region: AWS region code.
        instance_type: Decides between the CPU and the GPU image where there are both.

    Raises:
        StepRejectedError: There is no such image in that region; says what there is. Nothing was called.
    """
    scope = _inference(framework)
    number = scope.get("version_aliases", {}).get(version, version)
    facts = scope["versions"].get(number)
    if facts is None:
        raise _no_image(framework, version, region, f"known versions: {', '.join(scope['versions'])}")
    account = facts["registries"].get(region)
    if account is None:
        raise _no_image(framework, version, region, f"regions with it: {', '.join(facts['registries'])}")
    tag = "-".join(part for part in (version, _processor(scope, facts, instance_type), _python(facts)) if part)
    return f"{account}.dkr.ecr.{region}.{_suffix(region)}/{facts['repository']}:{tag}"


def image_in(uri: str, region: str) -> str:
    """Return the same image as ``region`` serves it.

    Images of AWS get the registry account of that region; for images of anybody else the account stays, and the copy in
    ``region`` must exist (registry replication). A URI that is no ECR one is returned unchanged.

    Raises:
        StepRejectedError: AWS does not serve this image in ``region``.
    """
    match = IMAGE.fullmatch(uri)
    if match is None or match["region"] == region:
        return uri
    account = match["account"]
    registries = _registries(account, match["region"], match["repository"])
    if registries is not None:
        if region not in registries:
            raise _no_image(match["repository"], match["tag"].lstrip(":"), region, "AWS does not serve it there")
        account = registries[region]
    return f"{account}.dkr.ecr.{region}.{_suffix(region)}/{match['repository']}{match['tag']}"


def registry_account(uri: str) -> str | None:
    """Return the registry account that an ECR image URI names, or ``None`` for another kind of URI."""
    match = IMAGE.fullmatch(uri)
    return match["account"] if match else None


def _no_image(framework: str, version: str, region: str, why: str) -> StepRejectedError:
    return StepRejectedError(f"no inference image of {framework} {version} in {region}: {why}", region=region)


def _processor(scope: dict[str, Any], facts: dict[str, Any], instance_type: str) -> str:
    known = facts.get("processors") or scope.get("processors") or []
    if not known:
        return ""
    wanted = "gpu" if ACCELERATED.match(instance_type) else "cpu"
    return wanted if wanted in known else str(known[0])


def _python(facts: dict[str, Any]) -> str:
    versions = facts.get("py_versions") or [""]
    return str(versions[-1])


def _suffix(region: str) -> str:
    return "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"


def _folder() -> Path:
    spec = importlib.util.find_spec("sagemaker")
    for place in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(place) / "core" / "image_uri_config"
        if folder.is_dir():
            return folder
    raise StepRejectedError("the image data of the SageMaker SDK is not installed: package sagemaker-core is missing")


@functools.cache
def _data(framework: str) -> dict[str, Any]:
    path = _folder() / f"{framework}.json"
    if not re.fullmatch(r"[a-z0-9-]+", framework) or not path.is_file():
        raise StepRejectedError(f"the SageMaker SDK knows no framework {framework!r}")
    return dict(json.loads(path.read_text()))


def _inference(framework: str) -> dict[str, Any]:
    data = _data(framework)
    return data if "versions" in data else dict(data.get("inference") or next(iter(data.values())))


@functools.cache
def _registries(account: str, region: str, repository: str) -> dict[str, str] | None:
    """Return region -> account for an image of AWS, or ``None`` when AWS does not serve it."""
    for path in sorted(_folder().glob("*.json")):
        for facts in _entries(json.loads(path.read_text())):
            if facts["repository"] == repository and facts["registries"].get(region) == account:
                return dict(facts["registries"])
    return None


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object that has registries and a repository, however deep the file nests it."""
    if isinstance(value, dict):
        if isinstance(value.get("registries"), dict) and "repository" in value:
            yield value
        for item in value.values():
            yield from _entries(item)
