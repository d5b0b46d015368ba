"""The reference page of catalogs says what the code does."""

import re
from functools import partial
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from recovery_ops.catalog import text
from recovery_ops.catalog.loading import load_catalog
from recovery_ops.catalog.objectives import DRILL_EVERY_S, EVERY_S, RPO_S, RTO_S
from recovery_ops.catalog.quantities import in_words
from recovery_ops.execution.systems import kind_specs
from recovery_ops.model.drills import DrillKind
from recovery_ops.model.system import Tier
from recovery_ops.testing import pages

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "catalog.md").read_text()
SECTIONS = {
    "## Top level": text.CatalogText,
    "## traffic": text.TrafficText,
    "Traffic of drills": text.DrillTrafficText,
    "## approval": text.ApprovalText,
    "## components": text.ComponentText,
    "Objectives of a component that comes out": text.FromPointText,
    "Of the system, the `from_point`": text.SystemFromPointText,
    "## protect": text.ProtectText,
    "## drills": text.DrillsText,
    "A window of `blocked`": text.WindowText,
    "A freeze, in UTC": text.FreezeText,
    "## detection": text.DetectionText,
    "`replication` says where": text.ReplicationText,
    "## notify": text.NotifyText,
    "`record` and `points` have one key:": text.BucketText,
}


rows = partial(pages.rows, PAGE)


@pytest.mark.parametrize(("section", "model"), SECTIONS.items())
def test_every_key_is_described_and_no_other(section: str, model: type[BaseModel]) -> None:
    assert set(rows(section)) == set(model.model_fields)


@pytest.mark.parametrize(("section", "model"), SECTIONS.items())
def test_required_keys_are_those_of_the_code_and_defaults_too(section: str, model: type[BaseModel]) -> None:
    for key, (_, default, _) in rows(section).items():
        info = model.model_fields[key]
        assert default.startswith("required") is info.is_required() or key == "health_switch"
        if isinstance(info.default, float) and default.startswith("`"):
            shown = default.strip("`")
            assert shown in (in_words(info.default), f"{info.default:g}", f"{info.default:g}s"), key


@pytest.mark.parametrize("tier", Tier)
def test_the_objectives_of_the_tiers_are_those_of_the_code(tier: Tier) -> None:
    values = " | ".join(in_words(table[tier]) for table in (RTO_S, RPO_S, EVERY_S))
    assert f"| {tier} | {values} |" in PAGE


@pytest.mark.parametrize("tier", Tier)
def test_the_cadences_of_drills_are_those_of_the_code(tier: Tier) -> None:
    values = " | ".join(in_words(DRILL_EVERY_S[tier][kind]) for kind in DrillKind)
    assert f"| {tier} | {values} |" in PAGE


def test_the_example_loads_with_the_kinds_that_ship(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.S)
    assert example is not None
    (tmp_path / "ranking.yaml").write_text(example[1])
    assert load_catalog(tmp_path / "ranking.yaml", kind_specs()).name == yaml.safe_load(example[1])["system"]
