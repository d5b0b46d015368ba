"""Requests that S3 refuses for what they carry: damaged bodies and pre-signed addresses out of date."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from recovery_ops.sandbox.calls import Answer, Environ, error, parse, query_of

_CHECKSUMS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "crc32": lambda data: binascii.crc32(data).to_bytes(4, "big"),
        "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
        "sha256": lambda data: hashlib.sha256(data).digest(),
    }
)
_UNVERIFIABLE = ("crc32c", "crc64nvme")


def refuse(environ: Environ, body: bytes) -> Answer | None:
    """Return the refusal of an S3 request that carries something wrong; ``None`` when all is well."""
    if _expired(query_of(environ)):
        return error(parse(environ, body), 403, "AccessDenied", "Request has expired")
    if environ["REQUEST_METHOD"] not in ("PUT", "POST") or _completes_upload(environ):
        return None
    return _refuse_body(environ, body)


def _completes_upload(environ: Environ) -> bool:
    """Return whether the checksum of the request is that of an object in parts and not that of its own body."""
    return environ["REQUEST_METHOD"] == "POST" and "uploadId" in query_of(environ)


def _refuse_body(environ: Environ, body: bytes) -> Answer | None:
    chunked = "aws-chunked" in environ.get("HTTP_CONTENT_ENCODING", "")
    payload, trailers = _dechunked(body) if chunked else (body, {})
    claims = {**_header_claims(environ), **trailers}
    for algorithm in _UNVERIFIABLE:
        if algorithm in claims:
            return error(parse(environ, body), 501, "NotImplemented", f"the sandbox cannot verify {algorithm}")
    for algorithm, digest in _CHECKSUMS.items():
        if algorithm in claims and _encoded(digest(payload)) != claims[algorithm]:
            message = f"The {algorithm.upper()} you specified did not match the calculated checksum."
            return error(parse(environ, body), 400, "BadDigest", message)
    return _refuse_md5(environ, body, payload)


def _refuse_md5(environ: Environ, body: bytes, payload: bytes) -> Answer | None:
    claimed = environ.get("HTTP_CONTENT_MD5")
    if not claimed or claimed == _encoded(hashlib.md5(payload, usedforsecurity=False).digest()):
        return None
    message = "The Content-MD5 you specified did not match what we received."
    return error(parse(environ, body), 400, "BadDigest", message)


def _header_claims(environ: Environ) -> dict[str, str]:
    prefix = "HTTP_X_AMZ_CHECKSUM_"
    names = (*_CHECKSUMS, *_UNVERIFIABLE)
    return {name: environ[prefix + name.upper()] for name in names if prefix + name.upper() in environ}


def _dechunked(body: bytes) -> tuple[bytes, dict[str, str]]:
    """Return the payload of an ``aws-chunked`` body and the checksums that trail it."""
    payload: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        size = int(body[position:end].partition(b";")[0] or b"0", 16) if end >= 0 else 0
        position = end + 2
        if size == 0:
            return b"".join(payload), _trailers(body[position:])
        payload.append(body[position : position + size])
        position += size + 2


def _trailers(rest: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in rest.decode("latin-1").split("\r\n") if ":" in line)
    prefix = "x-amz-checksum-"
    return {name.strip().lower()[len(prefix) :]: value.strip() for name, _, value in lines if name.startswith(prefix)}


def _expired(query: Mapping[str, str]) -> bool:
    now = datetime.now(UTC)
    if "X-Amz-Expires" in query and "X-Amz-Date" in query:
        signed_at = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed_at + timedelta(seconds=int(query["X-Amz-Expires"])) < now
    if "Signature" in query and "Expires" in query:
        return datetime.fromtimestamp(int(query["Expires"]), UTC) < now
    return False


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
