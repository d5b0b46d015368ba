"""Small systems made of data sets, as files in a DAG folder."""

import shutil
from pathlib import Path

from recovery_ops.catalog import load_catalog
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.system import System

DAG_FILE = Path(__file__).parents[2] / "dags" / "fraud-detection.py"

HEAD = """\
system: {name}
home: us-east-1
regions: [us-east-1, us-west-2]
rto: 3h
traffic:
  name: {name}.example.com
  front_doors: {{us-east-1: a.example.com, us-west-2: b.example.com}}
  health_switch: {{us-west-2: s3://switch/{name}, us-east-1: s3://switch-east/{name}}}
people: {{sre-lead: [alice, bob], owner: [carol]}}
approval: {{critical: {approval}, default: ask, approvers: [sre-lead], timeout: 3m, on_timeout: stop-and-page}}
record: {{bucket: "record-{{region}}"}}
points: {{bucket: "points-{{region}}"}}
protect: {{every: 15m, keep: 35d, lock: 7d}}
components:
"""

COMPONENT = """\
  - name: {name}
    kind: s3-dataset
    tier: {tier}
    standby: warm
    rto: {rto}
    rpo: 30m
    needs: [{needs}]
    settings: {{bucket: "data-{{region}}", prefix: {name}/}}
"""


def catalog_text(name: str, *, approval: str = "auto", extra: int = 0) -> str:
    """Return a system of ``base``, ``model`` (needs base, critical) and ``notes`` (operational), and ``extra`` more."""
    text = HEAD.format(name=name, approval=approval)
    text += COMPONENT.format(name="base", tier="critical", rto="1h", needs="")
    text += COMPONENT.format(name="model", tier="critical", rto="2h", needs="base")
    text += COMPONENT.format(name="notes", tier="operational", rto="2h", needs="")
    for number in range(extra):
        text += COMPONENT.format(name=f"part-{number}", tier="operational", rto="2h", needs="base")
    return text


def write_system(folder: Path, name: str, text: str) -> Path:
    """Write a catalog and its DAG file; return the DAG file."""
    (folder / f"{name}.yaml").write_text(text)
    shutil.copy(DAG_FILE, folder / f"{name}.py")
    return folder / f"{name}.py"


def load(folder: Path, text: str, name: str = "ranking") -> System:
    """Return the system that ``text`` describes."""
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return load_catalog(path, kind_specs())
