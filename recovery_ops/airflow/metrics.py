"""The scrape endpoint in Airflow's api-server: ``/recovery-ops-metrics/metrics``, for who shows the bearer token.

Airflow has no log-in for Prometheus and asks nobody who calls an app of a plugin, so the token is ours: it stands in
the file that ``RECOVERY_OPS_METRICS_TOKEN_FILE`` names. Without one the endpoint is closed.
"""

import functools

from fastapi import FastAPI, Request, Response

from recovery_ops.errors import RecoveryError
from recovery_ops.model.settings import Settings
from recovery_ops.reporting.metric_endpoint import PATH, Answer, Endpoint, token_of
from recovery_ops.reporting.metrics import Watch

app = FastAPI(title="recovery-ops metrics", docs_url=None, redoc_url=None, openapi_url=None)


@app.get(PATH)
def metrics(request: Request) -> Response:
    """Answer one scrape."""
    try:
        named = {"authorization": request.headers.get("authorization", ""), "accept": request.headers.get("accept", "")}
        answer = _endpoint().answer(**named)
    except RecoveryError as error:
        answer = Answer(503, f"{error.message}\n".encode())
    return Response(
        answer.body, status_code=answer.status, headers={**answer.headers, "Content-Type": answer.content_type}
    )


@functools.cache
def _endpoint() -> Endpoint:
    settings = Settings.from_environment()
    return Endpoint(Watch.from_settings(settings), _token(settings))


def _token(settings: Settings) -> str:
    if settings.metrics_token_file is None:
        raise RecoveryError("metrics are closed: RECOVERY_OPS_METRICS_TOKEN_FILE names no file with a token")
    return token_of(settings.metrics_token_file)
