"""The newest model was swapped, and another one approved that no recovery point knows."""

from fraud_world import TARGET, FraudWorld

from recovery_ops.model.plan import Intent

COMPONENT = "registry"


def damage(world: FraudWorld, intent: Intent) -> None:
    if intent is Intent.CORRUPTION:
        item = world.captures[COMPONENT].objects[-1]
        world.outsider("s3").put_object(Bucket=item.bucket_in(TARGET), Key=item.key, Body=b"another model")
        specification = world.captures[COMPONENT].content["packages"][0]["document"]["InferenceSpecification"]
        container = {"Image": "123456789012.dkr.ecr.us-west-2.amazonaws.com/own:1", "ModelDataUrl": "s3://x/y.tar.gz"}
        world.outsider("sagemaker").create_model_package(
            ModelPackageGroupName="fraud-scoring",
            ModelApprovalStatus="Approved",
            InferenceSpecification={**specification, "Containers": [container]},
        )
