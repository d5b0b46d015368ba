"""The compose file against what the code needs: no Docker engine is asked, so nothing may be left to a first try."""

import json
import os
import re
import stat
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from compose_file import ANY_VARIABLE, COMPOSE, REQUIRED, ROOT, Service, parse, services
from cryptography.fernet import Fernet

from recovery_ops.airflow import health, stack
from recovery_ops.airflow.settings import Place, environment
from recovery_ops.airflow.stack import SERVICES, USERS
from recovery_ops.cli import local
from recovery_ops.model.settings import Settings
from recovery_ops.reporting.metric_endpoint import token_of
from recovery_ops.sandbox.process import RunningSandbox

SECRETS_SCRIPT = ROOT / "scripts" / "compose_secrets.sh"
OURS = {"api-server": "airflow-apiserver"} | {name: f"airflow-{name}" for name in SERVICES if name != "api-server"}
"""Airflow's name of a service -> ours."""
FROM_OUTSIDE = {"postgres", "prometheus", "alertmanager", "grafana"}
PINNED = re.compile(r"[\w/]+:[\w.-]*\d[\w.-]*@sha256:[0-9a-f]{64}")
SANDBOX = RunningSandbox(base_url="http://sandbox:4566", pid=0, regions=(), factor=local.FACTOR, front_doors={})
OF_THE_PLACE = {
    "AIRFLOW_HOME", "AIRFLOW__API__BASE_URL", "AIRFLOW__API__HOST", "AIRFLOW__API__PORT", "AIRFLOW__API__SECRET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__DAGS_FOLDER", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
    "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__CORE__PLUGINS_FOLDER", "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
    "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT",
}  # fmt: skip
"""Settings that say where something is; their values differ from those of the local stack."""


def make_secrets(folder: Path) -> dict[str, str]:
    subprocess.run(["bash", str(SECRETS_SCRIPT), str(folder)], check=True, capture_output=True, timeout=30)
    return dict(line.split("=", 1) for line in (folder / ".env").read_text().splitlines())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compose")


@pytest.fixture(scope="module")
def secrets(folder: Path) -> dict[str, str]:
    return make_secrets(folder)


@pytest.fixture(scope="module")
def all_services(secrets: dict[str, str]) -> dict[str, Service]:
    return services(secrets)


@pytest.fixture(scope="module")
def airflow(all_services: dict[str, Service]) -> dict[str, Service]:
    return {name: service for name, service in all_services.items() if name.startswith("airflow-")}


def document() -> dict[str, Any]:
    return dict(yaml.safe_load(COMPOSE.read_text()))


# The file itself ---------------------------------------------------------------------------------------------------


def schema_problems(path: Path) -> str:
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", path]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_it_follows_the_schema_of_compose_files(tmp_path: Path) -> None:
    assert schema_problems(COMPOSE) == ""
    wrong = tmp_path / "docker-compose.yaml"
    wrong.write_text(COMPOSE.read_text().replace("start_period:", "start_periode:", 1))
    assert "start_periode" in schema_problems(wrong)


def test_services_are_those_that_the_stack_starts_and_what_stands_around_them(all_services: dict[str, Service]) -> None:
    assert set(all_services) == {*OURS.values(), "airflow-init", "metrics", "sandbox", *FROM_OUTSIDE}


