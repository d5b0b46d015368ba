"""The reference page of scenarios says what the code does."""

from functools import partial
from pathlib import Path

import pytest
from pydantic import BaseModel

from recovery_ops.catalog.quantities import in_words
from recovery_ops.drills import answer_files, scenario_files
from recovery_ops.testing import pages

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "reference" / "scenarios.md").read_text()
SECTIONS = {
    "## A scenario": scenario_files.ScenarioText,
    "## An inject": scenario_files.InjectText,
    "## Answers": answer_files.AnswersText,
    "An answer:": answer_files.AnswerText,
    "A lesson:": answer_files.LessonText,
}


rows = partial(pages.rows, PAGE)


@pytest.mark.parametrize(("section", "model"), SECTIONS.items())
def test_every_key_is_described_as_the_code_has_it_and_no_other(section: str, model: type[BaseModel]) -> None:
    found = rows(section)
    assert set(found) == set(model.model_fields)
    for key, (_, default, _) in found.items():
        info = model.model_fields[key]
        assert default.startswith("required") is info.is_required(), key
        if default.startswith("`"):
            assert default.strip("`") in (in_words(info.default) if isinstance(info.default, float) else info.default)


def test_the_guide_names_every_scenario_that_ships() -> None:
    guide = (DOCS / "howto" / "run-a-tabletop.md").read_text()
    assert [name for name in scenario_files.scenario_names() if f"`{name}`" not in guide] == []
