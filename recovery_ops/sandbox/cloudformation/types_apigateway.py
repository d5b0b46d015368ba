"""AWS::ApiGateway resources: a REST API whose methods call a SageMaker endpoint, and the name clients know it by."""

from collections.abc import Mapping
from typing import Any

from moto.apigateway.models import APIGatewayBackend, RestAPI, apigateway_backends

from recovery_ops.sandbox.cloudformation.types import Changeable, ResourceError, ResourceType, Site

Json = Any


def _backend(site: Site) -> APIGatewayBackend:
    return apigateway_backends[site.account][site.region]


def _api(site: Site) -> RestAPI | None:
    return _backend(site).apis.get(site.wanted["RestApiId"])


class RestApi(Changeable):
    """A REST API."""

    name = "AWS::ApiGateway::RestApi"
    service = "apigateway"
    required = frozenset({"Name"})
    properties = frozenset({"Name", "Description", "EndpointConfiguration", "DisableExecuteApiEndpoint", "Tags"})
    attributes = frozenset({"RootResourceId", "RestApiId"})

    def create(self, site: Site) -> str:
        """Create the API with its root resource."""
        api = _backend(site).create_rest_api(name=site.wanted["Name"], description=site.wanted.get("Description", ""))
        return str(api.id)

    def update(self, site: Site) -> None:
        """Set everything but the resources below the API."""
        api = _backend(site).get_rest_api(site.physical_id)
        api.name, api.description = site.wanted["Name"], site.wanted.get("Description", "")
        api.endpoint_configuration = {"types": site.wanted.get("EndpointConfiguration", {}).get("Types", ["EDGE"])}
        api.disableExecuteApiEndpoint = str(site.wanted.get("DisableExecuteApiEndpoint", False)).lower() == "true"
        api.tags = site.all_tags

    def delete(self, site: Site) -> None:
        """Delete the API; refused while a custom domain name leads to it, as on AWS."""
        backend = _backend(site)
        mapped = [m for found in backend.base_path_mappings.values() for m in found.values()]
        if any(mapping.rest_api_id == site.physical_id for mapping in mapped):
            raise ResourceError("Please remove all base path mappings related to the API in your account")
        backend.apis.pop(site.physical_id, None)

    def values(self, site: Site) -> dict[str, Json]:
        """Return the ids of the API and of its root resource."""
        return {
            "RestApiId": site.physical_id,
            "RootResourceId": _backend(site).get_rest_api(site.physical_id).root_resource_id,
        }


class Resource(ResourceType):
    """One part of a path."""

    name = "AWS::ApiGateway::Resource"
    service = "apigateway"
    required = frozenset({"RestApiId", "ParentId", "PathPart"})
    properties = required
    replaces = required
    attributes = frozenset({"ResourceId"})

    def create(self, site: Site) -> str:
        """Create the resource; a sibling of the same name is refused."""
        backend, api_id, parent = _backend(site), site.wanted["RestApiId"], site.wanted["ParentId"]
        siblings = [item for item in backend.get_resources(api_id) if item.parent_id == parent]
        if any(item.path_part == site.wanted["PathPart"] for item in siblings):
            raise ResourceError(f"Another child of this parent already has this name: {site.wanted['PathPart']}")
        backend.get_resource(api_id, parent)
        return str(backend.create_resource(api_id, parent, site.wanted["PathPart"]).id)

    def delete(self, site: Site) -> None:
        """Delete the resource."""
        if api := _api(site):
            api.resources.pop(site.physical_id, None)


