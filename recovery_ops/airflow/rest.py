"""Airflow's REST API, as an SRE's tools call it. Does not import airflow."""

import time
from collections.abc import Collection, Mapping
from typing import Any

import httpx

from recovery_ops.errors import RecoveryError, RequestError


class AirflowApi:
    """One Airflow, one user. ``base_url`` as in ``out/stack.json``."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self.base_url = base_url
        self._http = httpx.Client(base_url=base_url, timeout=30.0)
        self._login = {"username": user, "password": password}

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a DAG run and return its id.

        Raises:
            RequestError: Airflow refused the parameters; its own words.
        """
        answer = self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf)})
        return str(answer["dag_run_id"])

    def unpause(self, dag_id: str) -> None:
        """Let runs of a DAG start."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Keep new runs of a DAG from starting."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": True})

    def paused(self, dag_id: str) -> bool:
        """Return whether new runs of a DAG stay queued."""
        return bool(self._call("GET", f"/api/v2/dags/{dag_id}")["is_paused"])

    def dags(self) -> list[str]:
        """Return the ids of all DAGs."""
        return [dag["dag_id"] for dag in self._call("GET", "/api/v2/dags?limit=200")["dags"]]

    def import_errors(self) -> list[str]:
        """Return the import error of every broken DAG file."""
        return [item["stack_trace"] for item in self._call("GET", "/api/v2/importErrors")["import_errors"]]

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return ``queued``, ``running``, ``success`` or ``failed``."""
        return str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def runs(self, dag_id: str) -> dict[str, str]:
        """Return the state of every run of a DAG by its id."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?limit=100")
        return {run["dag_run_id"]: run["state"] for run in answer["dag_runs"]}

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of a run: task_id, state, start_date, end_date, try_number and more."""
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=200")
        return list(answer["task_instances"])

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """Return the log of one attempt as text."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{attempt}?full_content=true"
        return "\n".join(text for line in self._call("GET", path).get("content", []) for text in _texts(line))

    def answer(self, dag_id: str, run_id: str, task_id: str, *, approve: bool, comment: str = "") -> None:
        """Answer the question that a human-in-the-loop task asks.

        Raises:
            RequestError: This user may not answer it, or somebody has.
        """
        self.respond(dag_id, run_id, task_id, "Approve" if approve else "Reject", {"comment": comment})

    def respond(
        self, dag_id: str, run_id: str, task_id: str, chosen: str, fields: Mapping[str, str], *, map_index: int = -1
    ) -> None:
        """Answer the form of a human-in-the-loop task; of a mapped one that with ``map_index``.

        Raises:
            RequestError: This user may not answer it, somebody has, or ``chosen`` is no option of it.
        """
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/{map_index}/hitlDetails"
        self._call("PATCH", path, {"chosen_options": [chosen], "params_input": dict(fields)})

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if "Authorization" not in self._http.headers:
            token = self._http.post("/auth/token", json=self._login)
            _refuse(token)
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        answer = self._http.request(method, path, json=body, headers={"Accept": "application/json"})
        _refuse(answer)
        return dict(answer.json()) if answer.content else {}


def await_dags(api: AirflowApi, wanted: Collection[str], limit_s: float = 60.0) -> None:
    """Return when Airflow knows all ``wanted`` DAGs.

    Raises:
        RecoveryError: A DAG file is broken, or ``limit_s`` wall seconds have passed; says which DAGs are missing.
    """
    end = time.monotonic() + limit_s
    while not set(wanted) <= set(api.dags()):
        if errors := api.import_errors():
            raise RecoveryError("\n".join(errors))
        if time.monotonic() > end:
            missing = ", ".join(sorted(set(wanted) - set(api.dags())))
            raise RecoveryError(f"Airflow has not found {missing} within {limit_s:.0f} s")
        time.sleep(0.5)  # every look costs the api-server, which is only just starting


def _refuse(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    message = (
        f"Airflow refused {answer.request.method} {answer.request.url.path}: {answer.status_code}: {answer.text[:500]}"
    )
    raise (RequestError if answer.status_code < 500 else RecoveryError)(message)


def _texts(line: Mapping[str, Any] | str) -> list[str]:
    """Return what one line of a log says, with the errors that came with it."""
    if isinstance(line, str):
        return [line]
    errors = line.get("error_detail") or []
    return [str(line.get("event", line)), *(f"{error['exc_type']}: {error['exc_value']}" for error in errors)]
