"""The direct runner recovers a whole system where Airflow cannot be imported and PostgreSQL does not answer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fraud_world import CATALOG, HOME, TARGET, FraudWorld

from recovery_ops.execution.protecting import protect
from recovery_ops.execution.systems import load_system
from recovery_ops.testing.patience import calm_catalogs

pytestmark = pytest.mark.sandbox

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("airflow", "moto"):
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Blocker())
from recovery_ops.cli import main
main()
"""


def test_a_laptop_with_credentials_is_enough(
    fraud_world: FraudWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dags = calm_catalogs(CATALOG.parent, tmp_path / "dags").parent
    fraud_world.sandbox.control.restore(fraud_world.folder / "protected.snapshot")
    settings = {
        "RECOVERY_OPS_TIME_FACTOR": str(fraud_world.sandbox.factor),
        "RECOVERY_OPS_RESOLVER": f"{fraud_world.sandbox.base_url}/dns-query",
        "RECOVERY_OPS_CATALOGS": str(dags),
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    protect(load_system("fraud-detection", dags))
    fraud_world.sandbox.control.fault(HOME, "reset")
    gone = {"RECOVERY_OPS_DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:9/gone"}
    command = ["failover", "fraud-detection", "--to", TARGET, "--json", "--out", str(tmp_path), "--catalogs", str(dags)]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, *command], capture_output=True, text=True, env=os.environ | gone, timeout=250
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout[done.stdout.index("{") :])
    assert (report["verdict"], report["result"]["reasons"]) == ("pass", [])
    assert (report["result"]["outcome"], report["result"]["serving_region"]) == ("committed", TARGET)