class Method(Changeable):
    """One verb on a resource, and what it calls."""

    name = "AWS::ApiGateway::Method"
    service = "apigateway"
    required = frozenset({"RestApiId", "ResourceId", "HttpMethod"})
    properties = required | {"AuthorizationType", "ApiKeyRequired", "Integration", "MethodResponses", "OperationName"}
    replaces = required
    _INTEGRATION = frozenset(
        {"Type", "IntegrationHttpMethod", "Uri", "Credentials", "PassthroughBehavior", "IntegrationResponses"}
        | {"TimeoutInMillis", "ContentHandling"}
    )

    def check(self, properties: Mapping[str, Json]) -> None:
        """Refuse what the front door cannot do."""
        super().check(properties)
        unknown = sorted(set(properties.get("Integration", {})) - self._INTEGRATION)
        if unknown:
            raise ResourceError(f"Encountered unsupported property {unknown[0]} in Integration ({self.name})")
        if properties.get("AuthorizationType", "NONE") != "NONE":
            raise ResourceError(f"AuthorizationType {properties['AuthorizationType']} is not modelled by the sandbox")

    def create(self, site: Site) -> str:
        """Name the method; its settings follow."""
        return "|".join([site.wanted["RestApiId"], site.wanted["ResourceId"], site.wanted["HttpMethod"]])

    def update(self, site: Site) -> None:
        """Put the method again. Nothing changes for clients until the API is deployed again."""
        where = (site.wanted["RestApiId"], site.wanted["ResourceId"], site.wanted["HttpMethod"])
        backend = _backend(site)
        authorization = site.wanted.get("AuthorizationType", "NONE")
        backend.put_method(*where, authorization, operation_name=site.wanted.get("OperationName"))
        for answer in site.wanted.get("MethodResponses", []):
            models, headers = answer.get("ResponseModels"), answer.get("ResponseParameters")
            backend.put_method_response(*where, str(answer["StatusCode"]), models, headers)
        if "Integration" in site.wanted:
            self._integrate(backend, where, site.wanted["Integration"])

    def _integrate(self, backend: APIGatewayBackend, where: tuple[str, str, str], wanted: Mapping[str, Json]) -> None:
        backend.put_integration(
            *where,
            wanted["Type"],
            wanted.get("Uri", ""),
            wanted.get("IntegrationHttpMethod", ""),
            credentials=wanted.get("Credentials"),
            passthrough_behavior=wanted.get("PassthroughBehavior"),
            timeout_in_millis=wanted.get("TimeoutInMillis"),
            content_handling=wanted.get("ContentHandling"),
        )
        for answer in wanted.get("IntegrationResponses", []):
            pattern, templates = answer.get("SelectionPattern", ""), answer.get("ResponseTemplates", {})
            backend.put_integration_response(*where, str(answer["StatusCode"]), pattern, templates, {})

    def delete(self, site: Site) -> None:
        """Delete the method."""
        api = _api(site)
        if api and site.wanted["ResourceId"] in api.resources:
            api.resources[site.wanted["ResourceId"]].delete_method(site.wanted["HttpMethod"])


class Deployment(ResourceType):
    """What the methods of an API were at one moment."""

    name = "AWS::ApiGateway::Deployment"
    service = "apigateway"
    required = frozenset({"RestApiId"})
    properties = frozenset({"RestApiId", "Description"})
    replaces = frozenset({"RestApiId"})
    attributes = frozenset({"DeploymentId"})

    def create(self, site: Site) -> str:
        """Deploy the API; refused while it has no method."""
        description = site.wanted.get("Description", "")
        return str(_backend(site).create_deployment(site.wanted["RestApiId"], "", description).id)

    def update(self, site: Site) -> None:
        """Set the description. This does not deploy again, as on AWS."""
        _backend(site).get_deployment(site.wanted["RestApiId"], site.physical_id).description = site.wanted.get(
            "Description", ""
        )

    def delete(self, site: Site) -> None:
        """Delete the deployment; refused while a stage shows it."""
        api = _api(site)
        if api is None:
            return
        if any(stage.deployment_id == site.physical_id for stage in api.stages.values()):
            raise ResourceError("Active stages pointing to this deployment must be moved or deleted")
        api.deployments.pop(site.physical_id, None)


class Stage(Changeable):
    """A deployment that clients reach under a name."""

    name = "AWS::ApiGateway::Stage"
    service = "apigateway"
    required = frozenset({"RestApiId", "DeploymentId", "StageName"})
    properties = required | {"Description", "Tags"}
    replaces = frozenset({"RestApiId", "StageName"})

    def create(self, site: Site) -> str:
        """Create the stage; its deployment must exist."""
        backend, api_id, name = _backend(site), site.wanted["RestApiId"], site.wanted["StageName"]
        self._deployed(site)
        backend.create_stage(api_id, name, site.wanted["DeploymentId"])
        return str(name)

    def update(self, site: Site) -> None:
        """Show another deployment; set description and tags."""
        self._deployed(site)
        stage = _backend(site).get_stage(site.wanted["RestApiId"], site.physical_id)
        stage.deployment_id, stage.description = site.wanted["DeploymentId"], site.wanted.get("Description", "")
        stage.tags = site.all_tags

    def _deployed(self, site: Site) -> None:
        api = _backend(site).get_rest_api(site.wanted["RestApiId"])
        if site.wanted["DeploymentId"] not in api.deployments:
            raise ResourceError(f"Deployment id does not exist: {site.wanted['DeploymentId']}")

    def delete(self, site: Site) -> None:
        """Delete the stage."""
        if api := _api(site):
            api.stages.pop(site.physical_id, None)


