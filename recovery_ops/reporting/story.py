"""A report for management: the headline, four figures, what went wrong, what is open, what changed."""

from typing import Any

from recovery_ops.reporting.facts import Json
from recovery_ops.reporting.phrases import ABSENT, change, duration

MOST = 5
"""Points in a list; what is more is counted."""


def story(report: Json) -> Json:
    """Return the summary of a report in plain sentences."""
    return {
        "head": _head(report),
        "figures": _figures(report),
        "meaning": _meaning(report),
        "wrong": _some([str(reason["what"]) for reason in report["result"]["reasons"]]),
        "open": _some(_open(report)),
        "since": _since(report),
    }


def _head(report: Json) -> str:
    result, time = report["result"], report["time"]
    where = result["serving_region"]
    if report["tabletop"]:
        return _decided(report["tabletop"])
    if result["outcome"] == "committed" and time["modelled_s"] is not None:
        healthy = duration(time["modelled_s"])
        return f"Clients are answered by {where or 'a region that was not recorded'} {healthy} after impact."
    if report["classification"]["event"] == "drill":
        return "Every component was recovered and verified." if report["verdict"] == "pass" else "The drill failed."
    return f"The run ended {result['outcome']}{f'; traffic is at {where}' if where else ''}."


def _decided(tabletop: Json) -> str:
    asked = sum(len(item["roles"]) for item in tabletop["injects"])
    open_now = sum(len(item["undecided"]) for item in tabletop["injects"])
    untold = len(tabletop["not_shown"])
    rest = f" {untold} inject{'s were' if untold != 1 else ' was'} not told." if untold else ""
    return f"{asked - open_now} of {asked} questions were decided.{rest}"


def _figures(report: Json) -> list[Json]:
    if report["tabletop"]:
        return tabletop_figures(report["tabletop"])
    return [_rto(report), _outage(report), _checks(report), _loss(report)]


def tabletop_figures(tabletop: Json) -> list[Json]:
    """Return what counts in a tabletop: decisions, people, their time, and what is to become better."""
    made = [item for inject in tabletop["injects"] for item in inject["decisions"]]
    agreed = [item for item in made if item["supported"] is not False]
    people = tabletop["people"]
    filled = [role for role in people if role["verdict"] == "pass"]
    slowest = max((role for role in people if role["slowest_s"] is not None), key=lambda role: role["slowest_s"],
                  default=None)  # fmt: skip
    took = duration(slowest["slowest_s"]) if slowest else None
    late = any(role["required"] and role["verdict"] == "fail" for role in people)
    new = sum(not lesson["mended"] for lesson in tabletop["lessons"])
    return [
        _figure("As the playbook says", f"{len(agreed)} of {len(made)}", "decisions", missed=len(agreed) < len(made)),
        _figure("Filled by people", f"{len(filled)} of {len(people)}", "roles, throughout and in time",
                missed=any(role["required"] for role in people) and len(filled) < len(people)),
        _figure("Slowest decision", took, slowest["role"] if slowest else "no person decided", missed=late),
        _figure("Lessons", str(new), "to become better at"),
    ]  # fmt: skip


def _rto(report: Json) -> Json:
    found = [item for item in report["objectives"] if item["kind"] == "rto" and item["gating"]]
    whole = [item for item in found if item["component"] == "system"]
    worst = max(whole or found, key=lambda item: item["achieved_s"] or 0.0, default=None)
    if worst is None or worst["achieved_s"] is None:
        return _figure("Recovery time", None, "no objective was judged")
    note = f"{duration(worst['objective_s'])} wanted" if worst["objective_s"] is not None else "no objective"
    note += "" if whole else f", slowest: {worst['component']}"
    return _figure("Recovery time", duration(worst["achieved_s"]), note, missed=worst["verdict"] != "pass")


def _outage(report: Json) -> Json:
    client = report["client"]
    seen = client["outage_modelled_s"] if client["outage_modelled_s"] is not None else client["outage_s"]
    if seen is None:
        return _figure("Clients without answer", None, "no client outside watched")
    return _figure(
        "Clients without answer", duration(seen), f"{client['failed']} of {client['requests']} requests failed"
    )


def _checks(report: Json) -> Json:
    counted = report["verification_summary"]
    passed = f"{counted['gating_passed']} of {counted['gating']}"
    return _figure(
        "Checks passed", passed, "of what was restored", missed=counted["gating_passed"] != counted["gating"]
    )


def _loss(report: Json) -> Json:
    lost = report["writer"]["lost"]
    if lost is not None:
        return _figure("Lost writes", str(lost), f"of {report['writer']['acknowledged']} acknowledged")
    ages = [
        item["achieved_s"] for item in report["objectives"] if item["kind"] == "rpo" and item["achieved_s"] is not None
    ]
    if ages:
        return _figure("Oldest data", duration(max(ages)), "age at impact")
    return _figure("Lost writes", None, "nobody counted")


def _figure(name: str, value: str | None, note: str, *, missed: bool = False) -> Json:
    return {"name": name, "value": value or ABSENT, "note": note, "missed": missed, "unknown": value is None}


def _meaning(report: Json) -> str:
    counts = report["result"]["objectives"]
    judged = f"{counts['pass']} of {sum(counts.values())} objectives were met"
    if counts["not-measured"]:
        judged += f", {counts['not-measured']} could not be measured and count as missed"
    if report["tabletop"]:
        met = sum(role["verdict"] == "pass" for role in report["tabletop"]["people"])
        judged = f"{met} of {len(report['tabletop']['people'])} roles were filled by people throughout"
    drill = report["classification"]["event"] == "drill"
    what = "This was practice; production was not the subject." if drill else "This was a recovery of production."
    protected = ""
    if not drill:
        reached = report["clocks"]["T9"] is not None
        protected = " The system is protected again." if reached else " The system is not protected again yet."
    return f"{what} {judged}.{protected}"


def _open(report: Json) -> list[str]:
    owed = [f"{debt['debt']}: {debt['what']}" for debt in report["debts"] if debt["paid_at"] is None]
    blockers = [item["what"] for item in report["findings"] if item["severity"] == "blocker"]
    return [*owed, *blockers]


def _since(report: Json) -> str:
    changes, against = report["plan_changes"], report["comparison"]
    if changes["compared_with"] is None:
        return "There is no earlier run to compare with."
    count = len(changes["altered"]) + changes["more"]
    first = (
        f"Plan and catalog differ in {count} place{'s' * (count != 1)}" if count else "Plan and catalog are the same"
    )
    moved = next((item for item in against["objectives"] if item["component"] == "system"), None)
    if moved is None or moved["change_s"] is None:
        return f"{first}; no earlier run of this plan has a recovery time to compare with."
    runs = f"{moved['runs']} earlier run{'s' * (moved['runs'] != 1)} of this plan"
    return f"{first}; recovery time against the median of {runs}: {change(moved['change_s'])}."


def _some(items: list[Any]) -> list[str]:
    if len(items) <= MOST:
        return items
    return [*items[: MOST - 1], f"and {len(items) - MOST + 1} more, in the report"]
