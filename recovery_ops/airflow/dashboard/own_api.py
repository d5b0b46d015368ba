"""Airflow's own REST API, called in this process with the rights of whoever asks: it checks and refuses itself."""

from collections.abc import Mapping
from typing import Any

import httpx
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from fastapi import Request

from recovery_ops.errors import RequestError


class OwnApi:
    """The REST API on behalf of the person of ``request``."""

    def __init__(self, request: Request) -> None:
        bearer = request.headers.get("authorization")
        cookie = request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
        self._headers = {"Authorization": bearer or f"Bearer {cookie}", "Accept": "application/json"}
        self._base = f"{request.url.scheme}://{request.url.netloc}"

    async def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a DAG run and return its id.

        Raises:
            RequestError: Airflow refused; its own words.
        """
        body = {"logical_date": None, "conf": dict(conf)}
        return str((await self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body))["dag_run_id"])

    async def dag_run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return a DAG run as Airflow describes it.

        Raises:
            RequestError: There is none, or this person may not see it.
        """
        return await self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")

    async def answer(self, dag_id: str, run_id: str, *, approve: bool, comment: str) -> None:
        """Answer the approval of a run that asks in Airflow.

        Raises:
            RequestError: This person may not answer, or somebody has.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"
        chosen = ["Approve" if approve else "Reject"]
        await self._call("PATCH", path, {"chosen_options": chosen, "params_input": {"comment": comment}})

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        from airflow.api_fastapi.main import app

        inside = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=inside, base_url=self._base, headers=self._headers) as http:
            answer = await http.request(method, path, json=body)
        if not answer.is_success:
            raise RequestError(_said(answer))
        return dict(answer.json()) if answer.content else {}


def _said(answer: httpx.Response) -> str:
    try:
        detail = answer.json().get("detail")
    except (ValueError, AttributeError):
        detail = None
    words = detail if isinstance(detail, str) else (detail or {}).get("message") if isinstance(detail, dict) else None
    return f"Airflow refused ({answer.status_code}): {words or answer.text[:300]}"
