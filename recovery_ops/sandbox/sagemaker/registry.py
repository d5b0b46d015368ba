"""The model registry: packages that keep their metadata, versions that are never used again, deletion, tags."""

from typing import Any

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.sagemaker.definitions import resource
from recovery_ops.sandbox.sagemaker.deployment import arn, backend, invalid


def patch() -> None:
    """Replace moto's handling of model packages and tags."""
    from moto.sagemaker import models, responses

    _patch_numbering(models.ModelPackage)
    _patch_packages(models.SageMakerModelBackend, responses.SageMakerResponse)
    _patch_groups(models.SageMakerModelBackend, responses.SageMakerResponse)
    _patch_tags(models.SageMakerModelBackend)


def _patch_numbering(package_class: Any) -> None:
    """Number versions as AWS does: one more than the highest that ever was, deleted ones included."""
    initialise = patching.original(package_class, "__init__")

    def init(self: Any, **given: Any) -> None:
        group = given["model_package_group_name"]
        if group:
            held = backend(given["region_name"]).model_package_groups[group]
            given["model_package_version"] = held.last_version = getattr(held, "last_version", 0) + 1
        initialise(self, **given)

    patching.replace(package_class, "__init__", init)


def _patch_packages(backend_class: Any, response_class: Any) -> None:
    def update_model_package(
        self: Any,
        model_package_arn: str,
        model_approval_status: str | None,
        approval_description: str | None,
        customer_metadata_properties: dict[str, str] | None,
        customer_metadata_properties_to_remove: list[str],
        additional_inference_specifications_to_add: list[Any] | None,
    ) -> str:
        package = _package(self, model_package_arn)
        if model_approval_status is not None:
            package.set_model_approval_status(model_approval_status)
        if approval_description is not None:
            package.approval_description = approval_description
        merged = {**(package.customer_metadata_properties or {}), **(customer_metadata_properties or {})}
        removed = set(customer_metadata_properties_to_remove or [])
        package.customer_metadata_properties = {k: v for k, v in merged.items() if k not in removed} or None
        if additional_inference_specifications_to_add:
            package.add_additional_inference_specifications(additional_inference_specifications_to_add)
        package.modifications_done()
        return str(package.arn)

    def delete_model_package(self: Any) -> Any:
        from moto.core.responses import EmptyResult

        package = _package(self.sagemaker_backend, self._get_param("ModelPackageName"))
        self.sagemaker_backend.model_packages.pop(package.arn)
        self.sagemaker_backend.model_package_name_mapping.pop(package.arn, None)
        return EmptyResult()

    patching.replace(backend_class, "update_model_package", update_model_package)
    patching.add(response_class, "delete_model_package", delete_model_package)


def _package(sagemaker: Any, name: str) -> Any:
    known = sagemaker.model_package_name_mapping.get(name, name)
    package = sagemaker.model_packages.get(known)
    if package is None:
        raise invalid(f"ModelPackage {name} does not exist.")
    return package


def _patch_groups(backend_class: Any, response_class: Any) -> None:
    create = patching.original(backend_class, "create_model_package_group")
    describe = patching.original(backend_class, "describe_model_package_group")

    def create_model_package_group(self: Any, model_package_group_name: str, *args: Any, **kwargs: Any) -> Any:
        if model_package_group_name in self.model_package_groups:
            name = arn("model-package-group", self.region_name, model_package_group_name)
            raise invalid(f"Model Package Group already exists: {name}")
        return create(self, model_package_group_name, *args, **kwargs)

    def describe_model_package_group(self: Any, model_package_group_name: str) -> Any:
        return describe(self, model_package_group_name.split("/")[-1])

    def delete_model_package_group(self: Any) -> Any:
        from moto.core.responses import EmptyResult
        from moto.sagemaker.exceptions import ConflictException

        sagemaker = self.sagemaker_backend
        group = sagemaker.describe_model_package_group(self._get_param("ModelPackageGroupName"))
        name = group.model_package_group_name
        if any(package.model_package_group_name == name for package in sagemaker.model_packages.values()):
            raise ConflictException(f"Model Package Group {group.arn} cannot be deleted: it still has versions.")
        sagemaker.model_package_groups.pop(name)
        return EmptyResult()

    patching.replace(backend_class, "create_model_package_group", create_model_package_group)
    patching.replace(backend_class, "describe_model_package_group", describe_model_package_group)
    patching.add(response_class, "delete_model_package_group", delete_model_package_group)


def _patch_tags(backend_class: Any) -> None:
    find = patching.original(backend_class, "_get_resource_from_arn")

    def get_resource_from_arn(self: Any, arn: str) -> Any:
        kind, _, name = arn.split(":")[-1].partition("/")
        found = self.model_packages.get(arn) if kind == "model-package" else find(self, arn)
        if found is None:
            raise invalid(f"Could not find {kind} with name {name}")
        found.tags = found.tags or []
        return found

    def add_tags(self: Any, arn: str, tags: list[dict[str, str]]) -> Any:
        found = self._get_resource_from_arn(arn)
        new = {tag["Key"] for tag in tags}
        found.tags = [tag for tag in found.tags if tag["Key"] not in new] + list(tags)
        return found.tags

    patching.replace(backend_class, "_get_resource_from_arn", get_resource_from_arn)
    patching.replace(backend_class, "add_tags", add_tags)


def inventory(region: str) -> list[dict[str, Any]]:
    """Return the model package groups and packages of ``region``."""
    sagemaker = backend(region)
    groups = [
        ("model-package-group", g.model_package_group_name, g.tags) for g in sagemaker.model_package_groups.values()
    ]
    packages = [("model-package", package.arn, package.tags) for package in sagemaker.model_packages.values()]
    return [resource(kind, name, tags) for kind, name, tags in groups + packages]
