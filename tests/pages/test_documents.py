"""Reports and playbooks serve everybody too: opened as files in a browser, with nothing else running."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from made_runs import EAST, MadeFailover, changed, made_failover, without
from page_checks import faults
from playwright.sync_api import Browser

from recovery_ops.execution.systems import load_system
from recovery_ops.model.events import Event, EventType
from recovery_ops.playbooks.rendering import HTML_NAME
from recovery_ops.playbooks.rendering import render as playbook
from recovery_ops.record.verify import Broken
from recovery_ops.reporting import render, report
from recovery_ops.reporting.html import render_summary, render_trend
from recovery_ops.reporting.trend import trend
from recovery_ops.testing.runs import Run

ROOT = Path(__file__).parents[2]
LONG = "arn:aws:sagemaker:us-west-2:123456789012:endpoint/" + "fraud-detection-scoring-" * 4
Change = Callable[[str], str]


def failed() -> list[Event]:
    """Return a run with everything that a report can hold against it; texts have markup, code and long names."""
    run = Run(run_id="r-20261123-abcdef")
    error = {"message": f"<b>`recovery-ops debts pay fraud`</b> first: {LONG}", "type": "StepFailedError"}
    extra = [
        run.step(12, "features.verify", EventType.STEP_FAILED, 2, error=error),
        run.add(13, "person:bob", EventType.GATE_OVERRIDDEN, person="bob", reason="it `must` go on", checks=[]),
        run.add(14, "drill#1", EventType.GUARD_TRIPPED, guard="probes", observed=0.2, limit=0.01),
        run.add(15, "x#1", EventType.RTO_FORECAST, forecast_s=2400.0, objective_s=1800.0, late_s=600.0,
                step="scoring.redeploy", chain=["features.rehydrate", "scoring.redeploy"]),
        run.add(16, "clean-up#1", EventType.CLEANED_UP, removed=[LONG], leftovers=[LONG], spent_usd=0.1),
        run.add(17, "rollback#1", EventType.RUN_ROLLED_BACK, why="soak", to_region=EAST, serving=True),
    ]  # fmt: skip
    bad = changed(made_failover(), EventType.CHECK_RECORDED, where={"gate": "latency"}, outcome="fail", detail=LONG)
    return [*without(bad, EventType.RUN_COMMITTED), *extra]


def tabletop() -> list[Event]:
    run = Run(run_id="r-20261123-abcdef")
    run.declare(0, mode="drill", drill="tabletop", plan={}, criteria={"people": {"sre-lead": 60}}, components=[])
    inject = {
        "inject": "alarm",
        "at_s": 0,
        "known": "p95 rises",
        "question": "Fail over?",
        "roles": ["sre-lead", "dpo"],
    }
    run.add(2, "tabletop#1", EventType.INJECT_SHOWN, **inject)
    said = {"person": "alice", "decision": "yes", "comment": "at once", "after_s": 40, "simulated": True}
    run.add(3, "tabletop#1", EventType.DECISION_TAKEN, inject="alarm", role="sre-lead", **said)
    run.add(30, "close#1", EventType.RUN_CLOSED, outcome="committed", released=True)
    return run.log.events()


def earlier(run_id: str, days: int) -> list[Event]:
    back = timedelta(days=days)
    return [replace(event, run_id=run_id, at=event.at - back) for event in made_failover()]


def several() -> Sequence[list[Event]]:
    return [made_failover(), earlier("r-20261101-aaaaaa", 22), [replace(event, run_id="r-2") for event in failed()]]


def pages() -> dict[str, str]:
    """Return every document by name."""
    compared = changed(made_failover(), EventType.RUN_CLOSED, where={}, earlier=["r-20261101-aaaaaa"])
    broken = [Broken(key=f"systems/fraud/{LONG}", reason="its hash is another").to_json()]
    reports = {
        "passed": report(compared, earlier=[earlier("r-20261101-aaaaaa", 22)]),
        "failed": report(failed(), broken=broken),
        "open": report(MadeFailover().whole()[:30]),
        "tabletop": report(tabletop()),
    }
    system = load_system("fraud-detection", ROOT / "dags")
    return {
        **{f"report, {name}": render(made) for name, made in reports.items()},
        **{f"summary, {name}": render_summary(made) for name, made in reports.items()},
        "trend": render_trend(trend("fraud-detection", several())),
        "playbook": playbook(system, made_at=datetime(2026, 11, 25, tzinfo=UTC))[HTML_NAME].decode(),
    }


PAGES = pages()


def wrong(browser: Browser, folder: Path, html: str) -> list[str]:
    file = folder / "page.html"
    file.write_text(html)
    page = browser.new_page()
    page.goto(file.as_uri())
    found = faults(page)
    page.close()
    return found


@pytest.mark.parametrize("name", PAGES)
def test_documents_serve_people_without_mouse_eyes_or_a_large_screen(
    browser: Browser, tmp_path: Path, name: str
) -> None:
    assert wrong(browser, tmp_path, PAGES[name]) == []


def put(before: str, after: str) -> Change:
    def change(html: str) -> str:
        assert before in html
        return html.replace(before, after, 1)

    return change


DEFECTS: dict[str, tuple[Change, str]] = {
    "a pale colour": (put("--soft: #5a636e", "--soft: #9aa3ae"), "light: contrast 2."),
    "a dark colour in the dark": (put("--fail: #ff8b80", "--fail: #7a2a24"), "dark: contrast"),
    "a table outside its box": (put('<div class="wide"', "<div"), "px too wide"),
    "text that is cut off": (
        put(".sentence {", ".sentence { width: 90px; white-space: nowrap; overflow: hidden;"),
        "cut off: <p>",
    ),
    "a box without focus": (put('<div class="wide" tabindex="0"', '<div class="wide"'), "a box that scrolls cannot"),
    "no main": (put("<main>", "<div>"), "there is not one main"),
    "a level left out": (put("<h3>", "<h4>"), "comes after h2"),
    "a heading without scope": (put(' scope="col"', ""), "a heading of a table without scope"),
    "a picture without words": (put(' role="img"', ""), "a picture without words"),
    "a focus that is not seen": (
        put("</style>", "summary:focus { outline: none !important; }</style>"),
        "focus cannot",
    ),
    "a literal backtick": (put("<code>must</code>", "`must`"), "a backtick"),
    "a link without a name": (put("</main>", '<a href="#x"></a></main>'), "no name"),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_check_sees_what_it_is_for(browser: Browser, tmp_path: Path, name: str) -> None:
    change, told = DEFECTS[name]
    assert any(told in item for item in wrong(browser, tmp_path, change(PAGES["report, failed"])))
