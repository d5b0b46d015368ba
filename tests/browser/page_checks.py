"""What every page owes a person without a mouse, without eyes, or with a small screen; asked in the page itself."""

from pathlib import Path

from playwright.sync_api import Locator, Page

SCRIPT = Path(__file__).with_suffix(".js").read_text()
LEAST_CONTRAST = 4.5
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
SPARE_PRESSES = 15
"""Tab also stops outside the page, and at each part of a date."""


def faults(page: Page) -> list[str]:
    """Return what is wrong with the open page, all of it unfolded: structure, keyboard, colours, a narrow screen."""
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="light")
    page.evaluate(SCRIPT)
    page.evaluate("checks.unfold()")
    found = [*page.evaluate("checks.structure()"), *_by_keyboard(page)]
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += [f"{scheme}: contrast {item}" for item in pale(page)]
    return found + too_wide(page)


def pale(page: Page) -> list[str]:
    """Return the words whose colour is too near to what is behind them."""
    page.evaluate(SCRIPT)
    return list(page.evaluate(f"checks.contrast({LEAST_CONTRAST})"))


def too_wide(page: Page) -> list[str]:
    """Return by how many pixels the open page is wider than a narrow screen, and what that screen cuts off."""
    page.set_viewport_size(NARROW)
    page.evaluate(SCRIPT)
    return list(page.evaluate("checks.wide()"))


def go_to(page: Page, control: Locator) -> None:
    """Press Tab until ``control`` has the focus."""
    for _ in range(100):
        if control.evaluate("item => item === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {control} by keyboard")


def _by_keyboard(page: Page) -> list[str]:
    wanted = int(page.evaluate("checks.begin()"))
    unseen: list[str] = []
    for _ in range(wanted + SPARE_PRESSES):
        page.keyboard.press("Tab")
        stop = page.evaluate("checks.step()")
        if stop is not None and not stop["seen"]:
            unseen.append(f"focus cannot be seen: {stop['words']}")
    return unseen + [f"not reached by Tab: {item}" for item in page.evaluate("checks.missed()")]
