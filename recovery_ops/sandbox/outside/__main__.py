"""``python -m recovery_ops.sandbox.outside client|writer``: act from outside until SIGTERM.

One JSON line per request is appended to ``--out``.
"""

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from recovery_ops.sandbox.outside.names import Name

Line = dict[str, Any]


def main() -> None:
    """Parse the command line and act until told to stop, or until the parent is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("client", "writer"))
    parser.add_argument("--name", required=True, help="DNS name")
    parser.add_argument("--resolver", required=True, help="URL of a DNS-over-HTTPS JSON resolver")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--every", type=float, default=0.05, help="wall seconds between requests")
    parser.add_argument("--stay-with", type=int, help="end when this process is gone, instead of the parent")
    parser.add_argument("--path", default="/score")
    parser.add_argument("--row", default="[]", help="JSON list of features")
    parser.add_argument("--sticky", type=float, default=0.0, help="keep an answer at least this many wall seconds")
    parser.add_argument("--endpoint-url", help="writer: the AWS endpoint")
    parser.add_argument("--parameter", help="writer: SSM parameter that names the table")
    parser.add_argument("--features", default="[]", help="writer: JSON list of feature names")
    options = parser.parse_args()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    act = _client(options) if options.role == "client" else _writer(options)
    parent, anchor = os.getppid(), options.stay_with
    with options.out.open("a", buffering=1) as out:
        while not stopping.wait(options.every) and (_exists(anchor) if anchor else os.getppid() == parent):
            out.write(json.dumps(act()) + "\n")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _client(options: argparse.Namespace) -> Callable[[], Line]:
    name = Name(options.name, options.resolver, at_least_s=options.sticky)
    http = httpx.Client(timeout=2.0, headers={"Host": options.name, "User-Agent": "recovery-ops-client/1"})
    body = {"instances": [json.loads(options.row)]}

    def ask() -> Line:
        at, begin = _now(), time.monotonic()
        target = name.target()
        if target is None:
            return {"at": at, "ok": False, "region": "", "error": "no DNS answer"}
        try:
            reply = http.post(f"{target.url}{options.path}", json=body)
        except httpx.HTTPError as error:
            return {"at": at, "ok": False, "region": target.region, "error": type(error).__name__}
        line = {"at": at, "ok": reply.status_code == 200, "region": reply.headers.get("x-amzn-region", target.region)}
        return line | {"ms": round((time.monotonic() - begin) * 1000, 2), "status": reply.status_code}

    return ask


def _writer(options: argparse.Namespace) -> Callable[[], Line]:
    name = Name(options.name, options.resolver)
    aws = _Aws(options.endpoint_url, options.parameter)
    features, row = json.loads(options.features), json.loads(options.row)
    counter = iter(range(1, 1 << 60))

    def write() -> Line:
        number, at = next(counter), _now()
        entity, target = f"live-{number % 100:05d}", name.target()
        line = {"at": at, "entity": entity, "version": number, "region": target.region if target else ""}
        if target is None:
            return line | {"ok": False, "error": "no DNS answer"}
        item = {feature: {"N": repr(value)} for feature, value in zip(features, row, strict=True)}
        item |= {"entity_id": {"S": entity}, "version": {"N": str(number)}, "updated_at": {"S": at}}
        error = aws.put(target.region, item)
        return line | {"ok": error is None, "error": error}

    return write


class _Aws:
    """The writer's clients: one attempt, short timeouts, the table found through its parameter in each region."""

    def __init__(self, endpoint_url: str, parameter: str) -> None:
        self._url, self._parameter = endpoint_url, parameter
        self._clients: dict[tuple[str, str], Any] = {}
        self._tables: dict[str, str] = {}

    def put(self, region: str, item: Line) -> str | None:
        """Write one item; return ``None`` when it was acknowledged, else what went wrong."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if region not in self._tables:
                answer = self._client("ssm", region).get_parameter(Name=self._parameter)
                self._tables[region] = answer["Parameter"]["Value"]
            self._client("dynamodb", region).put_item(TableName=self._tables[region], Item=item)
        except (BotoCoreError, ClientError) as error:
            self._tables.pop(region, None)
            return type(error).__name__
        return None

    def _client(self, service: str, region: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(
            user_agent_extra="recovery-ops-writer/1",
            connect_timeout=1,
            read_timeout=2,
            retries={"total_max_attempts": 1},
        )
        if (service, region) not in self._clients:
            make: Any = boto3.client
            self._clients[(service, region)] = make(
                service,
                region_name=region,
                endpoint_url=self._url,
                config=config,
                aws_access_key_id="writer",
                aws_secret_access_key="writer",  # noqa: S106 - the sandbox takes any
            )
        return self._clients[(service, region)]


if __name__ == "__main__":
    main()
