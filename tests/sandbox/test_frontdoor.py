"""The front door of a region: what a client gets through the API of the demo's stack, and how it dies."""

import errno
import http.client
import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from urllib.parse import urlsplit

import pytest
from moto import mock_aws

import recovery_ops.sandbox
from recovery_ops.sandbox import locks
from recovery_ops.sandbox.clock import ScaledClock
from recovery_ops.sandbox.cloudformation.engine import Engine, Order
from recovery_ops.sandbox.cloudformation.stack import Stack
from recovery_ops.sandbox.faults import Fault
from recovery_ops.sandbox.overlays import frontdoor
from recovery_ops.sandbox.world import ACCOUNT, World

NETWORK = (Path(__file__).parents[2] / "dags" / "fraud-detection" / "network.yaml").read_text()
NAME = "score.example.com"
REGIONS = ("us-east-1", "us-west-2")
HOME = "us-west-2"
Reply = tuple[int, str | None, bytes]


class Endpoints(ModuleType):
    """Stands for the inference plane: endpoints by (region, name), and what they were asked."""

    def __init__(self) -> None:
        super().__init__("recovery_ops.sandbox.inference")
        self.there = {(HOME, "fraud-scoring")}
        self.asked: list[tuple[str, str, bytes, str]] = []
        self.status = 200

    def invoke(
        self, world: World, region: str, endpoint: str, body: bytes, content_type: str
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        self.asked.append((region, endpoint, body, content_type))
        if (region, endpoint) not in self.there:
            return 400, [("Content-Type", "application/json")], b'{"message": "Endpoint not found"}'
        return self.status, [("Content-Type", "application/json")], json.dumps({"by": endpoint}).encode()


@pytest.fixture
def endpoints(monkeypatch: pytest.MonkeyPatch) -> Endpoints:
    plane = Endpoints()
    monkeypatch.setitem(sys.modules, plane.__name__, plane)
    monkeypatch.setattr(recovery_ops.sandbox, "inference", plane, raising=False)
    return plane


@pytest.fixture
def world(endpoints: Endpoints) -> Iterator[World]:
    made = World(regions=REGIONS, clock=ScaledClock(0))
    with mock_aws():
        frontdoor.install(made)
        frontdoor.start(made)
        yield made
        frontdoor.stop(made)
    made.clock.stop()


@pytest.fixture
def engine(world: World) -> Engine:
    return Engine(world, lambda region: (f"{region}a", f"{region}b"))


@pytest.fixture
def stack(engine: Engine) -> Stack:
    with locks.of("cloudformation"):
        made = engine.create(Order(account=ACCOUNT, region=HOME, name="net", body=NETWORK))
    return settled(made)


def settled(stack: Stack) -> Stack:
    ends = time.monotonic() + 10
    while stack.work is not None:
        assert time.monotonic() < ends
        time.sleep(0.005)
    return stack


def connect(world: World, region: str = HOME) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(urlsplit(world.front_doors[region]).netloc, timeout=5)


def post(connection: http.client.HTTPConnection, host: str = NAME, path: str = "/score", body: bytes = b"{}") -> Reply:
    connection.request("POST", path, body, {"Host": host, "Content-Type": "application/json"})
    answer = connection.getresponse()
    return answer.status, answer.getheader("x-amzn-region"), answer.read()


def test_a_client_that_knows_the_name_reaches_the_endpoint_by_its_name(
    world: World, stack: Stack, endpoints: Endpoints
) -> None:
    reply = post(connect(world), body=b'{"instances": [1]}')
    assert reply == (200, HOME, b'{"by": "fraud-scoring"}')
    assert endpoints.asked == [(HOME, "fraud-scoring", b'{"instances": [1]}', "application/json")]


def test_the_host_of_the_api_carries_the_stage_in_its_path(world: World, stack: Stack) -> None:
    connection = connect(world)
    host = stack.outputs["ApiHost"]
    assert post(connection, host, "/live/score")[0] == 200
    assert post(connection, host, "/other/score")[0] == 403
    assert post(connection, host, "/live/other")[:1] == (403,)


@pytest.mark.parametrize(
    ("host", "path", "message"),
    [
        ("somebody.example.com", "/score", b"Forbidden"),
        ("0000000000.execute-api.us-west-2.amazonaws.com", "/live/score", b"Forbidden"),
        (NAME, "/", b"Missing Authentication Token"),
        (NAME, "/live/score", b"Missing Authentication Token"),
    ],
)
def test_what_nobody_claims_is_refused_as_api_gateway_refuses_it(
    world: World, stack: Stack, host: str, path: str, message: bytes
) -> None:
    status, region, body = post(connect(world), host, path)
    assert (status, region) == (403, HOME)
    assert message in body


def test_a_region_without_the_stack_answers_for_nobody(world: World, stack: Stack) -> None:
    assert post(connect(world, "us-east-1"))[:2] == (403, "us-east-1")


def test_a_missing_endpoint_is_500_and_a_broken_service_503(world: World, stack: Stack, endpoints: Endpoints) -> None:
    connection = connect(world)
    endpoints.status = 503
    assert post(connection)[0] == 503
    endpoints.there.clear()
    assert post(connection)[0] == 500
    world.faults.inject(Fault(region=HOME, mode="reset", services=frozenset({"sagemaker"})))
    assert post(connection)[0] == 503


@pytest.mark.parametrize("mode", ["reset", "503", "hang"])
def test_it_dies_with_its_region_also_for_connections_that_are_open(world: World, stack: Stack, mode: str) -> None:
    still_open = connect(world)
    assert post(still_open)[0] == 200
    world.faults.inject(Fault(region=HOME, mode=mode, seconds=0.05 if mode == "hang" else None))
    for connection in (still_open, connect(world)):
        if mode == "503":
            assert post(connection)[0] == 503
        else:
            with pytest.raises(ConnectionResetError) as caught:
                post(connection)
            assert caught.value.errno == errno.ECONNRESET
    assert post(connect(world, "us-east-1"))[:2] == (403, "us-east-1")
    world.faults.heal()
    assert post(connect(world))[0] == 200


def test_a_changed_method_is_not_served_until_it_is_deployed(
    world: World, engine: Engine, stack: Stack, endpoints: Endpoints
) -> None:
    endpoints.there.add((HOME, "second"))
    redeployed = NETWORK.replace("  Deployment:\n", "  Again:\n").replace("Ref Deployment", "Ref Again")
    served = []
    for body in (NETWORK, redeployed):
        with locks.of("cloudformation"):
            engine.update(
                Order(account=ACCOUNT, region=HOME, name="net", body=body, parameters={"EndpointName": "second"})
            )
        assert settled(stack).status == "UPDATE_COMPLETE"
        served.append(json.loads(post(connect(world))[2])["by"])
    assert served == ["fraud-scoring", "second"]


def test_it_takes_far_more_requests_than_the_demo_sends(world: World, stack: Stack) -> None:
    requests, clients = 400, 4

    def send(_: int) -> set[int]:
        connection = connect(world)
        return {post(connection)[0] for _ in range(requests // clients)}

    begin = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        seen = set().union(*pool.map(send, range(clients)))
    assert seen == {200}
    assert requests / (time.monotonic() - begin) >= 150
