"""Bucket policies, enforced for objects: what a fence on a bucket means, and what stops replication into it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs, urlsplit

from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket

from recovery_ops.sandbox.resource_policies import caller_of, denials, denies, listed, problem_of

ENFORCED = frozenset(
    f"s3:{name}"
    for name in (
        "DeleteObject",
        "DeleteObjectVersion",
        "GetObject",
        "GetObjectVersion",
        "PutObject",
        "ReplicateDelete",
        "ReplicateObject",
    )
)
"""Actions that a policy can deny here."""
_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}
_OF_OTHERS = frozenset({"acl", "attributes", "legal-hold", "retention", "tagging", "uploads", "uploadId"})
"""Queries that make something else of a verb; those of uploads in parts do not when they write."""
_asking: ContextVar[str | None] = ContextVar("recovery_ops_sandbox_s3_asking", default=None)


def check(document: bytes) -> None:
    """Refuse a policy that would be obeyed by half.

    Raises:
        S3ClientError: It is no JSON.
        NotImplementedError: It denies what is not enforced here, or has conditions that are not understood.
    """
    try:
        problem = problem_of(document.decode())
    except ValueError as error:
        raise S3ClientError("MalformedPolicy", f"Policies must be valid JSON: {error}") from error
    stated = (action for item in denials(document) for action in listed(item.get("Action", [])))
    others = sorted(action for action in stated if action not in ENFORCED)
    if problem or others:
        what = problem or f"a Deny of {', '.join(others)}"
        raise NotImplementedError(f"the sandbox does not model a bucket policy with {what}")


def refuse(response: Any, request: Any, full_url: str) -> None:
    """Refuse a request for an object that the policy of its bucket denies to the caller.

    Raises:
        S3ClientError: The policy denies it.
    """
    query = parse_qs(urlsplit(full_url).query, keep_blank_values=True)
    verb = _VERBS.get(request.method)
    writes_parts = verb == "Put" and {"uploads", "uploadId"} & set(query)
    if verb is None or (_OF_OTHERS & set(query) and not writes_parts):
        return
    bucket = response.parse_bucket_name_from_url(request, full_url)
    version = "Version" if "versionId" in query and verb != "Put" else ""
    _refuse(response, bucket, response.parse_key_name(), f"s3:{verb}Object{version}")


def denied_to(bucket: FakeBucket, action: str, caller: str, key: str) -> bool:
    """Return whether the policy of ``bucket`` denies ``action`` on ``key``, which may be that of replication."""
    return bucket.policy is not None and denies(bucket.policy, action, caller, _arn(bucket.name, key))


@contextmanager
def asked_by(response: Any) -> Iterator[None]:
    """Let :func:`permission` know who asks: moto asks for each key of a request to delete many."""
    token = _asking.set(_caller(response))
    try:
        yield
    finally:
        _asking.reset(token)


def permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """Return what the policy says; moto obeys a Deny for everybody, which :func:`refuse` knows better."""
    if bucket.policy is None:
        return PermissionResult.NEUTRAL
    caller, document = _asking.get(), json.loads(bucket.policy)
    if caller is not None and denies(bucket.policy, action, caller, resource):
        return PermissionResult.DENIED
    allowing = [item for item in listed(document.get("Statement", [])) if item.get("Effect") == "Allow"]
    return IAMPolicy(json.dumps({**document, "Statement": allowing})).is_action_permitted(action, resource)


def _refuse(response: Any, bucket_name: str, key: str, action: str) -> None:
    bucket = response.backend.buckets.get(bucket_name)
    caller = _caller(response)
    if bucket is not None and denied_to(bucket, action, caller, key):
        message = f'User: {caller} is not authorized to perform: {action} on resource: "{_arn(bucket_name, key)}"'
        raise S3ClientError("AccessDenied", f"{message} with an explicit deny in a resource-based policy")


def _caller(response: Any) -> str:
    signed = "Authorization" in response.headers or "Signature=" in str(response.uri)
    return caller_of(response.get_access_key(), response.region) if signed else "anonymous"


def _arn(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}"
