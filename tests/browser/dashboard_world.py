"""What the tests of this folder share: the running stack, a person's browser, the list of routes."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from recovery_ops.airflow import stack
from recovery_ops.sandbox import process

ROOT = Path(__file__).parents[2]
SYSTEM = "fraud-detection"
GUARD = "checkout-errors"
"""An alarm that keeps drills from starting; nobody has made it yet."""


@dataclass(frozen=True)
class World:
    """The running stack, its sandbox, a browser, the drill that was held, and what a log-in has left with each user."""

    running: stack.Stack
    sandbox: process.RunningSandbox
    browser: Browser
    drill: str
    known: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return self.running.airflow_url

    def page(self, user: str) -> Page:
        """Return a page of a new browser session, logged in as ``user``, who types the password the first time."""
        if user in self.known:
            return self.browser.new_page(storage_state=self.known[user])
        page = self.browser.new_page()
        page.goto(self.url)
        page.get_by_role("textbox", name="Username").fill(user)
        page.get_by_role("textbox", name="Password").fill(self.running.password(user))
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/")
        self.known[user] = page.context.storage_state()
        return page


def listed_routes() -> list[dict[str, str]]:
    """Return what ``docs/reference/routes.json`` says."""
    return json.loads((ROOT / "docs" / "reference" / "routes.json").read_text())
