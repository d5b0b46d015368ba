"""Models and archives for tests, made without training anything."""

import io
import tarfile

from onnx import TensorProto, helper


def onnx_model(weight: float) -> bytes:
    """A model of two features whose score is ``weight`` times their sum."""
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 2])
    score = helper.make_tensor_value_info("score", TensorProto.FLOAT, [None, 1])
    weights = helper.make_tensor("weights", TensorProto.FLOAT, [2, 1], [weight, weight])
    node = helper.make_node("MatMul", ["rows", "weights"], ["score"])
    graph = helper.make_graph([node], "sum", [rows], [score], [weights])
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


def archive(files: dict[str, bytes]) -> bytes:
    """A ``model.tar.gz`` with ``files``, under exactly these names."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def linked(name: str, target: str) -> bytes:
    """A ``model.tar.gz`` with nothing but a symbolic link."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = tarfile.SYMTYPE, target
        tar.addfile(member)
    return packed.getvalue()
