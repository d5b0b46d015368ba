"""Telling people: messages of the playbook through SNS, mail and webhooks. What fails here never stops a recovery.

Nothing secret stands in a catalog: a target may be ``env:NAME``, and the mail server is the environment variable
``RECOVERY_OPS_SMTP`` (``smtp://user:password@host:port``, ``smtps://`` for TLS from the start).
"""

import os
import smtplib
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from airflow.sdk import BaseNotifier

from recovery_ops.airflow.library import library
from recovery_ops.model.detection import Channel, Notify
from recovery_ops.model.runs import RunRef
from recovery_ops.model.system import System
from recovery_ops.playbooks import Message, render_message
from recovery_ops.record.envelope import redacted

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 10.0
SENDER = "recovery-ops@localhost"


class RunNotifier(BaseNotifier):
    """Tell the people of a system where its run stands, when the task that it hangs on has ended."""

    template_fields = ()

    def __init__(self, system: str, moment: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.system, self.moment = system, moment

    def notify(self, context: Any) -> None:
        """Send, and note in the record who was told; never raises."""
        try:
            calls = library()
            found = context["ti"].xcom_pull(task_ids="declare")
            if found is None:
                return  # the request was refused; whoever asked sees why
            ref = RunRef.from_json(found)
            for sent in tell(calls.load_system(self.system), self.moment, _facts(ref, context)):
                calls.notified(ref, sent)
        except Exception:  # the edge: people who are not told must not keep a system from coming back
            log.exception("notification failed", system=self.system, moment=self.moment)


def tell(system: System, moment: str, facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """Send the message of ``moment`` to everyone whom the catalog names; return one entry each, sent or failed."""
    told = []
    clean = {name: redacted(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
    for place in system.notify:
        state, detail = "sent", ""
        try:
            SENDERS[place.channel](target_of(place), render_message(system, place.audience, moment, clean))
        except Exception as error:  # noqa: BLE001 - whatever a channel raises, the others are told
            state, detail = "failed", type(error).__name__
            log.warning("nobody was told", channel=place.channel, audience=place.audience, error=type(error).__name__)
        entry = {"channel": str(place.channel), "audience": place.audience, "template": moment}
        told.append(entry | {"state": state, "detail": detail})
    return told


def target_of(place: Notify) -> str:
    """Return where ``place`` is; raises ``KeyError`` when it names an environment variable that is not set."""
    name, colon, variable = place.target.partition(":")
    return os.environ[variable] if colon and name == "env" else place.target


def _facts(ref: RunRef, context: Any) -> dict[str, Any]:
    params = context.get("params") or {}
    return {
        "run_id": ref.run_id,
        "impaired_region": ref.impaired_region,
        "recovery_region": ref.recovery_region,
        "serving_region": None,
        **{name: params.get(name) for name in ("reason", "impact_at", "detected_at")},
        "state": context["ti"].state if getattr(context["ti"], "state", None) else None,
    }


def _sns(target: str, message: Message) -> None:
    from recovery_ops.aws.topics import publish

    publish(target, message.subject, message.body)


def _smtp(target: str, message: Message) -> None:
    server = urlsplit(os.environ["RECOVERY_OPS_SMTP"])
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = message.subject, os.environ.get("RECOVERY_OPS_SENDER", SENDER), target
    mail.set_content(message.body)
    host = server.hostname or "localhost"
    trusted = ssl.create_default_context()
    if server.scheme == "smtps":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(host, server.port or 465, timeout=ANSWER_WITHIN_S, context=trusted)
    else:
        connection = smtplib.SMTP(host, server.port or 25, timeout=ANSWER_WITHIN_S)
    with connection:
        if server.scheme == "smtp" and server.username:
            connection.starttls(context=trusted)  # a password never travels in the clear
        if server.username:
            connection.login(unquote(server.username), unquote(server.password or ""))
        connection.send_message(mail)


def _webhook(target: str, message: Message) -> None:
    import httpx

    text = {"subject": message.subject, "text": message.body}
    httpx.post(target, json=text, timeout=ANSWER_WITHIN_S).raise_for_status()


SENDERS: Mapping[Channel, Callable[[str, Message], None]] = {
    Channel.SNS: _sns,
    Channel.SMTP: _smtp,
    Channel.WEBHOOK: _webhook,
}
