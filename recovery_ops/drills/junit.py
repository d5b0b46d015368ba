"""The report of a drill as JUnit XML, so that a pipeline shows each check as a test. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from xml.etree import ElementTree

Json = Mapping[str, Any]


class Case(NamedTuple):
    """One test: ``failure`` and ``skipped`` are empty for one that passed."""

    suite: str
    name: str
    seconds: float = 0.0
    failure: str = ""
    skipped: str = ""


def junit(report: Json) -> bytes:
    """Return one suite per component with its steps, checks and objectives, and one of the drill with its verdict.

    A check or objective that was not measured is a failure: what was not run proves nothing. Advisory ones are skipped,
    and so are questions of a tabletop that a simulated participant answered.
    """
    cases = [*_steps(report), *_checks(report), *_objectives(report), *_tabletop(report), *_verdict(report)]
    title = f"{report['identity']['system']} {report['classification']['drill_type'] or 'drill'}"
    root = ElementTree.Element("testsuites", name=title)
    for suite in dict.fromkeys(case.suite for case in cases):
        mine = [case for case in cases if case.suite == suite]
        counts = {
            "tests": str(len(mine)),
            "failures": str(sum(bool(case.failure) for case in mine)),
            "skipped": str(sum(bool(case.skipped) for case in mine)),
            "time": f"{sum(case.seconds for case in mine):.3f}",
        }
        element = ElementTree.SubElement(root, "testsuite", counts, name=suite)
        for case in mine:
            _add(element, case)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _add(suite: ElementTree.Element, case: Case) -> None:
    element = ElementTree.SubElement(
        suite, "testcase", classname=case.suite, name=case.name, time=f"{case.seconds:.3f}"
    )
    if case.failure:
        ElementTree.SubElement(element, "failure", message=case.failure).text = case.failure
    elif case.skipped:
        ElementTree.SubElement(element, "skipped", message=case.skipped)


def _steps(report: Json) -> Iterator[Case]:
    for step in report["steps"]:
        whole_s = float(step["wall_s"] or 0.0)
        good = step["outcome"] == "succeeded"
        why = "" if good else str(step["error"] or step["reason"] or step["outcome"])
        yield Case(step["component"] or "drill", f"step {step['step']}", whole_s, failure=why)


def _checks(report: Json) -> Iterator[Case]:
    for check in report["verification"]:
        name, passed = f"{check['gate']}: {check['name']}", check["outcome"] == "pass"
        why = "" if passed else f"{check['outcome']}: {check['detail'] or 'expected'} {check['expected']!r}"
        said = f"{why}, observed {check['observed']!r}" if why else ""
        advisory = bool(said) and check["advisory"]
        yield Case(check["component"], name, failure="" if advisory else said, skipped=said if advisory else "")


def _objectives(report: Json) -> Iterator[Case]:
    for item in report["objectives"]:
        said = f"{item['achieved_s']} s achieved, {item['objective_s']} s wanted" if item["verdict"] != "pass" else ""
        shown = bool(said) and not item["gating"]
        suite = "drill" if item["component"] == "system" else item["component"]
        yield Case(suite, item["kind"].upper(), failure="" if shown else said, skipped=said if shown else "")


def _tabletop(report: Json) -> Iterator[Case]:
    for inject in (report["tabletop"] or {"injects": []})["injects"]:
        for role in inject["undecided"]:
            yield Case(inject["inject"], role, failure="nobody decided")
        for made in inject["decisions"]:
            said = f"{made['decision']}: not what the playbook says" if made["supported"] is False else ""
            nobody = "simulated participant" if made["simulated"] and not said else ""
            yield Case(inject["inject"], str(made["role"]), made["after_s"] or 0.0, failure=said, skipped=nobody)


def _verdict(report: Json) -> Iterator[Case]:
    reasons = "; ".join(f"{reason['rule']}: {reason['what']}" for reason in report["result"]["reasons"])
    yield Case("drill", "verdict", failure="" if report["verdict"] == "pass" else reasons or report["verdict"])
