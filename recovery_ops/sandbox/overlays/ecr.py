"""ECR: repositories and whether an image is there. Nothing is pulled: containers of the sandbox run by themselves."""

from typing import Any

from moto.ecr.models import ecr_backends

from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "ecr": frozenset(
        {"CreateRepository", "DescribeRepositories", "DeleteRepository"}
        | {"PutImage", "DescribeImages", "ListImages", "BatchGetImage", "BatchDeleteImage"}
        | {"TagResource", "UntagResource", "ListTagsForResource"}
    )
}


def install(world: World) -> None:
    """Check that every region of ``world`` is one that moto knows."""
    unknown = [region for region in world.regions if ecr_backends[ACCOUNT][region].region_name != region]
    if unknown:
        raise AttributeError(f"moto has no ECR in {unknown}")


def inventory(world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Return the repositories of every region."""
    found = {region: list(ecr_backends[ACCOUNT][region].repositories.values()) for region in world.regions}
    return {
        region: {"ecr": [{"type": "AWS::ECR::Repository", "id": item.name, "tags": {}} for item in items]}
        for region, items in found.items()
        if items
    }
