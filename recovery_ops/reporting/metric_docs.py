"""The tables of ``docs/reference/metrics.md``, made from the list of metrics.

``python -m recovery_ops.reporting.metric_docs docs/reference/metrics.md`` writes them into the page.
"""

import sys
from pathlib import Path

from recovery_ops.reporting.metric_list import BUCKETS_S, LABELS, METRICS, Group

BEGIN = "<!-- metrics: generated, see recovery_ops/reporting/metric_docs.py -->"
END = "<!-- end of metrics -->"


def tables() -> str:
    """Return a table for every group of metrics, and one of the labels, as Markdown."""
    parts: list[str] = []
    for group in Group:
        rows = [
            f"| `{metric.name}` | {metric.kind} | {metric.unit} | {', '.join(f'`{name}`' for name in metric.labels)} "
            f"| {metric.help} |"
            for metric in METRICS
            if metric.group is group
        ]
        parts += [f"### {group}", "", "| name | type | unit | labels | meaning |", "|---|---|---|---|---|", *rows, ""]
    labels = [f"| `{label.name}` | {label.values} |" for label in LABELS]
    bounds = ", ".join(f"{bound:g}" for bound in BUCKETS_S)
    parts += ["### Labels", "", "| label | values |", "|---|---|", *labels, ""]
    return "\n".join([*parts, f"Upper bounds of the histogram, seconds: {bounds}."])


def updated(page: str) -> str:
    """Return ``page`` with the present tables between its two marks; raises ``ValueError`` when a mark is missing."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"the page needs the marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.write_text(updated(target.read_text()))
