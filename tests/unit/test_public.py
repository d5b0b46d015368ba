"""Importing what DAG files import costs nothing heavy."""

import json
import subprocess
import sys

import pytest

HEAVY = ("boto3", "botocore", "great_expectations", "pandas", "pyarrow", "sagemaker", "sklearn", "onnxruntime", "moto")


@pytest.mark.parametrize(
    "module",
    ["recovery_ops", "recovery_ops.execution.systems", "recovery_ops.execution.direct", "recovery_ops.cli.app"],
)
def test_importing_the_library_imports_nothing_heavy(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert sorted(set(HEAVY) & set(json.loads(done.stdout))) == []


def test_every_kind_is_found_without_importing_anything_heavy() -> None:
    code = (
        "import json, sys\n"
        "from recovery_ops.execution.systems import kind_specs\n"
        "print(json.dumps([sorted(kind_specs()), sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    kinds, modules = json.loads(done.stdout)
    assert "sagemaker-endpoint" in kinds
    assert sorted(set(HEAVY) & set(modules)) == []
