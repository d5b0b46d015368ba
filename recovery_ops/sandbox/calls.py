"""What a request asks for: service, region, operation and caller, as AWS would see them."""

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

from moto.s3.models import s3_backends

from recovery_ops.sandbox import operations

Environ = dict[str, Any]
Answer = tuple[int, list[tuple[str, str]], bytes]

GLOBAL = "global"  # the region of services that have none
GLOBAL_SERVICES = frozenset({"iam", "route53"})

_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request")
_VIRTUAL_HOST = re.compile(r"(?P<bucket>[a-z0-9.-]+)\.s3[.-](?:[a-z0-9-]+\.)?amazonaws\.com(?::\d+)?")
_BOTO3_NAMES = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
_REST_XML = frozenset({"s3", "route53"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request. ``service`` is boto3's name of it; ``region`` is where it is served, ``global`` if it has none.

    ``sources`` are further regions that must be alive, as the region of the object that an S3 copy reads.
    ``unknown`` are query parameters that the operation does not have.
    """

    service: str
    region: str
    operation: str
    caller: str
    protocol: str
    sources: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def lock(self) -> str:
        """Name of the lock that calls to this service share: a data plane shares the state of its control plane."""
        return {"dynamodbstreams": "dynamodb", "sagemaker-runtime": "sagemaker"}.get(self.service, self.service)


def parse(environ: Environ, body: bytes) -> Call:
    """Return what ``environ`` and ``body`` ask for. Unsigned requests are taken for S3, as by S3 website clients."""
    signed_region, service = _scope(environ)
    if service == "s3":
        return _s3_call(environ, signed_region)
    operation, protocol = _operation(environ, body, service)
    region = GLOBAL if service in GLOBAL_SERVICES else signed_region
    return Call(service=service, region=region, operation=operation, caller=_caller(environ), protocol=protocol)


def bucket_region(name: str) -> str | None:
    """Return the region that ``name`` lives in; ``None`` when there is no such bucket."""
    owner = s3_backends.bucket_accounts.get(name)
    bucket = s3_backends[owner[1]][owner[0]].buckets.get(name) if owner else None
    return None if bucket is None else str(bucket.region_name)


def s3_path(environ: Environ) -> str:
    """Return ``/bucket/key`` of an S3 request, however the client addressed the bucket."""
    path = str(environ.get("PATH_INFO", "/")).encode("latin-1").decode("utf-8", "replace")
    host = _VIRTUAL_HOST.fullmatch(environ.get("HTTP_HOST", ""))
    return f"/{host['bucket']}{path}" if host else path


def query_of(environ: Environ) -> dict[str, str]:
    """Return the query parameters, those without a value as empty strings."""
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def _caller(environ: Environ) -> str:
    return str(environ.get("HTTP_USER_AGENT", ""))


def _scope(environ: Environ) -> tuple[str, str]:
    found = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not found and (presigned := parse_qs(environ.get("QUERY_STRING", "")).get("X-Amz-Credential")):
        found = _SCOPE.search(f"Credential={presigned[0]}")
    if not found:
        return "us-east-1", "s3"
    region, signing_name = found.groups()
    return region, _service(signing_name, environ)


def _service(signing_name: str, environ: Environ) -> str:
    if signing_name == "sagemaker" and str(environ.get("PATH_INFO", "")).startswith("/endpoints/"):
        return "sagemaker-runtime"
    if signing_name == "dynamodb" and environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDBStreams"):
        return "dynamodbstreams"
    return _BOTO3_NAMES.get(signing_name, signing_name)


def _s3_call(environ: Environ, signed_region: str) -> Call:
    path, query = s3_path(environ), query_of(environ)
    region = bucket_region(path.lstrip("/").split("/")[0]) or signed_region
    source = unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")).lstrip("/").split("/")[0]
    source_region = bucket_region(source) if source else None
    found = operations.find("s3", environ["REQUEST_METHOD"], path, query, _header_names(environ))
    return Call(
        service="s3",
        region=region,
        operation=found.name if found else f"{environ['REQUEST_METHOD']} {path}",
        caller=_caller(environ),
        protocol="rest-xml",
        sources=(source_region,) if source_region and source_region != region else (),
        unknown=tuple(found.unknown(query)) if found else (),
    )


def _operation(environ: Environ, body: bytes, service: str) -> tuple[str, str]:
    """Return the operation and the protocol of a request outside S3."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return target.rpartition(".")[2], "json"
    if "rpc-v2-cbor" in environ.get("HTTP_SMITHY_PROTOCOL", ""):
        return str(environ.get("PATH_INFO", "")).rpartition("/")[2], "cbor"
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        action = dict(parse_qsl(body.decode("utf-8", "replace"))).get("Action", "unknown")
        return action, "ec2" if service == "ec2" else "query"
    method, path = environ["REQUEST_METHOD"], str(environ.get("PATH_INFO", "/"))
    found = operations.find(service, method, path, query_of(environ), _header_names(environ))
    return found.name if found else f"{method} {path}", "rest-xml" if service in _REST_XML else "rest-json"


def _header_names(environ: Environ) -> frozenset[str]:
    return frozenset(name[5:].replace("_", "-").lower() for name in environ if name.startswith("HTTP_"))


def error(call: Call, status: int, code: str, message: str) -> Answer:
    """Return an error in the envelope of the call's protocol, so that boto3 reads ``code`` and ``message``."""
    if call.protocol == "cbor":
        return status, [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")], _cbor(code, message)
    if call.protocol in ("json", "rest-json"):
        body = json.dumps({"__type": code, "message": message}).encode()
        return status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)], body
    fault = f"<Code>{_escape(code)}</Code><Message>{_escape(message)}</Message>"
    return status, [("Content-Type", "text/xml")], _XML[_shape(call)].format(fault).encode()


_XML = {
    "s3": "<Error>{}</Error>",
    "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>sandbox</RequestID></Response>",
    "query": "<ErrorResponse><Error><Type>Sender</Type>{}</Error><RequestId>sandbox</RequestId></ErrorResponse>",
}


def _shape(call: Call) -> str:
    return call.service if call.service in ("s3", "ec2") else "query"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cbor(code: str, message: str) -> bytes:
    texts = [text.encode() for text in ("__type", code, "message", message)]
    return b"\xa2" + b"".join(b"\x79" + len(text).to_bytes(2, "big") + text for text in texts)