def test_images_are_pinned_and_ours_are_built_from_stages_that_exist(all_services: dict[str, Service]) -> None:
    stages = set(re.findall(r"^FROM .* AS (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE))
    for name, service in all_services.items():
        if name in FROM_OUTSIDE:
            assert PINNED.fullmatch(service.facts["image"]), name
        else:
            assert service.facts["build"]["target"] in stages, name
            assert ROOT / service.facts["build"]["context"] == ROOT


def test_nothing_runs_as_root_or_may_become_more_than_it_is(all_services: dict[str, Service]) -> None:
    for name, service in all_services.items():
        assert int(service.facts["user"].split(":")[0]) > 0, name
        assert service.facts["cap_drop"] == ["ALL"], name
        assert service.facts["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "cap_add", "network_mode", "pid"} & set(service.facts), name


def test_ports_are_open_to_this_machine_only_and_serve_something(all_services: dict[str, Service]) -> None:
    published = {name: service.ports for name, service in all_services.items() if service.ports}
    assert set(published) == {"airflow-apiserver", "sandbox", "prometheus", "alertmanager", "grafana"}
    for name, ports in published.items():
        for address, outside, inside in ports:
            assert (address, outside) == ("127.0.0.1", inside), name
    assert len({port[1] for ports in published.values() for port in ports}) == len(published)
    assert published["airflow-apiserver"][0][2] == all_services["airflow-apiserver"].environment["AIRFLOW__API__PORT"]
    assert published["sandbox"][0][2] == all_services["sandbox"].option("port")


def test_who_waits_for_whom_can_come_true(all_services: dict[str, Service]) -> None:
    for name, service in all_services.items():
        for other, how in service.facts.get("depends_on", {}).items():
            facts = all_services[other].facts
            if how["condition"] == "service_completed_successfully":
                assert facts["restart"] == "no", (name, other)
            else:
                assert (how["condition"], "test" in facts["healthcheck"]) == ("service_healthy", True), (name, other)
    started: set[str] = set()
    while len(started) < len(all_services):
        able = {name for name, it in all_services.items() if set(it.facts.get("depends_on", {})) <= started}
        assert able - started, f"these wait for one another: {sorted(set(all_services) - started)}"
        started |= able


def test_every_volume_is_declared_and_every_folder_is_there(all_services: dict[str, Service]) -> None:
    used = [(target, source) for service in all_services.values() for target, source in service.mounts.items()]
    assert {source for _, source in used if not source.startswith("./")} == set(document()["volumes"])
    assert [source for _, source in used if source.startswith("./") and not (ROOT / source).exists()] == []
    texts = [text for service in all_services.values() for text in service.facts.get("volumes", [])]
    assert [text for text in texts if text.startswith("./") and not text.endswith(":ro")] == []


# Secrets -----------------------------------------------------------------------------------------------------------


def test_no_secret_has_a_default_and_the_script_makes_each(secrets: dict[str, str]) -> None:
    text = re.sub(r"#.*", "", COMPOSE.read_text())
    assert set(ANY_VARIABLE.findall(text)) == set(REQUIRED.findall(text)) == set(secrets)


def test_secrets_stay_and_other_people_do_not_see_them(folder: Path, secrets: dict[str, str]) -> None:
    kept = {path: path.read_text() for path in folder.rglob("*") if path.is_file()}
    assert make_secrets(folder) == secrets
    assert {path: path.read_text() for path in folder.rglob("*") if path.is_file()} == kept
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    assert stat.S_IMODE((folder / ".secrets").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder / ".secrets").iterdir()} == {0o644}
    ignored = subprocess.run(["git", "check-ignore", ".env", ".secrets/x"], cwd=ROOT, capture_output=True, check=False)
    assert ignored.stdout.split() == [b".env", b".secrets/x"]


def test_secrets_are_of_the_kind_that_their_readers_take(folder: Path, secrets: dict[str, str]) -> None:
    Fernet(secrets["AIRFLOW_FERNET_KEY"])
    assert len(token_of(folder / ".secrets" / "metrics_token")) == 64
    assert set(json.loads((folder / ".secrets" / "airflow_passwords.json").read_text())) == set(USERS)
    assert re.fullmatch(r"\w{48}", secrets["POSTGRES_PASSWORD"]), "it stands in URLs"
    files = {name: Path(facts["file"]).name for name, facts in document()["secrets"].items()}
    assert files == {"airflow_passwords": "airflow_passwords.json", "metrics_token": "metrics_token"}
    assert Path(secrets["RECOVERY_OPS_SECRETS"]) == folder / ".secrets"


def test_a_secret_goes_to_those_only_who_need_it(all_services: dict[str, Service], secrets: dict[str, str]) -> None:
    given = {name: set(service.facts.get("secrets", [])) for name, service in all_services.items()}
    assert {name: found for name, found in given.items() if found} == {
        "airflow-apiserver": {"airflow_passwords", "metrics_token"},
        "metrics": {"metrics_token"},
        "prometheus": {"metrics_token"},
    }
    for name in ("metrics", "sandbox", "prometheus", "alertmanager"):
        text = json.dumps(all_services[name].facts)
        assert [key for key, value in secrets.items() if value in text] == [], name


# Settings ----------------------------------------------------------------------------------------------------------


def test_airflow_is_set_as_the_local_stack_sets_it(airflow: dict[str, Service], tmp_path: Path) -> None:
    place = Place(
        home=tmp_path, dags=tmp_path, plugins=tmp_path, port=1, log_port=1, database="", database_async="", users=USERS
    )
    wanted = environment(place)
    for service in airflow.values():
        found = {name: value for name, value in service.environment.items() if name.startswith("AIRFLOW")}
        assert found.pop("AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK") == "True"
        assert set(found) == set(wanted)
        assert {name for name in wanted if found[name] != wanted[name]} == OF_THE_PLACE


def test_airflow_knows_every_setting(airflow: dict[str, Service]) -> None:
    found = find_spec("airflow")
    assert found is not None
    assert found.submodule_search_locations is not None
    known = yaml.safe_load((Path(found.submodule_search_locations[0]) / "config_templates" / "config.yml").read_text())
    options = {(section, option) for section, facts in known.items() for option in facts["options"]}
    options |= {("scheduler", "mp_start_method")}  # described with [core] mp_start_method, which it overrides
    names = [name for name in airflow["airflow-scheduler"].environment if name.startswith("AIRFLOW__")]
    assert [name for name in names if tuple(name.lower().split("__")[1:]) not in options] == []


def test_the_library_is_set_as_the_local_stack_sets_it(
    airflow: dict[str, Service], all_services: dict[str, Service], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    read = set(re.findall(r'"(RECOVERY_OPS_\w+)"', (ROOT / "recovery_ops" / "model" / "settings.py").read_text()))
    for service in [*airflow.values(), all_services["metrics"]]:
        assert local.environment(SANDBOX).items() <= service.environment.items()
        assert Settings.from_environment(service.environment).time_factor == local.FACTOR
    scheduler = airflow["airflow-scheduler"].environment
    named = {name for name in scheduler if name.startswith("RECOVERY_OPS_")}
    assert read - named == {"RECOVERY_OPS_PRINCIPAL", "RECOVERY_OPS_DRILL_ROLE"}
    assert named <= read
    for name in os.environ:
        monkeypatch.delenv(name)
    place = Place(
        home=tmp_path, dags=tmp_path, plugins=tmp_path, port=1, log_port=1, database="", database_async="", users=USERS
    )
    postgres: Any = SimpleNamespace(url="")
    started_with = stack._environment(place, postgres, {}, tuned=True)
    assert set(started_with) <= set(scheduler) | set(image_environment())


def image_environment() -> dict[str, str]:
    (block,) = re.findall(r"^ENV (PATH=(?:.*\\\n)*.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return dict(pair.split("=", 1) for pair in block.replace("\\\n", " ").split())


def test_the_image_and_the_file_say_the_same(airflow: dict[str, Service]) -> None:
    shared = image_environment().items() & airflow["airflow-scheduler"].environment.items()
    both = set(image_environment()) & set(airflow["airflow-scheduler"].environment)
    assert {name for name, _ in shared} == both
    assert {"AIRFLOW_HOME", "AIRFLOW__CORE__DAGS_FOLDER", "RECOVERY_OPS_CATALOGS", "RECOVERY_OPS_SPOOL"} <= both


def test_folders_of_settings_are_mounted(airflow: dict[str, Service], all_services: dict[str, Service]) -> None:
    for service in [*airflow.values(), all_services["metrics"]]:
        settings = service.environment
        assert service.mounts[settings["RECOVERY_OPS_CATALOGS"]] == "./dags"
        for name in ("AIRFLOW_HOME", "AIRFLOW__LOGGING__BASE_LOG_FOLDER", "RECOVERY_OPS_SPOOL"):
            if name in settings:
                assert service.mounts["/" + "/".join(Path(settings[name]).parts[1:4])] == "recovery-ops", name
        if "AIRFLOW_HOME" in settings:
            assert service.mounts[settings["AIRFLOW__CORE__DAGS_FOLDER"]] == "./dags"
            assert service.mounts[settings["AIRFLOW__CORE__PLUGINS_FOLDER"]] == "./plugins"
        if "metrics_token" in service.facts.get("secrets", []):
            assert settings["RECOVERY_OPS_METRICS_TOKEN_FILE"] == "/run/secrets/metrics_token"
    assert (ROOT / "plugins" / "recovery_ops_plugin.py").exists()


def test_databases_are_those_that_postgres_makes(airflow: dict[str, Service], all_services: dict[str, Service]) -> None:
    made = all_services["postgres"]
    sql = (ROOT / made.mounts["/docker-entrypoint-initdb.d/recovery-ops.sql"]).read_text()
    databases = {made.environment["POSTGRES_DB"], *re.findall(r"CREATE DATABASE (\w+);", sql)}
    urls = [urlsplit(value) for value in airflow["airflow-init"].environment.values() if value.startswith("postgresql")]
    assert {url.path.lstrip("/") for url in urls} == databases
    wanted = (made.environment["POSTGRES_USER"], made.environment["POSTGRES_PASSWORD"], "postgres", 5432)
    assert {(url.username, url.password, url.hostname, url.port) for url in urls} == {wanted}
    assert {url.scheme for url in urls} == {"postgresql+psycopg2", "postgresql+asyncpg", "postgresql+psycopg"}
    assert {word.split("=")[1] for word in made.facts["healthcheck"]["test"] if "dbname" in word} <= databases
    assert made.environment["PGDATA"].startswith(next(at for at, what in made.mounts.items() if what == "postgres"))


# Commands ----------------------------------------------------------------------------------------------------------


def test_every_command_of_ours_exists_with_its_options(all_services: dict[str, Service]) -> None:
    lines = [words for service in all_services.values() for words in service.commands if words[0] == "recovery-ops"]
    assert [" ".join(words[1:3]) for words in lines] == ["record migrate", "metrics serve", "sandbox up"]
    for words in lines:
        parse(words[1:])
    with pytest.raises(Exception, match="No such option: --seed"):
        parse(["sandbox", "up", "--seed"])


def test_airflow_understands_every_command_that_it_is_given(airflow: dict[str, Service], tmp_path: Path) -> None:
    lines = [words[1:] for service in airflow.values() for words in service.commands if words[0] == "airflow"]
    assert sorted(map(tuple, lines)) == sorted([("db", "migrate"), *SERVICES.values()])
    script = "import json, sys; from airflow.cli.cli_parser import get_parser\n"
    script += "for words in json.load(sys.stdin): get_parser().parse_args(words)"
    done = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(lines), capture_output=True, text=True, check=False,
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


def test_each_service_of_airflow_runs_what_its_name_says(airflow: dict[str, Service]) -> None:
    for name, words in SERVICES.items():
        assert airflow[OURS[name]].commands[-1] == ["airflow", *words]
    copied = airflow["airflow-apiserver"].commands[0]
    api_server = airflow["airflow-apiserver"]
    execution = api_server.environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"]
    assert execution == f"http://{api_server.name}:{api_server.environment['AIRFLOW__API__PORT']}/execution/"
    assert copied[0] == "install"
    assert copied[-2:] == ["/run/secrets/airflow_passwords", "$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    programs = {words[0] for service in airflow.values() for words in service.commands}
    assert programs == {"airflow", "recovery-ops", "install"}


def test_the_sandbox_is_found_where_others_look_for_it(all_services: dict[str, Service]) -> None:
    sandbox = all_services["sandbox"]
    assert f"http://{sandbox.option('host')}:{sandbox.option('port')}" == SANDBOX.base_url
    assert sandbox.option("host") == sandbox.name
    assert float(sandbox.option("factor")) == SANDBOX.factor
    assert sandbox.mounts[sandbox.option("catalogs")] == "./dags"


def test_health_is_asked_where_something_answers(all_services: dict[str, Service], airflow: dict[str, Service]) -> None:
    port_of = {
        "airflow-apiserver": airflow["airflow-apiserver"].environment["AIRFLOW__API__PORT"],
        "airflow-scheduler": "8974",
        "metrics": all_services["metrics"].option("port"),
        "sandbox": all_services["sandbox"].option("port"),
        "prometheus": "9090", "alertmanager": "9093", "grafana": "3000",
    }  # fmt: skip
    parts = {"airflow-dag-processor": ["dag_processor"], "airflow-triggerer": ["triggerer"]}
    for name, service in all_services.items():
        test = service.facts["healthcheck"].get("test")
        if name in ("airflow-init", "postgres"):
            assert (test is None) == (name == "airflow-init")
            continue
        urls = [word for word in test if word.startswith("http")] or [health.API_SERVER]
        (asked,) = map(urlsplit, urls)
        host = name if asked.hostname == "127.0.0.1" else str(asked.hostname)
        assert (host, str(asked.port)) == (host, port_of[host]), name
        ours = name not in FROM_OUTSIDE
        assert test[1:4] == (["python", "-m", health.__name__] if ours else ["wget", "-q", "--spider"]), name
        assert test[5:] == parts.get(name, []), name


# What is mounted into the images of others ----------------------------------------------------------------------------


def mounted(service: Service, place: str) -> Path:
    """The file of this tree that a service sees at ``place``."""
    target = next(target for target in service.mounts if place.startswith(target))
    return ROOT / service.mounts[target] / place.removeprefix(target).lstrip("/")


def test_prometheus_finds_its_rules_its_token_and_everybody_it_asks(all_services: dict[str, Service]) -> None:
    prometheus, alertmanager = all_services["prometheus"], all_services["alertmanager"]
    path = mounted(prometheus, prometheus.option("config.file"))
    config = yaml.safe_load(path.read_text())
    assert [name for name in config["rule_files"] if not (path.parent / name).exists()] == []
    assert mounted(alertmanager, alertmanager.option("config.file")).exists()
    asked = [target for job in config["scrape_configs"] for part in job["static_configs"] for target in part["targets"]]
    assert set(asked) == {
        f"metrics:{all_services['metrics'].option('port')}",
        f"airflow-apiserver:{all_services['airflow-apiserver'].environment['AIRFLOW__API__PORT']}",
    }
    (told,) = config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"]
    assert told == f"alertmanager:{alertmanager.ports[0][2]}"
    tokens = {job["authorization"]["credentials_file"] for job in config["scrape_configs"]}
    assert tokens == {f"/run/secrets/{name}" for name in prometheus.facts["secrets"]}
    assert all_services["metrics"].option("token-file") in tokens
    for service, option in ((prometheus, "storage.tsdb.path"), (alertmanager, "storage.path")):
        assert service.mounts[service.option(option)] == service.name


def test_grafana_is_provisioned_with_our_dashboards(all_services: dict[str, Service]) -> None:
    grafana = all_services["grafana"]
    provisioning = mounted(grafana, "/etc/grafana/provisioning")
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "recovery-ops.yaml").read_text())["providers"]
    assert sorted(path.name for path in mounted(grafana, provider["options"]["path"]).glob("*.json"))
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    assert source["url"] == f"http://prometheus:{all_services['prometheus'].ports[0][2]}"
