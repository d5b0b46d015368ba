"""Alert rules and dashboards: checked by the real tools, and they ask for nothing that does not exist."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from recovery_ops.playbooks.content import page_ids
from recovery_ops.reporting.grafana import as_text, dashboards
from recovery_ops.reporting.metric_list import METRICS, series_names

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "recovery-ops.rules.yaml"
RULE_TESTS = sorted(Path(__file__).parent.glob("*rules.test.yaml"))
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"
NAME = re.compile(r"\brecovery_ops[\w:]+")


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict[str, Any]]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def known() -> set[str]:
    return {*series_names(), *(rule["record"] for rule in rules() if "record" in rule)}


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_pass_their_unit_tests(tools: Path) -> None:
    run(tools / "promtool", "check", "rules", RULES)
    run(tools / "promtool", "test", "rules", *RULE_TESTS)


def test_the_configurations_are_valid(tools: Path) -> None:
    folder = ROOT / "deploy"
    run(tools / "promtool", "check", "config", "--syntax-only", folder / "prometheus" / "prometheus.yaml")
    run(tools / "amtool", "check-config", folder / "alertmanager" / "alertmanager.yaml")


@pytest.mark.parametrize(
    ("labels", "receiver"), [(["severity=page"], "pager"), (["severity=ticket"], "tracker"), ([], "tracker")]
)
def test_pages_wake_people_and_tickets_do_not(tools: Path, labels: list[str], receiver: str) -> None:
    config = ROOT / "deploy" / "alertmanager" / "alertmanager.yaml"
    run(
        tools / "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={config}",
        f"--verify.receivers={receiver}",
        *labels,
    )


def test_every_alert_is_tested_firing() -> None:
    text = "".join(path.read_text() for path in RULE_TESTS)
    tested = re.findall(r'exp_samples:\s+- \{labels: \'ALERTS\{alertname="(\w+)"', text)
    assert sorted(set(alerts()) - set(tested)) == []


def test_every_alert_leads_to_a_page_of_the_playbook_and_says_whom_it_wakes() -> None:
    for name, rule in alerts().items():
        page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert (page, anchor in page_ids()) == ("playbook.html", True), name
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}, name


def test_rules_name_only_metrics_that_exist() -> None:
    assert {name for rule in rules() for name in NAME.findall(rule["expr"])} - known() == set()


def test_inhibitions_name_only_alerts_that_exist() -> None:
    text = (ROOT / "deploy" / "alertmanager" / "alertmanager.yaml").read_text()
    assert set(re.findall(r"Recovery\w+", text)) - set(alerts()) == set()


def expressions(dashboard: dict[str, Any]) -> Iterator[str]:
    yield from (target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", []))
    yield from (str(item["query"]) for item in dashboard["templating"]["list"])


def test_panels_name_only_metrics_that_exist_and_every_metric_has_one() -> None:
    files = {path.name: json.loads(path.read_text()) for path in DASHBOARDS.glob("*.json")}
    named = {name for found in files.values() for text in expressions(found) for name in NAME.findall(text)}
    assert named - known() == set()
    assert [metric.name for metric in METRICS if not set(metric.series) & named] == []


def test_the_dashboards_are_the_present_ones_and_no_panel_covers_another() -> None:
    made = dashboards()
    assert {path.name: path.read_text() for path in DASHBOARDS.glob("*.json")} == {
        name: as_text(dashboard) for name, dashboard in made.items()
    }
    for dashboard in made.values():
        cells = [
            (x, y)
            for panel in dashboard["panels"]
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(cells) == len(set(cells))
        assert max(x for x, _ in cells) < 24


def test_promtool_understands_every_query_of_the_dashboards(tools: Path, tmp_path: Path) -> None:
    queries = [text for found in dashboards().values() for text in expressions(found) if "label_values" not in text]
    wrapped = [
        {"record": f"panel:{number}", "expr": text.replace("$system", "fraud")}
        for number, text in enumerate(queries)
        if text != "prometheus"
    ]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": wrapped}]}))
    run(tools / "promtool", "check", "rules", path)
