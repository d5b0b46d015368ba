"""The model of the demo: trained here, exported to ONNX, packed as SageMaker expects it. Never pickle."""

import gzip
import io
import tarfile
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recovery_ops.sandbox.seed.data import FEATURES, LABEL

_SEED = 20
_OPSET = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters:
    """Hyper-parameters of one model version."""

    trees: int
    depth: int
    rate: float


_VERSIONS = {
    "v1": _Parameters(trees=20, depth=2, rate=0.1),
    "v2": _Parameters(trees=80, depth=3, rate=0.08),
}


def train(frame: pd.DataFrame, version: str) -> bytes:
    """Return ``model.tar.gz`` with ``model.onnx`` of ``version`` (``v1`` or ``v2``), trained on ``frame``.

    The ONNX model takes float32 rows of the features in the order of :data:`FEATURES` and gives labels and
    probabilities; the score is the last column of the last output. The same frame and library versions give the
    same bytes.

    Raises:
        KeyError: there is no such version.
    """
    return pack({"model.onnx": _to_onnx(_fit(frame, _VERSIONS[version]), version)})


def _fit(frame: pd.DataFrame, parameters: _Parameters) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier

    model = GradientBoostingClassifier(
        n_estimators=parameters.trees,
        max_depth=parameters.depth,
        learning_rate=parameters.rate,
        random_state=_SEED,
    )
    return model.fit(frame[list(FEATURES)].to_numpy("float32"), frame[LABEL].to_numpy())


def _to_onnx(model: Any, version: str) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    graph = to_onnx(
        model,
        name=f"fraud-scoring-{version}",
        initial_types=[("features", FloatTensorType([None, len(FEATURES)]))],
        options={id(model): {"zipmap": False}},
        target_opset=_OPSET,
    )
    imports = sorted(graph.opset_import, key=lambda imported: imported.domain)  # the converter gives them in any order
    del graph.opset_import[:]
    graph.opset_import.extend(imports)
    return bytes(graph.SerializeToString(deterministic=True))


def pack(files: dict[str, bytes]) -> bytes:
    """Return a ``tar.gz`` of ``files`` (name -> content) whose bytes depend on nothing else: no times, no owners."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", filename="", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size = len(files[name])
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(files[name]))
    return packed.getvalue()
