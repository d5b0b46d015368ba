"""Whether a service of a container works: what a health check of Docker runs.

``python -m recovery_ops.airflow.health URL [PART]`` ends with 0 when ``URL`` answers and calls ``PART``, when there is
one, healthy. Only the standard library is imported: a check must cost next to nothing.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence

API_SERVER = "http://127.0.0.1:8080/api/v2/monitor/health"
ANSWER_WITHIN_S = 5.0


def trouble(url: str, part: str | None = None) -> str:
    """Return why ``url``, or ``part`` of the Airflow that it tells about, is not healthy; empty when it is."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_WITHIN_S) as reply:  # noqa: S310 - the caller chose the URL
            body = reply.read()
    except (OSError, urllib.error.URLError) as error:
        return f"{url}: {error}"
    if part is None:
        return ""
    try:
        state = (json.loads(body).get(part) or {}).get("status")
    except (ValueError, AttributeError):
        return f"{url} does not tell how {part} is"
    return "" if state == "healthy" else f"{part} is {state or 'not there'}"


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong; return the exit code."""
    found = trouble(*(arguments or (API_SERVER,)))
    if found:
        print(found)  # noqa: T201 - Docker keeps what a health check prints
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
