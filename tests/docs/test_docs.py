"""What the pages promise about the tree holds."""

import re
from pathlib import Path

import pytest

from recovery_ops.aws import limits

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TERMS = [
    "system",
    "component",
    "kind",
    "tier",
    "standby",
    "phase",
    "step",
    "recovery point",
    "consistent point",
    "plan",
    "run",
    "mode",
    "graceful",
    "ungraceful",
    "intent",
    "impaired region",
    "recovery region",
    "home region",
    "record",
    "event",
    "readiness check",
    "finding",
    "objective",
    "achieved",
    "cutover",
    "failback",
    "fence",
    "soak",
    "reprotect",
    "drill",
    "playbook",
    "evidence",
    "RTO",
    "RPO",
    "T0",
    "T1",
    "T2",
    "T3",
    "T4",
    "T5",
    "T6",
    "T7",
    "T8",
    "T9",
]


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that the headings of ``page`` make."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Return the links of ``page`` into this tree that lead nowhere."""
    broken = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name) if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors_of(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_into_the_tree_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_every_page_is_reached_from_the_index() -> None:
    reached, waiting = set(), [DOCS / "index.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page in reached:
            continue
        reached.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link)
        waiting += [page.parent / link for link in links if link.endswith(".md")]
    assert [page.name for page in DOCS.rglob("*.md") if page.resolve() not in reached] == []


def test_decisions_are_numbered_without_gaps_and_say_their_number() -> None:
    files = sorted((DOCS / "decisions").glob("*.md"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))
    assert [file.name for file in files if not file.read_text().startswith(f"# {int(file.name[:4])}. ")] == []


def test_the_glossary_defines_every_term_once() -> None:
    defined = re.findall(r"^\| ([^|]+?) \| [^|]+ \|$", (DOCS / "glossary.md").read_text(), re.MULTILINE)
    assert [term for term in TERMS if defined.count(term) != 1] == []
    assert sorted({term for term in defined if defined.count(term) > 1} - {"---"}) == []


def test_every_target_of_the_makefile_is_documented() -> None:
    targets = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    pages = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    assert {"setup", "demo", "up", "down", "test", "lint", "bench", "lock", "help"} <= set(targets)
    assert [target for target in targets if f"`make {target}`" not in pages] == []


def test_no_page_names_a_make_target_that_does_not_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {(page.name, name) for page in PAGES for name in re.findall(r"`make ([a-z]+)", page.read_text())}
    assert [pair for pair in sorted(named) if pair[1] not in targets] == []


def test_the_page_of_limits_has_every_limit_with_its_value() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([\d.]+) \|", (DOCS / "reference/limits.md").read_text(), re.MULTILINE)
    kept = {name: value for name, value in vars(limits).items() if name.isupper()}
    assert {name: float(value) for name, value in rows} == kept
