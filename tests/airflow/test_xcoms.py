"""Nothing that a task gives to XCom, or that people are sent, holds a secret, whatever the library says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import HITLOperator
from catalogs import catalog_text, load

from recovery_ops.airflow import approval, detecting, library, notifying, operators, scheduling, tabletop
from recovery_ops.airflow.operators import RecoveryOperator
from recovery_ops.execution import runners
from recovery_ops.model.detection import Channel, Notify
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System

SECRETS = ("ASIACANARYCANARYCANA", "0123canary4567", "hunter2canary")
TEXT = f"{SECRETS[0]} at https://b/k?X-Amz-Signature={SECRETS[1]} as postgresql://me:{SECRETS[2]}@db/x; the rest stays"
REF = RunRef(system=TEXT, run_id=TEXT, recovery_region=TEXT, impaired_region=TEXT, record_bucket=TEXT)
MODULES = (operators, approval, scheduling, detecting, tabletop)
EVERY = {"verdict": "pass", "news": True, "why": TEXT, "lines": [TEXT, {"what": TEXT}]}
JUDGED = dict.fromkeys(
    ("region", "recovery_region", "verdict", "scenario", "decision", "impact_at", "detected_at"), TEXT
)


@dataclass
class Ti:
    """A task instance that pulls what another task has given."""

    pulled: Any
    try_number: int = 1
    state: str | None = None

    def xcom_pull(self, task_ids: str) -> Any:
        return self.pulled


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.setenv("TEST_PAGER", "http://pager")
    pager = Notify(channel=Channel.WEBHOOK, target="env:TEST_PAGER", audience="internal")
    return replace(load(tmp_path, catalog_text("ranking", approval="ask")), notify=(pager,))


@pytest.fixture
def talkative(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A library whose every text holds secrets."""
    answers: dict[str, Any] = {field.name: TEXT for field in fields(library.Library)}
    answers |= dict.fromkeys(("declare", "take_over"), REF) | dict.fromkeys(
        ("restore_test", "agenda", "publish"), EVERY
    )
    answers |= {
        "load_system": system, "detect": EVERY, "pay_debts": {"paid": [TEXT], "left": [TEXT]},
        "publish_playbook": [TEXT], "clear_drills": ([TEXT], True),
        "run_step": SimpleNamespace(finished=True, outcome=TEXT, operation=None),
    }  # fmt: skip
    of_tabletops = dict.fromkeys(("convene", "resume"), REF) | {"show": [{"question": TEXT}], "close": TEXT}
    calls = {name: _saying(answer) for name, answer in answers.items() if name != "tabletops"}
    spoken = {field.name: _saying(of_tabletops.get(field.name, TEXT)) for field in fields(library.Tabletops)}
    monkeypatch.setattr(runners, "_acting_as", [])  # operators act for their DAG run until their process ends
    library.install(library.Library(**calls, tabletops=library.Tabletops(**spoken)))
    yield
    library.uninstall()


def _saying(answer: Any) -> Any:
    return lambda *_, **__: answer


def context(pulled: Any, **params: Any) -> Mapping[str, Any]:
    asked = {"person": TEXT, "reason": TEXT, "resume_run": TEXT, "patience_minutes": 1, "graceful": True} | params
    run = SimpleNamespace(run_id="manual__1", conf={}, triggering_user_name=TEXT)
    return {"ti": Ti(pulled), "params": asked, "dag_run": run, "dag": SimpleNamespace(task_ids=["declare"])}


def secrets_in(told: object) -> list[str]:
    return [secret for secret in SECRETS if secret in repr(told)]


NOON = "2026-11-23T12:00:00+00:00"
RUN = REF.to_json()
CASES: dict[str, tuple[dict[str, Any], Any, dict[str, Any]]] = {
    "DeclareOperator": ({"system": "ranking", "mode": "failover"}, None, {}),
    "StepOperator": ({"step": "fence"}, RUN, {}),
    "VerdictOperator": ({}, RUN, {}),
    "ProtectOperator": ({"system": "ranking"}, None, {}),
    "ReadinessOperator": ({"system": "ranking"}, None, {}),
    "PlaybookOperator": ({"system": "ranking"}, None, {}),
    "PrepareOperator": ({"system": "ranking"}, None, {"resume_run": None}),
    "PayDebtsOperator": ({"system": "ranking"}, None, {}),
    "ClearDrillsOperator": ({"system": "ranking"}, None, {}),
    "RestoreTestOperator": ({"system": "ranking"}, None, {}),
    "CalendarOperator": ({"system": "ranking"}, None, {}),
    "JudgeOperator": ({"system": "ranking"}, None, {}),
    "TellOperator": ({"system": "ranking"}, EVERY | JUDGED, {}),
    "ConveneOperator": ({"system": "ranking"}, None, {}),
    "ShowOperator": ({"number": 1}, RUN, {}),
    "CloseOperator": ({}, RUN, {}),
}
"""Operator: its arguments, what it pulls, and what its form says besides. RollbackOperator is a step; the task
``watch`` returns nothing."""


def kinds() -> dict[str, type]:
    found = (item for module in MODULES for item in vars(module).values() if isinstance(item, type))
    return {
        item.__name__: item for item in found if issubclass(item, RecoveryOperator) and item is not RecoveryOperator
    }


def test_every_operator_has_its_case() -> None:
    assert kinds().keys() - {"RollbackOperator", "WatchOperator"} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("talkative")
def test_what_an_operator_returns_holds_no_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(notifying.SENDERS, Channel.WEBHOOK, lambda *_: None)
    arguments, pulled, params = CASES[name]
    told = kinds()[name](task_id="t", **arguments).execute(context(pulled, **params))
    assert told is not None
    assert secrets_in(told) == []
    assert "redacted" in repr(told) or name in ("VerdictOperator", "TellOperator")


@pytest.mark.usefixtures("talkative")
def test_what_people_answer_in_a_form_is_kept_without_secrets(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "chosen_options": ["Approve", tabletop.NOTE],
        "params_input": {"comment": TEXT, "decided_by": TEXT, "lessons": TEXT, "learnt": TEXT},
        "responded_by_user": {"name": "bob"},
    }
    monkeypatch.setattr(HITLOperator, "execute_complete", lambda *_: given)
    question = dict.fromkeys(("inject", "role", "known", "question", "host"), "x")
    question |= {"people": [], "within_s": 60.0, "choices": ["Approve"]}
    asking = [
        approval.approval_task(system, 1.0, task_id="approve"),
        tabletop.AnswerOperator(task_id="answer", question=question, patience_s=60.0),
        tabletop.LessonsOperator(task_id="lessons"),
    ]
    for operator in asking:
        told = operator.execute_complete(context(RUN), {})
        assert "the rest stays" in repr(told)
        assert secrets_in(told) == []


def test_what_people_are_sent_holds_no_secret(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[object] = []
    monkeypatch.setitem(notifying.SENDERS, Channel.WEBHOOK, lambda _target, message: sent.append(message))
    facts = dict.fromkeys(("run_id", "impaired_region", "recovery_region", "reason", "state"), TEXT)
    (entry,) = notifying.tell(system, "declared", facts | dict.fromkeys(("impact_at", "detected_at"), NOON))
    assert entry["state"] == "sent"
    assert "the rest stays" in repr(sent)
    assert secrets_in((entry, sent)) == []
