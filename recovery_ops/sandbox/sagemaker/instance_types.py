"""The instance types SageMaker knows, from botocore's own description of the service."""

from botocore.loaders import Loader

_SHAPES = Loader().load_service_model("sagemaker", "service-2")["shapes"]

REALTIME = frozenset(_SHAPES["ProductionVariantInstanceType"]["enum"])
"""Instance types of endpoints."""

INSTANCE_TYPES = REALTIME | frozenset(_SHAPES["TransformInstanceType"]["enum"])
"""Instance types of endpoints and batch transforms."""

del _SHAPES
