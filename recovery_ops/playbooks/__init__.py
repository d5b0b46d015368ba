"""Playbooks: the pages that a person follows, made from catalog, plan, kinds and history; one file per system.

Text lies in ``content/`` (scenarios, errors, alerts) and ``templates/`` (messages, commands by hand, the pages).
"""

from recovery_ops.playbooks.content import page_ids
from recovery_ops.playbooks.messages import Audience, Message, Moment, render_message

__all__ = ["Audience", "Message", "Moment", "page_ids", "render_message"]
