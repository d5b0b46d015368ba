"""AWS list prices, on demand, in US dollars, entered by hand as of :data:`AS_OF`; nothing is fetched or checked since.

They are for orders of magnitude: no discount, no free tier, first price step only. Look at the source of a figure
before a budget relies on it. A region that is not named here has no price; nothing is guessed from another region.
"""

from collections.abc import Mapping
from dataclasses import dataclass

AS_OF = "2025-10-01"
HOURS = 730.0
"""Hours of a month, as AWS's own calculator counts them."""

S3 = "https://aws.amazon.com/s3/pricing/"
DYNAMODB = "https://aws.amazon.com/dynamodb/pricing/"
SAGEMAKER = "https://aws.amazon.com/sagemaker/pricing/"
ROUTE53 = "https://aws.amazon.com/route53/pricing/"
GB_MONTH, HOUR, MONTH = "GB-month", "instance hour", "month"
KNOWN_REGIONS = ("us-east-1", "us-east-2", "us-west-2")
"""Regions with the same list price for what stands here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one unit costs. ``source`` is the page that says so."""

    usd: float
    unit: str
    source: str


EVERYWHERE: Mapping[str, Price] = {
    # A health check of an AWS endpoint, with HTTPS and with fast interval as optional features.
    "route53:health-check-fast-https": Price(usd=2.50, unit=MONTH, source=ROUTE53),
}
"""Prices of services without a region."""

US: Mapping[str, Price] = {
    "s3:standard": Price(usd=0.023, unit=GB_MONTH, source=S3),
    "dynamodb:storage": Price(usd=0.25, unit=GB_MONTH, source=DYNAMODB),
    "dynamodb:point-in-time-recovery": Price(usd=0.20, unit=GB_MONTH, source=DYNAMODB),
    "sagemaker:ml.c5.xlarge": Price(usd=0.204, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.c5.2xlarge": Price(usd=0.408, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.c6i.xlarge": Price(usd=0.204, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.c6i.2xlarge": Price(usd=0.408, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.m5.large": Price(usd=0.115, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.m5.xlarge": Price(usd=0.23, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.m5.2xlarge": Price(usd=0.461, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.m6i.2xlarge": Price(usd=0.461, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.g4dn.xlarge": Price(usd=0.736, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.g5.xlarge": Price(usd=1.408, unit=HOUR, source=SAGEMAKER),
    "sagemaker:ml.g5.2xlarge": Price(usd=1.515, unit=HOUR, source=SAGEMAKER),
}
"""Prices in the regions of :data:`KNOWN_REGIONS`."""


def price(sku: str, region: str) -> Price | None:
    """Return the price of ``sku`` in ``region``, or ``None`` when the table has none."""
    return EVERYWHERE.get(sku) or (US.get(sku) if region in KNOWN_REGIONS else None)
