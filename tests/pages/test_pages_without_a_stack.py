"""Pages for bad moments serve everybody too: refused, broken, dark, stopped. The application is served alone."""

from collections.abc import Iterator

import pytest
from lone_app import ASKS, CANCELLED, FAILED, HELD, LONG, served
from page_checks import faults
from playwright.sync_api import Browser, Page, Route, expect

from recovery_ops.testing.runs import SYSTEM
from recovery_ops.testing.stores import InMemoryObjectStore

RUN = f"/systems/{SYSTEM}/runs"
LEAD = "alice or bob (sre-lead): "
STANDS = {
    HELD: ["goes no further at scoring.verify.", "Traffic was not touched", f"{LEAD}try again, skip, or cancel"],
    FAILED: [
        "stopped because of scoring.verify.",
        "Traffic was not moved. us-east-1 answers",
        f"{LEAD}follow “What to do”",
    ],
    CANCELLED: ["bob cancelled the run: it came back", "Traffic was not moved. us-east-1", f"{LEAD}start a new run if"],
}
"""What happened, what is true now, who acts next."""


@pytest.fixture(scope="module")
def served_at() -> Iterator[tuple[str, InMemoryObjectStore]]:
    with pytest.MonkeyPatch.context() as patch, served(patch) as found:
        yield found


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    found = browser.new_page()
    found.set_default_timeout(20_000)
    yield found
    found.close()


@pytest.fixture
def url(served_at: tuple[str, InMemoryObjectStore]) -> str:
    return served_at[0]


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/nowhere", 404, "there is no page /recovery-ops/nowhere"),
        ("/systems/nobody", 404, "there is no system nobody"),
        (f"{RUN}/r-20261123-000000", 404, "no region that answers has a run"),
        ("/systems/secret", 403, "alice may not see secret"),
        ("/systems/dark/runs/r-20261123-000000", 503, "no region of dark answers"),
        ("/systems/broken", 500, "This page is broken (ValueError)"),
    ],
)
def test_problems_are_told_to_everybody(url: str, page: Page, path: str, status: int, words: str) -> None:
    answer = page.goto(url + path)
    assert answer is not None
    assert answer.status == status
    expect(page.get_by_role("heading", level=1)).to_have_text("That did not work")
    expect(page.get_by_text(words)).to_be_visible()
    page.route("**/runs/**", _stay)
    assert faults(page) == []


def test_a_form_that_is_refused_says_why_and_keeps_what_was_filled_in(url: str, page: Page) -> None:
    page.goto(f"{url}/systems/{SYSTEM}/recover")
    page.get_by_label("What happened?").fill("oh")
    page.evaluate("document.forms[0].submit()")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. say in a few words what happened")
    expect(page.get_by_label("What happened?")).to_have_value("oh")
    assert faults(page) == []
    page.goto(f"{url}{RUN}/{HELD}")
    page.evaluate("document.forms[0].submit()")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was changed. say in a few words why")
    assert faults(page) == []


def test_what_would_happen_is_shown_to_everybody(url: str, page: Page) -> None:
    page.goto(f"{url}/systems/{SYSTEM}/recover")
    page.get_by_label("What happened?").fill(f"it is gone, see {LONG}")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("region", name="What would happen")).to_be_focused()
    expect(page.get_by_text("Point p-20261123t115900z-9f0e was refused")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize("run_id", STANDS)
def test_a_run_that_stopped_says_what_is_true_now_and_who_acts_next(url: str, page: Page, run_id: str) -> None:
    page.goto(f"{url}{RUN}/{run_id}")
    stands = page.get_by_role("region", name="How it stands")
    for words in STANDS[run_id]:
        expect(stands).to_contain_text(words)
    step = page.get_by_role("region", name="scoring.verify failed")
    expect(step).to_contain_text("p95 was <180 ms>")
    expect(step.locator("code")).to_have_text("recovery-ops runs show fraud")
    expect(step.get_by_role("link", name="What to do")).to_be_visible()
    assert faults(page) == []


@pytest.mark.parametrize(
    "path", ["/", f"/systems/{SYSTEM}", "/drills", "/evidence", f"{RUN}/{ASKS}", f"/systems/{SYSTEM}/recover"]
)
def test_pages_with_much_to_say_serve_everybody(url: str, page: Page, path: str) -> None:
    page.goto(url + path)
    assert faults(page) == []


def test_a_record_that_does_not_verify_is_told_to_everybody(
    served_at: tuple[str, InMemoryObjectStore], page: Page
) -> None:
    url, store = served_at
    key = next(key for key in store.list(f"systems/{SYSTEM}/runs/{CANCELLED}/") if "/events/declare" in key)
    body, etag = store.get(key) or (b"", "")
    store.replace(key, body.replace(b"alice", b"mallory"), etag)
    page.goto(f"{url}{RUN}/{CANCELLED}/chain")
    expect(page.get_by_role("heading", level=1)).to_contain_text("The record does not verify")
    assert faults(page) == []


def _stay(route: Route) -> None:
    """Answer nothing new: a page that asks again by itself stays as it is while it is looked at."""
    route.fulfill(status=204)
