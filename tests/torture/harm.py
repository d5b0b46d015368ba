"""One harm per gate, done to what was restored, from outside and behind the back of the run."""

import base64
import io
import time
from collections.abc import Callable
from typing import Any

from ground import TARGET, Ground

from recovery_ops.testing.fingerprints import outsider

Harm = Callable[[Ground], None]


def stack_parameter(ground: Ground) -> None:
    """Somebody changed a parameter of the network."""
    _stage(ground, "other")


def stack_reference(ground: Ground) -> None:
    """The network names a bucket in the region that was left."""
    cloudformation = _aws(ground, "cloudformation")
    template = cloudformation.get_template(StackName="fraud-network")["TemplateBody"]
    named = "Outputs:\n  Left:\n    Value: fraud-data-us-east-1\n"
    assert "Outputs:\n" in template
    cloudformation.update_stack(
        StackName="fraud-network",
        TemplateBody=template.replace("Outputs:\n", named),
        Parameters=[{"ParameterKey": "StageName", "UsePreviousValue": True}],
    )


def parameter_value(ground: Ground) -> None:
    """The transformation of features is another one."""
    ssm = _aws(ground, "ssm")
    ssm.put_parameter(Name=_some(ground, "transform/config"), Value='{"scale": 2}', Type="String", Overwrite=True)


def parameter_reference(ground: Ground) -> None:
    """A parameter names a resource in the region that was left."""
    arn = "arn:aws:dynamodb:us-east-1:123456789012:table/fraud-features"
    name = f"/{ground.system.name}/transform/config"
    _aws(ground, "ssm").put_parameter(Name=name, Value=arn, Type="String", Overwrite=True)


def model_archive(ground: Ground) -> None:
    """One byte of the model is another one."""
    ground.sandbox.control.damage("s3-object", bucket=f"fraud-models-{TARGET}", key="models/v2/model.tar.gz")


def model_approval(ground: Ground) -> None:
    """The approved model is not approved any more."""
    sagemaker = _aws(ground, "sagemaker")
    for package in sagemaker.list_model_packages(ModelPackageGroupName="fraud-scoring")["ModelPackageSummaryList"]:
        sagemaker.update_model_package(ModelPackageArn=package["ModelPackageArn"], ModelApprovalStatus="Rejected")


def package_reference(ground: Ground) -> None:
    """A model package names a bucket in the region that was left."""
    sagemaker = _aws(ground, "sagemaker")
    package = sagemaker.list_model_packages(ModelPackageGroupName="fraud-scoring")["ModelPackageSummaryList"][0]
    sagemaker.update_model_package(
        ModelPackageArn=package["ModelPackageArn"], CustomerMetadataProperties={"data": "fraud-data-us-east-1"}
    )


def poisoned_features(ground: Ground) -> None:
    """Every feature row says what cannot be."""
    _items(ground, set={"https": 77})


def stale_features(ground: Ground) -> None:
    """The newest write that the replica knows is six years old."""
    _items(ground, set={"updated_at": "2020-01-01T00:00:00.000+00:00"})


def lost_features(ground: Ground) -> None:
    """The online table has lost all its rows, the offline store has not."""
    _items(ground, delete=True)


def offline_features(ground: Ground) -> None:
    """One byte of the offline features is another one."""
    _flip(ground, "features/offline/")


def training_bytes(ground: Ground) -> None:
    """One byte of the training data is another one."""
    _flip(ground, "training/")


