"""What goes wrong in the recovery region after something was brought back and before it is verified."""

import functools
import io
import json
import tarfile
from typing import Any

import pandas as pd
from run_world import ENDPOINT, HOME, KEY, TABLE, TARGET, World, until

from recovery_ops.sandbox.seed import data, model

DATA, MODELS = f"fraud-data-{TARGET}", f"fraud-models-{TARGET}"
TRAINING, OFFLINE, ARCHIVE = (
    "training/part-0000.parquet",
    "features/offline/part-0000.parquet",
    "models/v2/model.tar.gz",
)
STACK = "fraud-network"


# Stack and parameters ---------------------------------------------------------------------------------------------


def change_stack(world: World, **parameters: str) -> None:
    cloudformation = world.aws("cloudformation")
    there = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Parameters"]
    given = [
        {"ParameterKey": item["ParameterKey"]}
        | (
            {"ParameterValue": parameters[item["ParameterKey"]]}
            if item["ParameterKey"] in parameters
            else {"UsePreviousValue": True}
        )
        for item in there
    ]
    cloudformation.update_stack(StackName=STACK, UsePreviousTemplate=True, Parameters=given)
    until(
        lambda: cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE", "it"
    )


def another_stage(world: World) -> None:
    change_stack(world, StageName="other")


def certificate_of_home(world: World) -> None:
    change_stack(world, CertificateArn=f"arn:aws:acm:{HOME}:123456789012:certificate/home")


def set_parameter(world: World, value: str) -> None:
    world.aws("ssm").put_parameter(Name="/fraud-detection/transform/config", Value=value, Type="String", Overwrite=True)


def another_transformation(world: World) -> None:
    set_parameter(world, '{"version": 4, "scale": "log"}')


def transformation_of_home(world: World) -> None:
    set_parameter(world, json.dumps({"from": f"s3://fraud-data-{HOME}/transform.json"}))


# Registry ---------------------------------------------------------------------------------------------------------


def newest_package(world: World) -> str:
    packages = world.aws("sagemaker").list_model_packages(ModelPackageGroupName="fraud-scoring", SortBy="CreationTime")
    return max(
        (str(item["ModelPackageArn"]) for item in packages["ModelPackageSummaryList"]),
        key=lambda arn: int(arn.rsplit("/", 1)[1]),
    )


def flipped_model(world: World) -> None:
    """One byte of the archive, under the version id that the point pins."""
    world.sandbox.control.damage("s3-object", bucket=MODELS, key=ARCHIVE)


def withdrawn_approval(world: World) -> None:
    world.aws("sagemaker").update_model_package(
        ModelPackageArn=newest_package(world), ModelApprovalStatus="Rejected", ApprovalDescription="somebody"
    )


def package_that_names_home(world: World) -> None:
    world.aws("sagemaker").update_model_package(
        ModelPackageArn=newest_package(world),
        CustomerMetadataProperties={"baseline": f"s3://fraud-data-{HOME}/baseline.json"},
    )


