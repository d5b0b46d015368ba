"""Prices are dated and have sources; what has no price makes a bill a lower bound and is never guessed."""

import json
from datetime import date

import pytest

from recovery_ops.cost.billing import bill
from recovery_ops.cost.prices import AS_OF, EVERYWHERE, HOURS, KNOWN_REGIONS, US, price
from recovery_ops.model.cost import Purpose, Usage


def usage(sku: str, quantity: float, *, component: str = "scoring", region: str = "us-west-2") -> Usage:
    return Usage(component=component, region=region, purpose=Purpose.STANDBY, what="one", sku=sku, quantity=quantity)


def test_a_bill_adds_up_what_is_used_at_its_price() -> None:
    made = bill("fraud", [usage("sagemaker:ml.c6i.2xlarge", HOURS), usage("s3:standard", 100, component="data")])
    assert made.of("scoring") == pytest.approx(0.408 * 730)
    assert made.of("data") == pytest.approx(2.30)
    assert made.total_usd == pytest.approx(0.408 * 730 + 2.30)
    assert made.complete
    assert json.loads(json.dumps(made.to_json()))["total_usd"] == pytest.approx(made.total_usd)


@pytest.mark.parametrize(("sku", "region"), [("sagemaker:ml.p5.48xlarge", "us-west-2"), ("s3:standard", "eu-west-1")])
def test_what_has_no_price_is_shown_and_not_guessed(sku: str, region: str) -> None:
    made = bill("fraud", [usage(sku, 1, region=region), usage("s3:standard", 1)])
    assert made.lines[0].usd is None
    assert not made.complete
    assert made.total_usd == pytest.approx(0.023)


def test_every_price_is_positive_and_says_where_it_is_from() -> None:
    for known in (*US.values(), *EVERYWHERE.values()):
        assert known.usd > 0
        assert known.source.startswith("https://aws.amazon.com/")
    assert date.fromisoformat(AS_OF)
    assert all(price("s3:standard", region) for region in KNOWN_REGIONS)
