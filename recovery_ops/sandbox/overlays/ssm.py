"""SSM Parameter Store: the limits that moto does not know, and state that can be put into a snapshot."""

import inspect
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from moto.ssm.exceptions import SSMException, ValidationException
from moto.ssm.models import Parameter, ParameterDict, SimpleSystemManagerBackend, ssm_backends

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "ssm": frozenset(
        {"PutParameter", "GetParameter", "GetParameters", "GetParametersByPath", "GetParameterHistory"}
        | {"DescribeParameters", "DeleteParameter", "DeleteParameters"}
        | {"LabelParameterVersion", "UnlabelParameterVersion"}
        | {"AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"}
    )
}

STANDARD_CHARACTERS, ADVANCED_CHARACTERS = 4096, 8192
MAX_DEPTH = 15
_NAME = re.compile(r"[a-zA-Z0-9_./-]+")
_TIERS = ("Standard", "Advanced", "Intelligent-Tiering")


def install(world: World) -> None:
    """Check values, names, types and tiers before a parameter is written; make the state picklable."""
    del world
    patching.replace(ParameterDict, "__reduce__", _reduce)
    patching.replace(SimpleSystemManagerBackend, "__init__", _begin())
    patching.replace(SimpleSystemManagerBackend, "put_parameter", _put_parameter())


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return every parameter of ours; AWS's own public parameters are not counted."""
    return {region: {"ssm": found} for region in world.regions if (found := _of_region(region))}


def _reduce(parameters: ParameterDict) -> tuple[Any, ...]:
    arguments = (parameters.account_id, parameters.region_name)
    return ParameterDict, arguments, dict(parameters.__dict__), None, iter(list(parameters.items()))


def _begin() -> Callable[..., None]:
    original = patching.original(SimpleSystemManagerBackend, "__init__")

    def begin(self: SimpleSystemManagerBackend, region_name: str, account_id: str) -> None:
        original(self, region_name, account_id)
        self._resource_tags = defaultdict(_no_tags)  # moto's has a lambda in it, which does not pickle

    return begin


def _no_tags() -> defaultdict[str, dict[str, str]]:
    return defaultdict(dict)


def _of_region(region: str) -> list[dict[str, Any]]:
    backend = ssm_backends[ACCOUNT][region]
    tags = backend._resource_tags.get("Parameter", {})  # moto has no call that lists tags of everything
    names = [name for name, versions in list(backend._parameters.items()) if versions]
    return [
        {"type": "AWS::SSM::Parameter", "id": name, "tags": dict(tags.get(name, {}))}
        for name in names
        if not name.startswith("/aws/")
    ]


def _put_parameter() -> Callable[..., Parameter]:
    original = patching.original(SimpleSystemManagerBackend, "put_parameter")

    signature = inspect.signature(original)

    def put_parameter(self: SimpleSystemManagerBackend, *args: Any, **options: Any) -> Parameter:
        call = signature.bind(self, *args, **options)
        _check(self, call.arguments)
        return original(*call.args, **call.kwargs)

    return put_parameter


def _check(backend: SimpleSystemManagerBackend, asked: dict[str, Any]) -> None:
    """Refuse what AWS refuses, and put the tier it would choose into ``asked``."""
    kept = backend._parameters  # knows /a and a as one name, through its operators only
    versions = kept[asked["name"]] if asked["name"] in kept else []  # noqa: SIM401 - get() does not fold names
    standing = versions[-1] if versions and asked.get("overwrite") else None
    value = str(asked.get("value") or "")
    _check_name(asked["name"])
    _check_pattern(asked.get("allowed_pattern") or (standing and standing.allowed_pattern) or "", value)
    if standing is not None:
        _check_type(standing, asked.get("parameter_type"))
    asked["tier"] = _tier(standing, asked.get("tier"), value)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValidationException(
            'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of '
            "sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the "
            "following 3 symbols .-_"
        )
    if "/" in name and not name.startswith("/"):
        raise ValidationException("Parameter name must be a fully qualified name.")
    if len([part for part in name.split("/") if part]) > MAX_DEPTH:
        raise SSMException(
            "HierarchyLevelLimitExceededException", f"A hierarchy can have a maximum of {MAX_DEPTH} levels."
        )


def _check_pattern(pattern: str, value: str) -> None:
    if pattern and not re.fullmatch(pattern, value):
        raise SSMException(
            "ParameterPatternMismatchException",
            f"Parameter value, cannot be validated against allowedPattern: {pattern}",
        )


def _check_type(standing: Parameter, wanted: str | None) -> None:
    if wanted and wanted != standing.parameter_type:
        raise SSMException(
            "HierarchyTypeMismatchException",
            f"The type of a parameter cannot be changed from {standing.parameter_type} to {wanted}.",
        )


def _tier(standing: Parameter | None, wanted: str | None, value: str) -> str:
    """Return the tier the parameter gets; what is Advanced never goes back."""
    if wanted is not None and wanted not in _TIERS:
        raise ValidationException(f"Value '{wanted}' at 'tier' failed to satisfy constraint: {list(_TIERS)}")
    was_advanced = standing is not None and standing.tier == "Advanced"
    if was_advanced and wanted == "Standard":
        raise ValidationException("This parameter uses the advanced-parameter tier. You can't downgrade it.")
    if wanted == "Advanced" or was_advanced or (wanted == "Intelligent-Tiering" and len(value) > STANDARD_CHARACTERS):
        tier, limit = "Advanced", ADVANCED_CHARACTERS
    else:
        tier, limit = "Standard", STANDARD_CHARACTERS
    if len(value) > limit:
        raise ValidationException(f"{tier} tier parameters support a maximum parameter value of {limit} characters.")
    return tier
