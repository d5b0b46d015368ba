"""``make bench``: every measurement, a table, and ``out/bench.json``; exit code 1 when a goal is missed."""

import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import demo, hops, parse

OUT = Path("out") / "bench.json"


def main() -> int:
    """Measure everything, one after the other, and return the exit code."""
    found = []
    for module in (parse, hops, demo):
        print(f"measuring {module.__name__.rpartition('.')[2]} ...", file=sys.stderr, flush=True)
        found += module.rows()
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2))
    table = Table("what", "measured", "goal", "peer", "", title="Benchmarks")
    for row in found:
        peer = "" if row["peer"] is None else f"{row['peer']} {row['unit']}"
        goal = f"<= {row['goal']} {row['unit']}"
        verdict = "[green]ok[/green]" if row["ok"] else "[red]missed[/red]"
        table.add_row(row["name"], f"{row['value']} {row['unit']}", goal, peer, verdict)
    Console().print(table)
    print(OUT)
    return 0 if all(row["ok"] for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
