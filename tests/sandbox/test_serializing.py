"""What the sandbox writes of moto's results is what moto writes, byte for byte, only sooner."""

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from moto.core.serialize import BaseJSONSerializer, ResponseSerializer, XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model

from recovery_ops.sandbox import patching, serializing

PLACES = ((ResponseSerializer, "get_value"), (BaseJSONSerializer, "_serialize_type_structure"))
NESTED = {"M": {"deep": {"L": [{"S": "a"}, {"M": {}}, {"B": b"\x00\xff"}]}, "BOOL": {"BOOL": False}, "S": {"N": "0"}}}
ITEM = {
    "text": {"S": ""}, "number": {"N": "1.50"}, "bytes": {"B": b"\x01"}, "texts": {"SS": ["b", "a"]},
    "numbers": {"NS": ["2", "1"]}, "many": {"BS": [b"x", b""]}, "no": {"NULL": True}, "nested": NESTED, "L": {"L": []},
}  # fmt: skip
AT = datetime(2026, 11, 26, 12, 30, 1, 250_000, tzinfo=UTC)


class Endpoint:
    """An object as moto's: attributes in words, some of them without the name of the class before."""

    def __init__(self) -> None:
        self.endpoint_name, self.arn, self.status, self.creation_time = "scoring", "arn:e", "InService", AT
        self.production_variants = [{"VariantName": "main", "current_weight": 1}, {"VariantName": "other"}]


class Named:
    """An object that says itself what its attributes are called, another time otherwise."""

    def __init__(self, name: str) -> None:
        self.called, self.Meta = name, SimpleNamespace(serialization_aliases={"EndpointName": "called"})


CASES = {
    "items": ("dynamodb", "Scan", "json", {"Items": [ITEM, {}], "Count": 2, "ScannedCount": 2}, {}),
    "an item": ("dynamodb", "GetItem", "json", {"Item": ITEM}, {}),
    "a table": ("dynamodb", "DescribeTable", "json", {"Table": {"TableName": "t", "CreationDateTime": AT}}, {}),
    "an object": ("sagemaker", "DescribeEndpoint", "json", Endpoint(), {}),
    "its own names": ("sagemaker", "DescribeEndpoint", "json", Named("scoring"), {}),
    "a list": ("sagemaker", "ListEndpoints", "json", {"endpoints": [Endpoint(), {"EndpointName": "b"}]}, {}),
    "parameters": ("ssm", "GetParameters", "json", {"Parameters": [{"Name": "/a", "Value": "1", "Version": 3}]}, {}),
    "nothing": ("sagemaker", "DescribeEndpoint", "json", {}, {}),
    "changed on the way": (
        "iam", "GetRole", "query", {"Role": {"RoleName": "r", "Path": None, "Arn": "a", "Description": "<&>"}},
        {"Role.RoleName": str.upper, "Role.Arn": lambda _: None},
    ),
}  # fmt: skip


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for owner, name in PLACES:
        monkeypatch.setattr(owner, name, patching.original(owner, name))
    yield
    monkeypatch.undo()


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("ours")
def test_an_answer_is_as_moto_writes_it(case: str) -> None:
    service, operation, protocol, result, transformers = CASES[case]
    expected = written(service, operation, protocol, result, transformers)
    serializing.install()
    assert written(service, operation, protocol, result, transformers) == expected
    assert written(service, operation, protocol, result, transformers) == expected, "and what is known is used again"


def written(service: str, operation: str, protocol: str, result: Any, transformers: dict[str, Any]) -> Any:
    model = get_service_model(service).operation_model(operation)
    picker = XFormedAttributePicker(response_transformers=transformers)
    return get_serializer_class(service, protocol)(operation_model=model, value_picker=picker).serialize(result)
