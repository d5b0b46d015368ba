"""No secret in what we write: canaries in errors of AWS, in logs, in XComs and on the command line."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from botocore.exceptions import ClientError, EndpointConnectionError

from recovery_ops.aws.translate import aws_errors
from recovery_ops.cli.logging import configure
from recovery_ops.errors import SettingsError, StepError
from recovery_ops.model.settings import Settings
from recovery_ops.record.envelope import REDACTED, plain, redacted

OWN = "canaryOwnSecretKey/abcdefghijklmnopqrstu"
SECRETS = {
    "access key id": "ASIACANARYCANARYCANA",
    "signature": "0123canary4567",
    "token": "FwoGcanary0123",
    "password": "hunter2canary",
    "own": OWN,
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJjYW5hcnkiOjF9.c2lnbmF0dXJlLWNhbmFyeQ",
    "bearer": "canary.0123456789abcdef",
}
TEXT = (
    f"{SECRETS['access key id']} failed at https://b.s3.us-west-2.amazonaws.com/k?X-Amz-Signature={SECRETS['signature']}"
    f"&X-Amz-Security-Token={SECRETS['token']}&x=1 as postgresql://me:{SECRETS['password']}@db/x with {OWN},"
    f" {SECRETS['jwt']} and Authorization: Bearer {SECRETS['bearer']}; the rest stays"
)
OPERATORS = [
    Path("recovery_ops/airflow") / f"{name}.py"
    for name in ("operators", "approval", "detecting", "scheduling", "tabletop")
]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", OWN)


def leaked(text: str) -> list[str]:
    return [name for name, secret in SECRETS.items() if secret in text]


def test_every_kind_of_secret_goes_and_the_rest_stays() -> None:
    clean = redacted(TEXT)
    assert leaked(clean) == []
    assert clean.count(REDACTED) == len(SECRETS)
    assert clean.endswith("the rest stays")


def test_secrets_go_wherever_they_stand_in_a_payload() -> None:
    clean = repr(plain({"a": [{"b": TEXT, "session_token": "short"}], "c": (TEXT,)}))
    assert leaked(clean) == []
    assert "short" not in clean


def test_a_short_word_is_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
    assert redacted("the sandbox answers") == "the sandbox answers"


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDenied", "Message": TEXT}}, "GetObject"),
        ClientError({"Error": {"Code": "SlowDown", "Message": TEXT}}, "GetObject"),
        EndpointConnectionError(endpoint_url=TEXT),
    ],
)
def test_what_aws_says_is_told_without_secrets(error: Exception) -> None:
    with pytest.raises(StepError) as caught, aws_errors("read", region="us-west-2"):
        raise error
    assert leaked(f"{caught.value} {caught.value.facts}") == []


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("RECOVERY_OPS_LOG_LEVEL", "info")
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_log_lines_and_tracebacks_hold_no_secret(configured: None, capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    log = structlog.get_logger("canary")
    log.warning("step failed", error=TEXT)
    try:
        raise RuntimeError(TEXT)
    except RuntimeError:
        log.exception("unexpected")
    said = capsys.readouterr().err
    assert "step failed" in said
    assert "RuntimeError" in said
    assert leaked(said) == []


def returned(path: Path) -> set[str]:
    """What every operator gives to XCom, as source."""
    tree = ast.parse((ROOT / path).read_text())
    methods = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in ("execute", "resume", "execute_complete")
    ]
    assert methods
    returns = (node for method in methods for node in ast.walk(method) if isinstance(node, ast.Return))
    return {ast.unparse(node.value) for node in returns if node.value is not None}


def test_operators_return_nothing_but_what_was_cleaned() -> None:
    """``said`` takes secrets out; ``tests/airflow/test_xcoms.py`` shows that it does for every operator."""
    cleaned = {"None", "[]", "self.execute(context)", "super().execute(context)"}
    found = {expression for path in OPERATORS for expression in returned(path)}
    assert {expression for expression in found if not expression.startswith("said(")} <= cleaned


def test_nobody_pushes_an_xcom_by_hand() -> None:
    files = (ROOT / "recovery_ops" / "airflow").rglob("*.py")
    assert [file.name for file in files if "xcom_push" in file.read_text()] == []


def test_settings_that_cannot_be_used_are_told_all_at_once_and_without_their_secrets() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment(
            {
                "RECOVERY_OPS_TIME_FACTOR": "fast",
                "RECOVERY_OPS_RESOLVER": "ftp://resolver",
                "RECOVERY_OPS_DATABASE_URL": f"mysql://me:{SECRETS['password']}@host/x",
                "RECOVERY_OPS_SPOOL": "relative/spool",
            }
        )
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == [
        "RECOVERY_OPS_TIME_FACTOR", "RECOVERY_OPS_RESOLVER", "RECOVERY_OPS_DATABASE_URL", "RECOVERY_OPS_SPOOL",
    ]  # fmt: skip
    assert leaked(str(caught.value)) == []


@pytest.mark.parametrize("factor", ["-1", "2", "nan", "inf", "1e400"])
def test_a_time_factor_is_a_number_from_0_to_1(factor: str) -> None:
    with pytest.raises(SettingsError):
        Settings.from_environment({"RECOVERY_OPS_TIME_FACTOR": factor})


def test_the_spool_lies_where_state_of_programs_lies() -> None:
    home = {"HOME": "/home/alice"}
    assert Settings.from_environment(home).spool == Path("/home/alice/.local/state/recovery-ops/spool")
    assert Settings.from_environment(home | {"XDG_STATE_HOME": "/state"}).spool == Path("/state/recovery-ops/spool")
    assert Settings.from_environment(home | {"RECOVERY_OPS_SPOOL": "/disk/spool"}).spool == Path("/disk/spool")
