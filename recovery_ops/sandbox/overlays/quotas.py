"""Service Quotas of SageMaker endpoints: ``<instance type> for endpoint usage``, as the capacity switches say.

Quotas can be read. An increase is a support case that takes hours to days, so asking for one is not modelled.
"""

import json
import zlib
from typing import Any

from recovery_ops.sandbox import patching
from recovery_ops.sandbox.sagemaker.capacity import DEFAULT_QUOTA, quota
from recovery_ops.sandbox.sagemaker.instance_types import REALTIME
from recovery_ops.sandbox.world import ACCOUNT, World

MODELLED = {
    "service-quotas": {
        "ListServiceQuotas",
        "GetServiceQuota",
        "ListAWSDefaultServiceQuotas",
        "GetAWSDefaultServiceQuota",
    }
}
_PAGE = 100


def code_of(instance_type: str) -> str:
    """Return the quota code of an instance type: stable, but not the one AWS uses."""
    return f"L-{zlib.crc32(f'{instance_type} for endpoint usage'.encode()):08X}"


_TYPES = {code_of(instance_type): instance_type for instance_type in sorted(REALTIME)}


def install(world: World) -> None:
    """Replace moto's Service Quotas, which know VPC only."""
    from moto.servicequotas.responses import ServiceQuotasResponse

    def listed(self: Any, *, default: bool) -> str:
        request = _request(self)
        start, size = int(request.get("NextToken") or 0), int(request.get("MaxResults") or _PAGE)
        codes = list(_TYPES)
        more = {"NextToken": str(start + size)} if start + size < len(codes) else {}
        page = [_quota(world, self.region, code, default=default) for code in codes[start : start + size]]
        return json.dumps({"Quotas": page, **more})

    def one(self: Any, *, default: bool) -> str:
        code = str(_request(self).get("QuotaCode"))
        if code not in _TYPES:
            raise _no_such(f"The request failed because the specified quota {code} does not exist.")
        return json.dumps({"Quota": _quota(world, self.region, code, default=default)})

    def list_service_quotas(self: Any) -> str:
        return listed(self, default=False)

    def list_aws_default_service_quotas(self: Any) -> str:
        return listed(self, default=True)

    def get_service_quota(self: Any) -> str:
        return one(self, default=False)

    def get_aws_default_service_quota(self: Any) -> str:
        return one(self, default=True)

    patching.add(ServiceQuotasResponse, "list_service_quotas", list_service_quotas)
    patching.replace(ServiceQuotasResponse, "list_aws_default_service_quotas", list_aws_default_service_quotas)
    patching.replace(ServiceQuotasResponse, "get_service_quota", get_service_quota)
    patching.add(ServiceQuotasResponse, "get_aws_default_service_quota", get_aws_default_service_quota)


def _request(response: Any) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(response.body)
    if request.get("ServiceCode") != "sagemaker":
        raise NotImplementedError(f"the sandbox models quotas of sagemaker, not of {request.get('ServiceCode')}")
    return request


def _no_such(message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError

    error: Exception = JsonRESTError("NoSuchResourceException", message)
    return error


def _quota(world: World, region: str, code: str, *, default: bool) -> dict[str, Any]:
    instance_type = _TYPES[code]
    return {
        "ServiceCode": "sagemaker",
        "ServiceName": "Amazon SageMaker",
        "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT}:sagemaker/{code}",
        "QuotaCode": code,
        "QuotaName": f"{instance_type} for endpoint usage",
        "Value": float(DEFAULT_QUOTA if default else quota(world, region, instance_type)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }
