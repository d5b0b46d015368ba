"""How long AWS takes: modelled seconds, each with where the figure comes from.

These are seconds of AWS time. The sandbox multiplies them by its factor (``ScaledClock.later``). A source is a page of
the AWS documentation where AWS states a figure, or the word "estimate" with its reasoning where AWS states none: such
figures vary by account and day, and were fixed before anything was measured with them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_DOCS = "https://docs.aws.amazon.com"
_RTC = f"{_DOCS}/AmazonS3/latest/userguide/replication-time-control.html"
_GLOBAL_TABLES = f"{_DOCS}/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html"
_RESTORE = f"{_DOCS}/amazondynamodb/latest/developerguide/PointInTimeRecovery_Howitworks.html"
_BLUE_GREEN = f"{_DOCS}/sagemaker/latest/dg/deployment-guardrails-blue-green.html"
_CLOUDFORMATION = f"{_DOCS}/AWSCloudFormation/latest/UserGuide/stacks.html"
_ROUTE53 = f"{_DOCS}/Route53/latest/APIReference/API_ChangeResourceRecordSets.html"
_AUTOSCALING = f"{_DOCS}/sagemaker/latest/dg/endpoint-auto-scaling.html"

_ACCELERATED = re.compile(r"ml\.(g|p|inf|trn)\d")


@dataclass(frozen=True, slots=True)
class Duration:
    """``seconds`` of AWS time and the ``source`` of the figure."""

    seconds: float
    source: str


def _estimate(seconds: float, why: str, page: str = "") -> Duration:
    return Duration(seconds, f"estimate: {why}" + (f"; see {page}" if page else ""))


DURATIONS: Mapping[str, Duration] = MappingProxyType(
    {
        # SageMaker
        "sagemaker.endpoint.create.cpu": _estimate(
            300, "start, image pull, model download; 3 to 8 min seen on ml.c and ml.m"
        ),
        "sagemaker.endpoint.create.gpu": _estimate(480, "as for CPU, with a larger image, 6 to 12 min seen"),
        "sagemaker.endpoint.update": _estimate(
            360, "a new fleet is provisioned, then traffic shifts all at once", _BLUE_GREEN
        ),
        "sagemaker.endpoint.bake": _estimate(
            0, "termination wait of the old fleet, 0 unless a deployment configuration asks", _BLUE_GREEN
        ),
        "sagemaker.endpoint.scale": _estimate(240, "as creation, without the routing set-up", _AUTOSCALING),
        "sagemaker.endpoint.scale-in": _estimate(60, "instances are drained, nothing has to start", _AUTOSCALING),
        "sagemaker.endpoint.delete": _estimate(60, "fleet is drained and released"),
        "sagemaker.endpoint.fail": _estimate(
            180, "the container fails its health checks before the endpoint turns Failed"
        ),
        "sagemaker.endpoint.capacity-error": _estimate(
            120, "capacity is tried for before InsufficientInstanceCapacity is reported"
        ),
        "autoscaling.decision": _estimate(
            60, "one CloudWatch period of 1 min decides; 3 periods are the default", _AUTOSCALING
        ),
        # DynamoDB
        "dynamodb.table.create": _estimate(10, "small table, on-demand"),
        "dynamodb.table.delete": _estimate(10, "small table"),
        "dynamodb.restore": _estimate(
            600, "small table; AWS gives no figure but says size alone does not decide", _RESTORE
        ),
        "dynamodb.replica.create": _estimate(300, "small table, includes the first copy", _GLOBAL_TABLES),
        "dynamodb.replica.delete": _estimate(30, "small table", _GLOBAL_TABLES),
        "dynamodb.replication.lag": Duration(1, f"a second or less is typical: {_GLOBAL_TABLES}"),
        "dynamodb.pitr.latest-restorable": Duration(300, f"typically 5 min before now: {_RESTORE}"),
        # S3
        "s3.replication.lag": _estimate(15, "AWS says most objects replicate within seconds", _RTC),
        "s3.replication.rtc-threshold": Duration(900, f"99.99 % of objects within 15 minutes: {_RTC}"),
        # CloudFormation, per resource type; a stack takes the sum along its longest chain of references
        "cloudformation.resource.default": _estimate(5, "one create call, one describe until stable", _CLOUDFORMATION),
        "cloudformation.AWS::EC2::VPC": _estimate(5, "available within a describe or two"),
        "cloudformation.AWS::EC2::Subnet": _estimate(5, "available within a describe or two"),
        "cloudformation.AWS::EC2::SecurityGroup": _estimate(5, "available at once, tags follow"),
        "cloudformation.AWS::EC2::VPCEndpoint": _estimate(15, "gateway endpoint; an interface endpoint takes minutes"),
        "cloudformation.AWS::ApiGateway::RestApi": _estimate(5, "one create call"),
        "cloudformation.AWS::ApiGateway::Resource": _estimate(2, "one create call"),
        "cloudformation.AWS::ApiGateway::Method": _estimate(2, "one create call"),
        "cloudformation.AWS::ApiGateway::Deployment": _estimate(5, "deployment is created and rolled out"),
        "cloudformation.AWS::ApiGateway::Stage": _estimate(5, "one create call"),
        "cloudformation.AWS::IAM::Role": _estimate(15, "CloudFormation waits for the role to propagate"),
        "cloudformation.AWS::S3::Bucket": _estimate(20, "bucket stabilises"),
        "cloudformation.AWS::DynamoDB::Table": _estimate(30, "table turns ACTIVE"),
        "cloudformation.AWS::SSM::Parameter": _estimate(3, "one create call"),
        # Route 53; the interval of a health check is a property of the health check
        "route53.change": Duration(60, f"changes reach all servers within 60 seconds: {_ROUTE53}"),
    }
)


def seconds(name: str) -> float:
    """Return the modelled AWS seconds of ``name``; KeyError with the known names when there is none."""
    try:
        return DURATIONS[name].seconds
    except KeyError:
        raise KeyError(f"no modelled duration {name!r}; known: {', '.join(DURATIONS)}") from None


def endpoint_create_s(instance_type: str) -> float:
    """Return the modelled seconds until an endpoint on ``instance_type`` (as ``ml.g5.xlarge``) is in service."""
    return seconds(f"sagemaker.endpoint.create.{'gpu' if _ACCELERATED.match(instance_type) else 'cpu'}")


def resource_s(resource_type: str) -> float:
    """Return the modelled seconds CloudFormation needs for one resource of ``resource_type``."""
    return DURATIONS.get(f"cloudformation.{resource_type}", DURATIONS["cloudformation.resource.default"]).seconds
