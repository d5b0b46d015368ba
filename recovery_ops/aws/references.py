"""Region-bound references: strings that name a region, and must not name the one we left."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from recovery_ops.aws.images import image_in, registry_account
from recovery_ops.model.checks import Check, CheckOutcome, Gate

OURS = "recovery-ops"
"""Keys that begin so are our own notes; they may name where something came from."""


def strings(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, text) of every string in a nested AWS answer, except response metadata and our own notes."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key != "ResponseMetadata" and not str(key).startswith(OURS):
                yield from strings(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from strings(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


def leftovers(value: Any, needles: Iterable[str]) -> list[str]:
    """Return ``path: text`` for every string in ``value`` that names one of ``needles`` as a whole word."""
    wanted = [re.compile(rf"(?<![a-z0-9]){re.escape(needle)}(?![a-z0-9])") for needle in needles if needle]
    return [f"{path}: {text}" for path, text in strings(value) if any(found.search(text) for found in wanted)]


def in_region(text: str, source: str, target: str) -> str:
    """Return ``text`` with every whole word ``source`` replaced by ``target``; an image also changes its registry."""
    if registry_account(text) is not None:
        return image_in(text, target)
    return re.sub(rf"(?<![a-z0-9]){re.escape(source)}(?![a-z0-9])", target, text)


def names_of(source: str, described: Any, target: str) -> list[str]:
    """Return what must not be named any more: ``source`` and the registry accounts that serve it and not ``target``.

    ``described`` is what was captured in ``source``; its image URIs tell the accounts.
    """
    images = {text for _, text in strings(described) if registry_account(text) is not None}
    accounts = {registry_account(uri) for uri in images} - {registry_account(image_in(uri, target)) for uri in images}
    return [source, *sorted(account for account in accounts if account)]


def references_check(component: str, described: Mapping[str, Any], needles: Iterable[str], region: str) -> Check:
    """Judge that nothing in ``described`` (what -> AWS's answer) names one of ``needles``."""
    names = sorted(set(needles))
    found = leftovers(described, names)
    return Check(
        component=component,
        gate=Gate.REFERENCES,
        name="no reference to the region that was left",
        expected={"leftovers": 0, "names": names},
        observed={"leftovers": len(found), "described": sorted(described), "region": region},
        outcome=CheckOutcome.FAIL if found else CheckOutcome.PASS,
        detail="; ".join(found[:5]),
    )
