"""The two forms of a playbook: one HTML file that needs nothing else, and Markdown for terminals and repositories."""

from datetime import datetime
from typing import Any

from recovery_ops.catalog.quantities import in_words
from recovery_ops.model.system import System
from recovery_ops.playbooks.book import book
from recovery_ops.playbooks.history import NO_HISTORY, History
from recovery_ops.playbooks.texts import environment

HTML_NAME, MARKDOWN_NAME = "playbook.html", "playbook.md"


def render(system: System, *, history: History = NO_HISTORY, made_at: datetime) -> dict[str, bytes]:
    """Return the files of the playbook of ``system`` by name; the same arguments give the same bytes."""
    said: dict[str, Any] = book(system, history=history, made_at=made_at) | {"in_words": _in_words}
    html = environment(html=True).get_template("playbook.html.jinja").render(said)
    markdown = environment().get_template("playbook.md.jinja").render(said)
    return {HTML_NAME: html.encode(), MARKDOWN_NAME: markdown.encode()}


def _in_words(seconds: float | None) -> str:
    return "not measured" if seconds is None else in_words(round(seconds, 1) if seconds < 10 else round(seconds))
