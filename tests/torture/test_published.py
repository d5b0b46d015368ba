"""What a whole torture found stands in the documentation, harm included."""

from datetime import date
from pathlib import Path

import pytest
from matrix import Verdict
from published import PAGE, publish


def death(victim: str, step: str, *, twice: int = 0, course: str = "failover") -> Verdict:
    fine = not twice
    return Verdict(
        victim=victim, step=step, point="", twice=twice, lost=0, leaked=0, same_final_state=fine, ok=fine, course=course
    )


FOUND = [
    death("step", "fence"),
    death("step", "fence", twice=2),
    death("run", "fence"),
    death("task", "cutover"),
    death("step", "fence", course="failback"),
    death("given up", "scoring.redeploy", course="drill"),
]


def test_the_table_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    page = tmp_path / "deaths.md"
    page.write_text("# Deaths\n\n## The table\n\nof last year\n")
    publish(FOUND, date(2026, 11, 5), page)
    told = page.read_text()
    assert told.startswith("# Deaths\n\n## The table\n\n`make torture` of 5 November 2026: 6 deaths, 5 of them ")
    assert (
        "| `fence` | 2 | 0 | 0 | 1 of 2 | 1 of 1 | - |\n| `fence` of the failback | 0 | 0 | 0 | 1 of 1 | - | - |\n"
        in told
    )
    assert "| `scoring.redeploy` of the drill | 0 | 0 | 0 | - | - | 1 of 1 |\n| all | 2 | 0 | 0 | 2 of 3 |" in told
    assert "| task | - | - | - | - | 1 of 1 | - |" in told
    assert "last year" not in told


def test_a_page_without_a_place_for_it_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "deaths.md"
    page.write_text("# Deaths\n")
    with pytest.raises(ValueError, match="no line '## The table'"):
        publish(FOUND, date(2026, 11, 5), page)
    assert page.read_text() == "# Deaths\n"


def test_the_page_in_the_documentation_has_a_place_for_it() -> None:
    assert "\n## The table\n" in PAGE.read_text()
