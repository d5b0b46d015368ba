"""Write the list of all routes: ``python -m recovery_ops.airflow.dashboard.route_list docs/reference/routes.json``."""

import json
import sys
from pathlib import Path


def listed() -> str:
    """Return the text of ``routes.json``: method, path and role of every route of ours."""
    from recovery_ops.airflow.dashboard.app import routes

    return json.dumps(sorted(routes(), key=lambda route: (route["path"], route["method"])), indent=2) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(listed())
