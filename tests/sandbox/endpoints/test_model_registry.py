"""Models and packages: what is kept, and what is refused in the words of AWS."""

import pytest
from endpoint_moves import ROLE, TYPE, Aws, refused

pytestmark = pytest.mark.sandbox


def test_what_exists_already_is_refused_in_the_words_of_aws(aws: Aws) -> None:
    aws.endpoint("twice")
    container = {"ModelDataUrl": aws.url("v1")}
    model = refused(
        "ValidationException",
        aws.sagemaker.create_model,
        ModelName="twice",
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
    )
    config = refused(
        "ValidationException",
        aws.sagemaker.create_endpoint_config,
        EndpointConfigName="twice",
        ProductionVariants=[
            {"VariantName": "a", "ModelName": "twice", "InstanceType": TYPE, "InitialInstanceCount": 1}
        ],
    )
    endpoint = refused(
        "ValidationException", aws.sagemaker.create_endpoint, EndpointName="twice", EndpointConfigName="twice"
    )
    assert model.startswith("Cannot create already existing model ")
    assert config.startswith("Cannot create already existing endpoint configuration ")
    assert endpoint.startswith("Cannot create already existing endpoint ")


def test_an_image_of_another_region_is_not_found(aws: Aws) -> None:
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    container = {"ModelDataUrl": aws.url("v1"), "Image": image}
    message = refused(
        "ValidationException",
        aws.sagemaker.create_model,
        ModelName="image",
        ExecutionRoleArn=ROLE,
        PrimaryContainer=container,
    )
    assert message == f"Requested image {image} not found."


def test_what_the_sandbox_would_drop_is_refused(aws: Aws) -> None:
    variant = {"VariantName": "a", "ModelName": "twice", "InstanceType": TYPE, "InitialInstanceCount": 1}
    refused(
        "NotImplemented",
        aws.sagemaker.create_endpoint_config,
        EndpointConfigName="shadowed",
        ProductionVariants=[variant],
        ShadowProductionVariants=[variant],
    )


def test_a_model_package_keeps_its_metadata_and_its_number_is_never_used_again(aws: Aws) -> None:
    api = aws.sagemaker
    api.create_model_package_group(ModelPackageGroupName="numbered")
    specification = {
        "Containers": [{"Image": "sklearn", "ModelDataUrl": aws.url("v2")}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }

    def register() -> str:
        created = api.create_model_package(
            ModelPackageGroupName="numbered",
            InferenceSpecification=specification,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"sha256": "abc"},
        )
        return str(created["ModelPackageArn"])

    first, second = register(), register()
    api.update_model_package(ModelPackageArn=second, ModelApprovalStatus="Approved")
    api.update_model_package(ModelPackageArn=second, CustomerMetadataProperties={"source": "v2"})
    found = api.describe_model_package(ModelPackageName=second)
    assert found["ModelApprovalStatus"] == "Approved"
    assert found["CustomerMetadataProperties"] == {"sha256": "abc", "source": "v2"}
    refused("ConflictException", api.delete_model_package_group, ModelPackageGroupName="numbered")
    api.delete_model_package(ModelPackageName=second)
    third = register()
    assert [arn.rsplit("/", 1)[1] for arn in (first, second, third)] == ["1", "2", "3"]
    api.create_model(ModelName="from-package", ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": third})
    variant = {"VariantName": "a", "ModelName": "from-package", "InstanceType": TYPE, "InitialInstanceCount": 1}
    api.create_endpoint_config(EndpointConfigName="from-package", ProductionVariants=[variant])
    api.create_endpoint(EndpointName="from-package", EndpointConfigName="from-package")
    assert aws.settled("from-package")["EndpointStatus"] == "InService"
    assert aws.score("from-package") == b"6.0"
    for arn in (first, third):
        api.delete_model_package(ModelPackageName=arn)
    api.delete_model_package_group(ModelPackageGroupName="numbered")
    refused("ValidationException", api.describe_model_package_group, ModelPackageGroupName="numbered")
