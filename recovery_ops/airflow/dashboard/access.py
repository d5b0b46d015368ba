"""Who may do what: Airflow's log-in and its rights decide; a request that changes something proves where it comes from.

Whoever may read the runs of a system's failover DAG may look at the system, whoever may start them may act.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import get_user
from airflow.configuration import conf
from fastapi import Depends, Form, HTTPException, Request

from recovery_ops.airflow.dags import failover_id

DAY_S = 86_400
VIEWER, OPERATOR = "viewer", "operator"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. ``name`` stands in the record; ``token`` proves that a form is ours and this person's."""

    user: Any
    name: str
    token: str

    def may(self, method: str, system: str) -> bool:
        """Return whether this person may ``GET`` or ``POST`` runs of ``system``."""
        details = DagDetails(id=failover_id(system))
        manager = get_auth_manager()
        return bool(
            manager.is_authorized_dag(method=method, access_entity=DagAccessEntity.RUN, details=details, user=self.user)
        )

    def may_act(self, system: str) -> bool:
        """Return whether this person is an operator of ``system``."""
        return self.may("POST", system)


async def visitor(user: Annotated[Any, Depends(get_user)]) -> Visitor:
    """Return who asks; Airflow refuses strangers with 401."""
    return Visitor(user, str(user.get_name()), _token_of(user, _today()))


def reader(system: str, who: Annotated[Visitor, Depends(visitor)]) -> Visitor:
    """Return who asks, refused with 403 unless they may read the runs of the system in the path."""
    if not who.may("GET", system):
        raise HTTPException(403, f"{who.name} may not see {system}")
    return who


def operator(
    request: Request, system: str, who: Annotated[Visitor, Depends(visitor)], csrf: Annotated[str, Form()] = ""
) -> Visitor:
    """Return who asks, refused with 403 unless they may start runs of the system in the path and sent our own form."""
    if not who.may("POST", system):
        raise HTTPException(
            403, f"{who.name} may look at {system}, and not act; that needs the right to start its DAGs"
        )
    refuse_forged(request, csrf, who)
    return who


def refuse_forged(request: Request, csrf: str, who: Visitor) -> None:
    """Refuse a change that another site may have caused; a bearer token is no cookie, so nobody can have sent it along.

    Raises:
        HTTPException: 403.
    """
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    site = request.headers.get("sec-fetch-site", "same-origin")
    known = (_token_of(who.user, day) for day in (_today(), _today() - 1))
    if site not in ("same-origin", "none") or not any(hmac.compare_digest(csrf, token) for token in known):
        raise HTTPException(403, "this form was not made for you by this page, or is older than a day; load it again")


def _token_of(user: Any, day: int) -> str:
    secret = conf.get_mandatory_value("api", "secret_key").encode()
    return hmac.new(secret, f"recovery-ops:{day}:{user.get_id()}".encode(), hashlib.sha256).hexdigest()


def _today() -> int:
    return int(time.time() // DAY_S)


def role_of(dependencies: list[Callable[..., Any]]) -> str:
    """Return the role that a route with these dependencies wants."""
    return OPERATOR if operator in dependencies else VIEWER
