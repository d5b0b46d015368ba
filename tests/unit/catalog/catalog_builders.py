"""A small catalog that has no problems, and ways to damage one line of it."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recovery_ops.catalog import KindSpec, load_catalog
from recovery_ops.catalog.quantities import Duration, Rate
from recovery_ops.errors import CatalogError
from recovery_ops.model.system import System


class StoreSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str
    format: Literal["parquet", "csv"] = "parquet"


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    p95_latency: Duration = 0.1
    throughput: Rate = 10.0
    tolerance: float = 1e-6


class ServiceSettings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: str
    instances: tuple[str, ...] = ()
    verify: Limits = Limits()


KINDS = {
    "store": KindSpec(name="store", settings_model=StoreSettings, stateful=True),
    "service": KindSpec(name="service", settings_model=ServiceSettings, stateful=False),
}

GOOD = """\
system: ranking
home: us-east-1
regions: [us-east-1, us-west-2]
rto: 30m
traffic:
  name: rank.example.com
  front_doors:
    us-east-1: a.example.com
    us-west-2: b.example.com
  health_switch:
    us-west-2: s3://switch/ranking
people: {sre: [alice]}
record: {bucket: "record-{region}"}
points: {bucket: "points-{region}"}
components:
  - name: items
    kind: store
    tier: critical
    rto: 10m
    rpo: 15m
    settings:
      table: items
  - name: ranker
    kind: service
    tier: critical
    needs: [items]
    settings:
      endpoint: ranker
protect: {every: 15m}
"""


def changed(*changes: tuple[str, str], text: str = GOOD) -> str:
    """Return the good catalog with each first occurrence replaced; refuses a change that changes nothing."""
    for old, new in changes:
        assert text.count(old) >= 1, f"{old!r} is not in the catalog"
        text = text.replace(old, new, 1)
    return text


def load(folder: Path, text: str, name: str = "ranking.yaml") -> System:
    """Write ``text`` to a file and load it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_catalog(path, KINDS)


def problems(folder: Path, text: str) -> list[str]:
    """Return the problems of ``text``, each without the folder in front."""
    try:
        load(folder, text)
    except CatalogError as error:
        return [line.removeprefix(f"{folder}/") for line in error.problems]
    return []
