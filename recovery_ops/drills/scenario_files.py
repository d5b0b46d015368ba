"""Scenario files to scenarios, or every problem of a file at once, located as in catalogs."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import Field

from recovery_ops.catalog.problems import Document, Problem
from recovery_ops.catalog.quantities import UNITS_S, Duration, Name
from recovery_ops.catalog.suggest import did_you_mean
from recovery_ops.catalog.text import NonEmpty, Text
from recovery_ops.catalog.written import read_written
from recovery_ops.errors import CatalogError, RequestError
from recovery_ops.model.scenarios import Inject, Scenario
from recovery_ops.model.system import System

SHIPPED = Path(__file__).parent / "scenarios"
Some = Annotated[list[NonEmpty], Field(min_length=1)]


class InjectText(Text):
    """One turn of the story."""

    id: Name = Field(description="unique in the scenario")
    after: Duration | None = Field(None, description="scenario time since the inject before; none for the first")
    known: NonEmpty = Field(description="what the participants are told")
    question: NonEmpty = Field(description="what they decide")
    roles: Some = Field(description="who is expected to decide; roles of the catalog where it has them")
    choices: Annotated[list[NonEmpty], Field(min_length=2)] = Field(description="decisions to choose from")
    expected: Some = Field(description="those of the choices that the playbook supports")
    points: Some = Field(description="decision points that the discussion should touch")
    decide_within: Duration = Field(10 * UNITS_S["m"], description="objective for people: from question to decision")


class ScenarioText(Text):
    """A whole scenario file."""

    scenario: Name = Field(description="name of the scenario; the stem of its file")
    title: NonEmpty = Field(description="one line for people")
    goal: NonEmpty = Field(description="what the exercise is to find out")
    injects: Annotated[list[InjectText], Field(min_length=1)]


def load_scenario(path: Path) -> Scenario:
    """Return the scenario in the file at ``path``.

    Raises:
        CatalogError: The file has problems; holds every one, located.
    """
    return _scenario(read_written(path, ScenarioText, lambda text, document: _meaning(text, document, path)))


def scenario_names(own: str | Path | None = None) -> list[str]:
    """Return the name of every scenario that ships or lies in the folder ``own``, sorted."""
    return sorted(_files(own))


def find_scenario(name: str, own: str | Path | None = None) -> Scenario:
    """Return a scenario by its name, or from a file when ``name`` ends in ``.yaml``.

    Args:
        name: Name or path.
        own: Folder with scenarios of one system; one of them goes before one that ships under the same name.

    Raises:
        RequestError: There is no such scenario; names those that exist.
        CatalogError: Its file has problems.
    """
    if name.endswith((".yaml", ".yml")):
        return load_scenario(Path(name))
    known = _files(own)
    if name not in known:
        listed = sorted(known)
        raise RequestError(f"no scenario {name!r}; known: {', '.join(listed)}{did_you_mean(name, listed)}")
    return load_scenario(known[name])


def playable(own: str | Path | None = None) -> list[Scenario]:
    """Return every scenario that has no problems, by name; one that has is told to whoever asks for it by name."""
    found = []
    for _, path in sorted(_files(own).items()):
        with suppress(CatalogError):
            found.append(load_scenario(path))
    return found


def own_folder(system: System) -> Path:
    """Return where the scenarios of a system lie: in ``scenarios`` of the folder beside its catalog."""
    return Path(system.folder) / "scenarios"


def _files(own: str | Path | None) -> dict[str, Path]:
    folders = (SHIPPED, Path(own)) if own is not None else (SHIPPED,)
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}


def _meaning(text: ScenarioText, document: Document, path: Path) -> Iterator[Problem]:
    if text.scenario != path.stem:
        yield document.at(("scenario",), f"{text.scenario!r} lies in {path.name}; name both alike")
    seen: set[str] = set()
    for index, inject in enumerate(text.injects):
        place = ("injects", index)
        if inject.id in seen:
            yield document.at((*place, "id"), f"an inject {inject.id!r} is there already")
        seen.add(inject.id)
        if (inject.after is None) is not (index == 0):
            yield document.at((*place, "after"), "is missing" if index else "the first inject begins the scenario")
        if len(set(inject.choices)) < len(inject.choices):
            yield document.at((*place, "choices"), "a choice is there twice")
        for number, choice in enumerate(inject.expected):
            if choice not in inject.choices:
                hint = did_you_mean(choice, inject.choices)
                yield document.at((*place, "expected", number), f"{choice!r} is none of the choices{hint}")


def _scenario(text: ScenarioText) -> Scenario:
    at_s, injects = 0.0, list[Inject]()
    for item in text.injects:
        at_s += item.after or 0.0
        injects.append(
            Inject(
                id=item.id, at_s=at_s, known=item.known.strip(), question=item.question, roles=tuple(item.roles),
                choices=tuple(item.choices), expected=tuple(item.expected), points=tuple(item.points),
                decide_within_s=item.decide_within,
            )
        )  # fmt: skip
    return Scenario(name=text.scenario, title=text.title, goal=text.goal, injects=tuple(injects))
