"""Container images in ECR: whether one is where a region would pull it from; reads only."""

from recovery_ops.aws.clients import client
from recovery_ops.aws.identity import account
from recovery_ops.aws.images import IMAGE
from recovery_ops.aws.translate import aws_errors, found


def absent_image(uri: str, region: str) -> str | None:
    """Return why the image cannot be pulled in ``region``, or ``None``.

    Only images in registries of our own account can be asked for. Whether AWS serves one of its images in a region is
    known from the data of the SageMaker SDK, without a call; other accounts' registries answer to them alone.
    """
    match = IMAGE.fullmatch(uri)
    if match is None or match["account"] != account(region):
        return None
    tag = match["tag"]
    image = {"imageDigest": tag[1:]} if tag.startswith("@") else {"imageTag": tag.lstrip(":") or "latest"}
    with aws_errors(f"look for image {uri}", region=region):
        answer = found(
            lambda: client("ecr", match["region"]).describe_images(repositoryName=match["repository"], imageIds=[image])
        )
    return None if answer and answer["imageDetails"] else f"there is no image {uri}"
