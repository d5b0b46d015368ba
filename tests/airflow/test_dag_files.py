"""DAG files: cheap to parse, alike, and broken alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.dag_processing.dagbag import DagBag
from catalogs import DAG_FILE, catalog_text, write_system

from recovery_ops.airflow import dags

HEAVY = ("boto3", "botocore", "sagemaker", "great_expectations", "pandas", "pyarrow", "numpy", "sklearn", "onnxruntime")
PROBE = """
import json, runpy, sys
before = set(sys.modules)
found = runpy.run_path(sys.argv[1])
dags = sorted(name for name, value in found.items() if type(value).__name__ == "DAG")
print(json.dumps({"dags": dags, "heavy": sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[2:]))}))
"""


def parse(dag_file: Path) -> dict[str, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(dag_file), *HEAVY], check=True, capture_output=True, text=True
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_parsing_the_shipped_dag_file_imports_nothing_heavy() -> None:
    seen = parse(DAG_FILE)
    assert seen["heavy"] == []
    assert {"failover__fraud-detection", "protect__fraud-detection", "recover__fraud-detection__scoring"} <= set(
        seen["dags"]
    )


def test_one_file_gives_a_dag_for_the_system_one_per_component_and_those_that_serve_it(tmp_path: Path) -> None:
    write_system(tmp_path, "ranking", catalog_text("ranking"))
    bag = bagged(tmp_path)
    assert bag.import_errors == {}
    assert set(bag.dags) == {
        "failover__ranking", "recover__ranking__base", "recover__ranking__model", "recover__ranking__notes",
        "protect__ranking", "playbook__ranking", "failback__ranking", "debts__ranking",
        "drill__ranking", "tabletop__ranking",
    }  # fmt: skip


def bagged(folder: Path) -> DagBag:
    return DagBag(folder, bundle_path=folder)


def test_a_broken_catalog_breaks_its_own_file_only(tmp_path: Path) -> None:
    write_system(tmp_path, "ranking", catalog_text("ranking"))
    broken = (
        catalog_text("pricing")
        .replace("standby: warm", "standby: lukewarm", 1)
        .replace("needs: [base]", "needs: [bas]")
    )
    write_system(tmp_path, "pricing", broken)
    bag = bagged(tmp_path)
    assert "failover__ranking" in bag.dags
    assert not any("pricing" in dag_id for dag_id in bag.dags)
    (message,) = bag.import_errors.values()
    assert "pricing.yaml:" in message
    assert "lukewarm" in message
    assert "did you mean 'base'?" in message


def test_every_dag_file_is_loaded_or_reported(tmp_path: Path) -> None:
    for name in ("ranking", "pricing", "search"):
        write_system(tmp_path, name, catalog_text(name))
    (tmp_path / "search.yaml").write_text("system: search\n")
    bag = bagged(tmp_path)
    loaded = {Path(dag.fileloc).name for dag in bag.dags.values()}
    assert loaded | {Path(name).name for name in bag.import_errors} == {"ranking.py", "pricing.py", "search.py"}
    assert loaded.isdisjoint(Path(name).name for name in bag.import_errors)


def test_dag_files_differ_in_nothing_but_their_names() -> None:
    files = [file for file in DAG_FILE.parent.glob("*.py") if file.with_suffix(".yaml").exists()]
    assert {file.read_text() for file in files} == {DAG_FILE.read_text()}
    assert DAG_FILE.read_text().startswith('"""Airflow')


def test_a_task_parses_its_own_dag_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dag_file = write_system(tmp_path, "ranking", catalog_text("ranking"))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "recover__ranking__model")
    assert set(dags.system_dags(str(dag_file))) == {"recover__ranking__model"}