class DomainName(Changeable):
    """A custom domain name of one region. Certificates are not checked: the sandbox speaks no TLS."""

    name = "AWS::ApiGateway::DomainName"
    service = "apigateway"
    required = frozenset({"DomainName"})
    properties = required | {"EndpointConfiguration", "RegionalCertificateArn", "SecurityPolicy", "Tags"}
    replaces = required
    attributes = frozenset({"RegionalDomainName", "RegionalHostedZoneId"})

    def check(self, properties: Mapping[str, Json]) -> None:
        """Refuse edge-optimised names: they live in another region than their API."""
        super().check(properties)
        if properties.get("EndpointConfiguration", {}).get("Types") != ["REGIONAL"]:
            raise ResourceError("EndpointConfiguration of a domain name other than REGIONAL is not modelled here")

    def create(self, site: Site) -> str:
        """Claim the name in this region."""
        backend, name = _backend(site), site.wanted["DomainName"]
        if name in backend.domain_names:
            raise ResourceError(f"The domain name you provided already exists: {name}")
        nothing: Json = None
        backend.create_domain_name(
            name, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing
        )
        return str(name)

    def update(self, site: Site) -> None:
        """Set certificate, policy and tags."""
        domain = _backend(site).get_domain_name(site.physical_id)
        domain.regional_certificate_arn = site.wanted.get("RegionalCertificateArn")
        domain.security_policy = site.wanted.get("SecurityPolicy")
        domain.endpoint_configuration = {"types": ["REGIONAL"]}
        domain.tags = site.all_tags

    def delete(self, site: Site) -> None:
        """Give the name up."""
        _backend(site).domain_names.pop(site.physical_id, None)
        _backend(site).base_path_mappings.pop(site.physical_id, None)

    def values(self, site: Site) -> dict[str, Json]:
        """Return what a DNS record must lead to."""
        domain = _backend(site).get_domain_name(site.physical_id)
        return {
            "RegionalDomainName": domain.regional_domain_name,
            "RegionalHostedZoneId": domain.regional_hosted_zone_id,
        }


class BasePathMapping(ResourceType):
    """Which stage a custom domain name leads to."""

    name = "AWS::ApiGateway::BasePathMapping"
    service = "apigateway"
    required = frozenset({"DomainName"})
    properties = required | {"RestApiId", "Stage", "BasePath"}
    replaces = frozenset({"DomainName", "BasePath"})

    def create(self, site: Site) -> str:
        """Map the name."""
        domain, path = site.wanted["DomainName"], site.wanted.get("BasePath", "")
        taken = _backend(site).base_path_mappings.get(domain, {})
        if (path or "(none)") in taken:
            raise ResourceError(f"Base path already exists for this domain name: {path or '(none)'}")
        _backend(site).create_base_path_mapping(domain, site.wanted["RestApiId"], path, site.wanted["Stage"])
        return f"{domain}|{path or '(none)'}"

    def update(self, site: Site) -> None:
        """Lead to another stage."""
        mapping = _backend(site).get_base_path_mapping(*site.physical_id.split("|"))
        mapping.rest_api_id, mapping.stage = site.wanted["RestApiId"], site.wanted["Stage"]

    def delete(self, site: Site) -> None:
        """End the mapping."""
        domain, path = site.physical_id.split("|")
        _backend(site).base_path_mappings.get(domain, {}).pop(path, None)


TYPES: tuple[ResourceType, ...] = (
    RestApi(),
    Resource(),
    Method(),
    Deployment(),
    Stage(),
    DomainName(),
    BasePathMapping(),
)
