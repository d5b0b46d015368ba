"""A page as PDF, printed by a headless Chromium where there is one."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from recovery_ops.errors import RecordError, SettingsError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless_shell")
BROWSER_VARIABLE = "RECOVERY_OPS_CHROMIUM"
TIMEOUT_S = 90.0


def browser() -> str:
    """Return the Chromium of this machine: ``RECOVERY_OPS_CHROMIUM``, else what is on the path.

    Raises:
        SettingsError: There is none.
    """
    named = os.environ.get(BROWSER_VARIABLE)
    found = next((path for name in ([named] if named else BROWSERS) if (path := shutil.which(name))), None)
    if found is None:
        looked = f"{BROWSER_VARIABLE} is {named}" if named else f"none of {', '.join(BROWSERS)} is on the path"
        message = f"no PDF without Chromium: {looked}; print report.html from any browser, its style is made for paper"
        raise SettingsError(message)
    return found


def print_pdf(page: str, to: Path) -> None:
    """Print an HTML page to the file ``to``, which is replaced. The page is printed alone: no script, no network.

    Raises:
        SettingsError: There is no Chromium.
        RecordError: It printed nothing, or the file cannot be written.
    """
    command = browser()
    with tempfile.TemporaryDirectory(prefix="recovery-ops-") as folder:
        source, target = Path(folder) / "page.html", Path(folder) / "page.pdf"
        source.write_text(page, encoding="utf-8")
        _run(command, Path(folder), source, target, to)
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, to)
        except OSError as error:
            raise RecordError(f"the PDF cannot be written to {to}: {error.strerror or error}") from error


def _run(command: str, folder: Path, source: Path, target: Path, to: Path) -> None:
    options = ["--headless", "--disable-gpu", "--no-first-run", "--disable-extensions", "--no-pdf-header-footer"]
    options += [f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={target}"]
    if os.geteuid() == 0:
        options.append("--no-sandbox")  # Chromium refuses to start for root with it; the page runs no script
    try:
        done = subprocess.run(  # noqa: S603  the browser of this machine, and files of our own making
            [command, *options, source.as_uri()], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RecordError(f"{to} was not printed: {command}: {error}") from error
    if not target.exists():
        last = done.stderr.strip().rpartition("\n")[2]
        raise RecordError(f"{to} was not printed: {command} ended with {done.returncode}: {last or 'no message'}")