def training_values(ground: Ground) -> None:
    """The training data are readable, and wrong."""
    import pandas as pd

    bucket, key = f"fraud-data-{TARGET}", _keys(ground, "training/")[0]
    body = _aws(ground, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    frame = pd.read_parquet(io.BytesIO(body))
    out = io.BytesIO()
    frame.assign(https=77).to_parquet(out)
    ground.sandbox.control.damage("s3-object", bucket=bucket, key=key, body=base64.b64encode(out.getvalue()).decode())


def truncated_training(ground: Ground) -> None:
    """A Parquet file ends in its middle."""
    bucket, key = f"fraud-data-{TARGET}", _keys(ground, "training/")[0]
    body = _aws(ground, "s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    half = base64.b64encode(body[: len(body) // 2]).decode()
    ground.sandbox.control.damage("s3-object", bucket=bucket, key=key, body=half)


def missing_version(ground: Ground) -> None:
    """A pinned object version is gone."""
    key = _keys(ground, "training/")[0]
    ground.sandbox.control.damage("s3-version", bucket=f"fraud-data-{TARGET}", key=key)


def older_model(ground: Ground) -> None:
    """The endpoint serves the model of the standby, which is an older one."""
    sagemaker = _aws(ground, "sagemaker")
    now = sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointConfigName"]
    names = [item["EndpointConfigName"] for item in sagemaker.list_endpoint_configs()["EndpointConfigs"]]
    _serve(ground, next(name for name in names if name != now))


def slow_model(ground: Ground) -> None:
    """Every prediction takes 2.5 s."""
    ground.sandbox.control.damage("endpoint-latency", region=TARGET, endpoint="fraud-scoring", ms=2500)


def fewer_instances(ground: Ground) -> None:
    """The endpoint is back, on one instance."""
    sagemaker = _aws(ground, "sagemaker")
    variant = sagemaker.describe_endpoint(EndpointName="fraud-scoring")["ProductionVariants"][0]["VariantName"]
    wanted = [{"VariantName": variant, "DesiredInstanceCount": 1}]
    sagemaker.update_endpoint_weights_and_capacities(EndpointName="fraud-scoring", DesiredWeightsAndCapacities=wanted)


def model_reference(ground: Ground) -> None:
    """The model is told to look something up in the region that was left."""
    sagemaker = _aws(ground, "sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName="fraud-scoring")
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = model["PrimaryContainer"] | {"Environment": {"BUCKET": "fraud-data-us-east-1"}}
    sagemaker.create_model(ModelName="strange", PrimaryContainer=container, ExecutionRoleArn=model["ExecutionRoleArn"])
    variant = config["ProductionVariants"][0] | {"ModelName": "strange"}
    sagemaker.create_endpoint_config(EndpointConfigName="strange", ProductionVariants=[variant])
    _serve(ground, "strange")


def silent_model(ground: Ground) -> None:
    """The endpoint is in service and answers nothing."""
    ground.sandbox.control.damage("endpoint-stop", region=TARGET, endpoint="fraud-scoring")


def _aws(ground: Ground, service: str) -> Any:
    return outsider(ground.sandbox.base_url, service, TARGET)


def _serve(ground: Ground, config: str) -> None:
    """Let the endpoint serve another configuration, and return when it does."""
    sagemaker = _aws(ground, "sagemaker")
    sagemaker.update_endpoint(EndpointName="fraud-scoring", EndpointConfigName=config)
    _until_in_service(sagemaker)
    assert sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointConfigName"] == config


def _until_in_service(sagemaker: Any) -> None:
    end = time.monotonic() + 60
    while sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointStatus"] != "InService":
        assert time.monotonic() < end, "the endpoint does not come into service"
        time.sleep(0.05)


def _stage(ground: Ground, name: str) -> None:
    _aws(ground, "cloudformation").update_stack(
        StackName="fraud-network",
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "StageName", "ParameterValue": name}],
    )


def _some(ground: Ground, ending: str) -> str:
    pages = _aws(ground, "ssm").get_paginator("get_parameters_by_path").paginate(Path="/", Recursive=True)
    names = [item["Name"] for page in pages for item in page["Parameters"]]
    return next(name for name in names if name.endswith(ending) and name.startswith(f"/{ground.system.name}"))


def _items(ground: Ground, **change: Any) -> None:
    ground.sandbox.control.damage("dynamodb-item", region=TARGET, table="fraud-features", **change)


def _keys(ground: Ground, prefix: str) -> list[str]:
    found = _aws(ground, "s3").list_objects_v2(Bucket=f"fraud-data-{TARGET}", Prefix=prefix)["Contents"]
    return sorted(item["Key"] for item in found)


def _flip(ground: Ground, prefix: str) -> None:
    ground.sandbox.control.damage("s3-object", bucket=f"fraud-data-{TARGET}", key=_keys(ground, prefix)[0])
