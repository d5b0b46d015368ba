"""Housekeeping DAGs: one per system, broken catalogs left out, a sweep only when it is due."""

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from catalogs import DAG_FILE, catalog_text, write_system
from plugins.fake_library import FakeLibrary
from test_dag_files import parse

from recovery_ops.airflow import library
from recovery_ops.airflow.operations import operations_dags
from recovery_ops.airflow.operators import ReadinessOperator


def made(folder: Path) -> dict[str, Any]:
    return operations_dags(str(folder / "operations.py"))


def test_every_system_is_swept_and_a_broken_catalog_stops_no_other(tmp_path: Path) -> None:
    for name in ("ranking", "pricing"):
        write_system(tmp_path, name, catalog_text(name))
    (tmp_path / "search.yaml").write_text("system: search\n")
    assert {"readiness__ranking", "readiness__pricing"} <= set(made(tmp_path))
    assert not any("search" in dag_id for dag_id in made(tmp_path))


def test_sweeps_never_overlap_and_do_not_catch_up(tmp_path: Path) -> None:
    write_system(tmp_path, "ranking", catalog_text("ranking"))
    dag = made(tmp_path)["readiness__ranking"]
    assert dag.max_active_runs == 1
    assert dag.catchup is False
    assert dag.task_ids == ["sweep"]


def test_a_task_parses_its_own_dag_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ranking", "pricing"):
        write_system(tmp_path, name, catalog_text(name))
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "readiness__ranking")
    assert set(made(tmp_path)) == {"readiness__ranking"}


def test_the_shipped_file_imports_nothing_heavy() -> None:
    seen = parse(DAG_FILE.parent / "operations.py")
    assert seen["heavy"] == []
    assert "readiness__fraud-detection" in seen["dags"]


def test_a_sweep_that_is_not_due_is_skipped(tmp_path: Path) -> None:
    library.install(FakeLibrary(tmp_path).as_library())
    try:
        operator = ReadinessOperator(task_id="sweep", system="ranking")
        assert operator.execute({}) == "ready"
        with pytest.raises(AirflowSkipException):
            operator.execute({})
    finally:
        library.uninstall()
