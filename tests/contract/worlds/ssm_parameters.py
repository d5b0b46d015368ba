"""A parameter was changed and another one is gone."""

from fraud_world import FraudWorld

from recovery_ops.model.plan import Intent

COMPONENT = "config"


def damage(world: FraudWorld, intent: Intent) -> None:
    ssm = world.outsider("ssm")
    ssm.put_parameter(Name="/fraud-detection/transform/config", Value="{}", Type="String", Overwrite=True)
    ssm.delete_parameter(Name="/fraud-detection/experiment/assignments")
