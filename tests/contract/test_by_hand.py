"""The commands that a playbook gives for the last resort, pasted into a shell, bring the system back."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from aws_cli import forked_cli
from fraud_world import HOME, POINT, TARGET, FraudWorld

from recovery_ops.catalog.freeze import catalog_hash
from recovery_ops.execution.systems import plan_for
from recovery_ops.model.points import ConsistentPoint
from recovery_ops.playbooks import by_hand
from recovery_ops.playbooks.by_hand import Block
from recovery_ops.protection.shelf import Shelf

pytestmark = pytest.mark.sandbox


class Shell:
    """One bash in an empty folder, as the playbook asks for, and what each block printed."""

    def __init__(self, world: FraudWorld, programs: Path, folder: Path, **variables: str) -> None:
        self.folder = folder
        self.env = {
            **os.environ,
            **variables,
            "PATH": os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "AWS_ENDPOINT_URL": world.sandbox.base_url,
            "AWS_PAGER": "",
            "AWS_CONFIG_FILE": str(folder / "none"),
        }

    def paste(self, blocks: Iterable[Block]) -> str:
        """Run every block in one shell that stops at the first error; return what was printed."""
        script = "set -euo pipefail\n" + "\n".join(block.command for block in blocks)
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=200
        )
        assert done.returncode == 0, f"{done.stdout[-600:]}\n{done.stderr[-1500:]}"
        return done.stdout


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of `aws`, whose every call is a process of its own, but no new interpreter."""
    with forked_cli(tmp_path_factory.mktemp("aws")) as folder:
        yield folder


@pytest.fixture
def lost_region(fraud_world: FraudWorld) -> FraudWorld:
    """The protected world with a published point, and then home dead."""
    world = fraud_world
    world.sandbox.control.restore(world.folder / "protected.snapshot")
    point = ConsistentPoint(
        id=POINT,
        system=world.system.name,
        taken_at=datetime.now(UTC),
        region=HOME,
        catalog_hash=catalog_hash(world.system),
        captures=world.captures,
    )
    shelf = Shelf(system=world.system)
    shelf.publish(point, TARGET, locked_until=datetime.now(UTC) + timedelta(hours=1))
    world.sandbox.control.fault(HOME, "reset")
    return world


def everything(world: FraudWorld) -> list[Block]:
    system = world.system
    steps = plan_for(system, TARGET).steps
    order = list(dict.fromkeys(step.component for step in steps if step.component))
    blocks = list(by_hand.opening(system, HOME, TARGET))
    for name in order:
        blocks += by_hand.component_blocks(system, system.component(name), HOME, TARGET)
    return [*blocks, *by_hand.traffic_blocks(system, HOME, TARGET)]


def served_artifact(world: FraudWorld) -> str:
    sagemaker = world.outsider("sagemaker")
    endpoint = sagemaker.describe_endpoint(EndpointName="fraud-scoring")
    assert endpoint["EndpointStatus"] == "InService"
    config = sagemaker.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    assert config["ProductionVariants"][0]["InitialInstanceCount"] == 2, "as many as at home"
    return str(model["PrimaryContainer"]["ModelDataUrl"])


def test_the_commands_bring_the_system_back_with_home_dead(
    lost_region: FraudWorld, programs: Path, tmp_path: Path
) -> None:
    assert served_artifact_is_old(lost_region)
    Shell(lost_region, programs, tmp_path).paste(everything(lost_region))
    assert served_artifact(lost_region) == f"s3://fraud-models-{TARGET}/models/v2/model.tar.gz"
    assert re.search(r"0\.\d+", (tmp_path / "answer.txt").read_text())
    packages = lost_region.outsider("sagemaker").list_model_packages(ModelPackageGroupName="fraud-scoring")
    assert [item["ModelApprovalStatus"] for item in packages["ModelPackageSummaryList"]] == ["Approved", "Approved"]
    table = lost_region.outsider("ssm").get_parameter(Name="/fraud-detection/features/table")["Parameter"]["Value"]
    assert table == "fraud-features"
    url, name = f"{lost_region.sandbox.base_url}/dns-query", lost_region.system.traffic.name
    answers = httpx.get(url, params={"name": name, "type": "HTTPS"}).json()["Answer"]
    assert any(TARGET in answer["data"] or TARGET in answer["name"] for answer in answers), answers


def served_artifact_is_old(world: FraudWorld) -> bool:
    """A warm standby serves the version before with one instance."""
    sagemaker = world.outsider("sagemaker")
    config = sagemaker.describe_endpoint(EndpointName="fraud-scoring")["EndpointConfigName"]
    return str(config) == "fraud-scoring-v1"


def test_damage_is_undone_from_the_pinned_versions(lost_region: FraudWorld, programs: Path, tmp_path: Path) -> None:
    s3 = lost_region.outsider("s3")
    key, bucket = "training/part-0000.parquet", f"fraud-data-{TARGET}"
    good = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key=key, Body=b"encrypted, pay us")
    system = lost_region.system
    blocks = [
        *by_hand.opening(system, HOME, TARGET),
        *by_hand.component_blocks(system, system.component("features"), HOME, TARGET),
        *by_hand.component_blocks(system, system.component("training-data"), HOME, TARGET),
    ]
    Shell(lost_region, programs, tmp_path, DAMAGE="yes").paste(blocks)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == good
    table = lost_region.outsider("ssm").get_parameter(Name="/fraud-detection/features/table")["Parameter"]["Value"]
    assert table.startswith("fraud-features-by-hand-")
    described = lost_region.outsider("dynamodb").describe_table(TableName=table)["Table"]
    assert (described["TableStatus"], described["ItemCount"] > 0) == ("ACTIVE", True)


def test_an_absent_stack_is_created_from_the_pinned_template(
    lost_region: FraudWorld, programs: Path, tmp_path: Path
) -> None:
    cloudformation = lost_region.outsider("cloudformation")
    cloudformation.delete_stack(StackName="fraud-network")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName="fraud-network", WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    system = lost_region.system
    network = by_hand.component_blocks(system, system.component("network"), HOME, TARGET)
    Shell(lost_region, programs, tmp_path).paste([*by_hand.opening(system, HOME, TARGET), *network])
    stack = cloudformation.describe_stacks(StackName="fraud-network")["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {"ParameterKey": "StageName", "ParameterValue": "live"} in stack["Parameters"]