def hostile_model(world: World) -> None:
    """An archive that would write outside of its folder when it is unpacked."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("../../etc/cron.d/own", b"* * * * * root own"), ("model.onnx", b"x")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    world.put(MODELS, ARCHIVE, packed.getvalue())


# Data -------------------------------------------------------------------------------------------------------------


def lost_version(world: World) -> None:
    """The pinned version is gone; a reader sees the same bytes as before, in another version."""
    pinned, body = world.newest(DATA, TRAINING), world.body(DATA, TRAINING)
    world.put(DATA, TRAINING, body)
    world.sandbox.control.damage("s3-version", bucket=DATA, key=TRAINING, version_id=pinned)


def changed_frame(world: World, key: str, change: Any) -> None:
    frame = pd.read_parquet(io.BytesIO(world.body(DATA, key)))
    buffer = io.BytesIO()
    change(frame).to_parquet(buffer, index=False)
    world.put(DATA, key, buffer.getvalue())


def poisoned_training_data(world: World) -> None:
    changed_frame(world, TRAINING, lambda frame: frame.assign(https=7.0))


def column_that_is_gone(world: World) -> None:
    for key in (TRAINING, "training/part-0001.parquet"):
        changed_frame(world, key, lambda frame: frame.drop(columns="https"))


def two_sides_of_features(world: World) -> None:
    impossible_feature(world)
    flipped_offline_features(world)


def truncated_parquet(world: World) -> None:
    body = world.body(DATA, OFFLINE)
    world.put(DATA, OFFLINE, body[: len(body) // 2])


def flipped_offline_features(world: World) -> None:
    """The pinned version has another byte; what a reader sees is whole, in another version."""
    pinned, body = world.newest(DATA, OFFLINE), world.body(DATA, OFFLINE)
    world.put(DATA, OFFLINE, body)
    world.sandbox.control.damage("s3-object", bucket=DATA, key=OFFLINE, version_id=pinned)


def impossible_feature(world: World) -> None:
    """An entity that is in no offline file, with a value that no feature has."""
    item = {**world.items()[0], KEY: {"S": "stray"}, "https": {"N": "77"}}
    world.aws("dynamodb").put_item(TableName=TABLE, Item=item)


def another_feature(world: World) -> None:
    """A possible value, in the same version as offline; no other replica has it."""
    item = world.items()[0]
    other = "0" if float(item["https"]["N"]) else "1"
    world.sandbox.control.damage(
        "dynamodb-item", region=TARGET, table=TABLE, keys=[{KEY: item[KEY]}], set={"https": {"N": other}}
    )


# Endpoint ---------------------------------------------------------------------------------------------------------


def swap(world: World, url: str, *, environment: dict[str, str] | None = None, count: int = 2) -> None:
    """Deploy another model on the endpoint, behind the back of the run."""
    sagemaker = world.aws("sagemaker")
    before = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
    variant = sagemaker.describe_endpoint_config(EndpointConfigName=before)["ProductionVariants"][0]
    served = sagemaker.describe_model(ModelName=variant["ModelName"])
    container = {**served["PrimaryContainer"], "ModelDataUrl": url, "Environment": environment or {}}
    facts = {key: served[key] for key in ("ExecutionRoleArn", "VpcConfig")}
    sagemaker.create_model(ModelName="swapped", PrimaryContainer=container, **facts)
    sagemaker.create_endpoint_config(
        EndpointConfigName="swapped",
        ProductionVariants=[{**variant, "ModelName": "swapped", "InitialInstanceCount": count}],
    )
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="swapped")
    until(lambda: sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointStatus"] == "InService", "the swap")


def retrained_model(world: World) -> None:
    """As good as the one of the point, and not the same; slow besides."""
    train, _ = data.split(data.load_phishing())
    world.put(MODELS, "models/other/model.tar.gz", model.train(train.iloc[1:], "v2"))
    swap(world, f"s3://{MODELS}/models/other/model.tar.gz")
    world.slow_endpoint(400)


@functools.cache
def learnt_the_opposite() -> bytes:
    """A model that calls every phishing page honest, and every honest one phishing."""
    train, _ = data.split(data.load_phishing())
    return model.train(train.assign(**{data.LABEL: 1 - train[data.LABEL]}), "v1")


def bad_model(world: World) -> None:
    """Worse answers, from one instance of two, with an environment that names home."""
    world.put(MODELS, "models/bad/model.tar.gz", learnt_the_opposite())
    swap(world, f"s3://{MODELS}/models/bad/model.tar.gz", environment={"LOOKUP": f"dynamodb.{HOME}.x"}, count=1)


def slow_lookup(world: World) -> None:
    world.sandbox.control.fault(TARGET, "latency", services=["dynamodb"], operations=["GetItem"], seconds=0.4)
