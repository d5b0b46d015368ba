"""What a catalog says about a ``cloudformation-stack``."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from recovery_ops.kinds import KindSettings

ROLE = r"^(arn:aws[a-z-]*:iam::\d{12}:role/)?([!-.0-9;-~]+/)*[a-zA-Z0-9+=,.@_-]{1,64}$"
"""Name of a role, with its path if it has one, or its ARN."""

Capability = Literal["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class CloudformationStackSettings(KindSettings):
    """Settings of a ``cloudformation-stack``.

    Example:
        ```yaml
        stack: fraud-network
        template: network.yaml
        parameters: {StageName: live}
        capabilities: [CAPABILITY_NAMED_IAM]
        role: fraud-network-builder
        isolated: {EndpointName: "fraud-scoring-{run}"}
        ```
    """

    stack: str = Field(pattern=r"^[a-zA-Z][-a-zA-Z0-9]{0,109}$")
    """Name of the stack, the same in every region; leaves room for the run id of a drill."""
    template: str
    """File in the folder beside the catalog; used when no recovery point holds the template."""
    parameters: Mapping[str, str] = Field(default_factory=dict)
    """Values that win over those of the recovery point."""
    capabilities: tuple[Capability, ...] = ("CAPABILITY_NAMED_IAM",)
    role: str | None = Field(default=None, pattern=ROLE)
    """Name or ARN of the role that CloudFormation acts with; roles are global. Ours are the rights without one, and
    they must be enough for every resource of the template."""
    isolated: Mapping[str, str] = Field(default_factory=dict)
    """Values that win over all others in the stack that a drill makes, so that nothing in it meets production.
    ``{run}`` stands for the run id."""
