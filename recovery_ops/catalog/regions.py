"""AWS region codes, to catch typing errors before a disaster does."""

import re

from recovery_ops.catalog.suggest import did_you_mean

REGION = re.compile(r"[a-z]{2,3}(?:-[a-z]+)+-\d")

KNOWN = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "us-gov-east-1", "us-gov-west-1"),
    *("ca-central-1", "ca-west-1", "mx-central-1", "sa-east-1"),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-south-2"),
    *("ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "af-south-1", "il-central-1", "me-central-1", "me-south-1", "cn-north-1", "cn-northwest-1"),
)
AREAS = frozenset(region.rsplit("-", 1)[0] for region in KNOWN)


def region_problem(region: str) -> str | None:
    """Return why ``region`` cannot be an AWS region code, or ``None``.

    A new number in a known area (``eu-west-4``) passes, so that regions younger than this release can be used.
    """
    if REGION.fullmatch(region) and region.rsplit("-", 1)[0] in AREAS:
        return None
    return f"{region!r} is no AWS region code{did_you_mean(region, KNOWN)}"
