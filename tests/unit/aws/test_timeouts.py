"""Every call that leaves the process has a timeout of its own, wherever it stands."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "recovery_ops"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if not {"sandbox", "testing"} & set(path.parts))
OVER_HTTP = {"get", "post", "put", "patch", "delete", "head", "options", "request", "stream", "Client", "AsyncClient"}
WITHIN = {"transport"}
"""A client with a transport of its own stays in this process."""
BOTH = {"connect_timeout", "read_timeout"}


def calls(source: str) -> Iterator[tuple[str, set[str], ast.Call]]:
    """Every call, as the dotted name of what is called and the names of its arguments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {word.arg or "" for word in node.keywords}, node


def without_limit(source: str) -> list[str]:
    """Return calls that may wait for ever."""
    found = []
    for name, words, call in calls(source):
        owner, _, method = name.rpartition(".")
        over_http = owner == "httpx" and method in OVER_HTTP and not words & WITHIN
        if (over_http or method == "urlopen") and "timeout" not in words:
            found.append(ast.unparse(call))
        if method == "Config" or name == "Config":
            found += [ast.unparse(call)] if words & {"retries", "region_name"} and not words >= BOTH else []
        if method in ("client", "resource") and "ession" in owner and "config" not in words:
            found.append(ast.unparse(call))
        if owner == "boto3" and method in ("client", "resource"):
            found.append(ast.unparse(call))
    return found


NEVER_CALLED = ["_session().client(service, region_name=region)"]
"""Made to read the models of services before a fork, and dropped."""


def test_no_call_may_wait_for_ever() -> None:
    assert [call for path in FILES for call in without_limit(path.read_text())] == NEVER_CALLED


@pytest.mark.parametrize(
    "source",
    [
        "httpx.get(url)",
        "httpx.Client(base_url=url)",
        "urllib.request.urlopen(url)",
        "boto3.client('s3')",
        "session.client('s3')",
        "_session().client('s3', region_name=region)",
        "Config(region_name=region, connect_timeout=2.0)",
    ],
)
def test_one_that_may_is_found(source: str) -> None:
    assert without_limit(source) == [source]
