"""The table of event types in ``docs/reference/record.md``, made from the docstrings of ``EventType``.

``python -m recovery_ops.record.event_types docs/reference/record.md`` writes it into the page.
"""

import ast
import inspect
import sys
from itertools import pairwise
from pathlib import Path

from recovery_ops.model import events

BEGIN = "<!-- event types: generated, see recovery_ops/record/event_types.py -->"
END = "<!-- end of event types -->"


def described() -> dict[events.EventType, str]:
    """Return what the payload of every type holds, in the order of the enum, one line each."""
    tree = ast.parse(inspect.getsource(events))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "EventType")
    found: dict[events.EventType, str] = {}
    for statement, after in pairwise(body):
        if isinstance(statement, ast.Assign) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            (name,) = (target.id for target in statement.targets if isinstance(target, ast.Name))
            found[events.EventType[name]] = " ".join(str(after.value.value).split())
    return found


def table() -> str:
    """Return the table as Markdown."""
    rows = [f"| `{kind.value}` | {text.replace('|', chr(92) + '|')} |" for kind, text in described().items()]
    return "\n".join(["| type | payload |", "|---|---|", *rows])


def updated(page: str) -> str:
    """Return ``page`` with the present table between its two marks; raises ``ValueError`` when a mark is missing."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the page needs the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(updated(target.read_text()))
