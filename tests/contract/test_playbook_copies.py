"""Publishing to real buckets: a copy in every region that answers, of which readiness says that it is current."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from fraud_world import HOME, TARGET, FraudWorld

from recovery_ops.playbooks.publishing import publish
from recovery_ops.readiness.account import playbook_findings

pytestmark = pytest.mark.sandbox


def codes(world: FraudWorld, **changed: float) -> list[str]:
    return [item.code for item in playbook_findings(replace(world.system, **changed), TARGET)]


def test_a_dead_region_keeps_no_other_from_its_copy(fraud_world: FraudWorld, tmp_path: Path) -> None:
    fraud_world.sandbox.control.restore(fraud_world.folder / "protected.snapshot")
    assert codes(fraud_world) == ["playbook-absent"]
    fraud_world.sandbox.control.fault(HOME, "reset")
    copies = {copy.where.split("/")[2]: copy for copy in publish(fraud_world.system, tmp_path)[:2]}
    assert not copies[f"recovery-ops-record-{HOME}"].verified
    assert copies[f"recovery-ops-record-{TARGET}"].verified
    bucket, key = f"recovery-ops-record-{TARGET}", "systems/fraud-detection/playbook/playbook.html"
    stored = fraud_world.outsider("s3").get_object(Bucket=bucket, Key=key)
    local = (tmp_path / "fraud-detection" / "playbook.html").read_bytes()
    assert hashlib.sha256(local).hexdigest() == stored["Metadata"]["sha256"]
    assert stored["Body"].read() == local
    assert codes(fraud_world) == []
    assert codes(fraud_world, rto_s=1.0) == ["playbook-outdated"]
