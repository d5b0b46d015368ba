"""Playbooks lead somewhere from everywhere, name everything and everybody, and need nothing but themselves."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import typer

from recovery_ops import errors
from recovery_ops.cli.app import app
from recovery_ops.errors import RecoveryError, StepInterruptedError
from recovery_ops.execution.systems import load_system
from recovery_ops.model.system import System
from recovery_ops.playbooks import Audience, Moment, content, page_ids, publishing, render_message
from recovery_ops.playbooks.book import book
from recovery_ops.playbooks.history import NO_HISTORY
from recovery_ops.playbooks.rendering import HTML_NAME, MARKDOWN_NAME, render
from recovery_ops.record import keys

ROOT = Path(__file__).parents[3]
MADE_AT = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
ERRORS = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, RecoveryError)]


@pytest.fixture(scope="module")
def system() -> System:
    return load_system("fraud-detection", ROOT / "dags")


@pytest.fixture(scope="module")
def files(system: System) -> dict[str, str]:
    return {name: body.decode() for name, body in render(system, made_at=MADE_AT).items()}


class Links(HTMLParser):
    """Ids, links, and whatever a browser would fetch."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in attrs}
        self.ids += [facts["id"]] if "id" in facts else []
        self.links += [facts["href"]] if tag == "a" and "href" in facts else []
        self.fetched += [tag] if "src" in facts or tag in ("link", "script", "iframe", "img") else []


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_has_a_page(error: type[RecoveryError]) -> None:
    assert error.playbook in {page.id for page in content.errors()}


def test_no_page_is_of_an_error_that_does_not_exist() -> None:
    assert {page.id for page in content.errors()} == {error.playbook for error in ERRORS}


def test_every_link_and_every_page_id_leads_to_one_anchor(files: dict[str, str]) -> None:
    found = Links(files[HTML_NAME])
    assert len(found.ids) == len(set(found.ids))
    assert page_ids() <= set(found.ids)
    assert {link for link in found.links if not link.startswith("#")} == set()
    assert {link.removeprefix("#") for link in found.links} <= set(found.ids)


def test_the_file_needs_nothing_from_anywhere(files: dict[str, str]) -> None:
    assert Links(files[HTML_NAME]).fetched == []
    assert not re.search(r"url\(|@import", files[HTML_NAME])


@pytest.mark.parametrize("name", [HTML_NAME, MARKDOWN_NAME])
def test_both_forms_name_every_component_person_and_region(system: System, files: dict[str, str], name: str) -> None:
    people = [person for persons in system.people.values() for person in persons]
    for word in (*(item.name for item in system.components), *people, *system.regions, *system.people):
        assert word in files[name]
    assert "{{" not in files[name]


def test_the_first_screen_says_whom_to_call_and_what_to_type(files: dict[str, str]) -> None:
    first = files[HTML_NAME].split('id="see"')[0]
    for words in ("Call alice, then bob", "airflow dags trigger failover__fraud-detection", "recovery-ops failover"):
        assert words in first


def test_the_same_facts_give_the_same_bytes(system: System) -> None:
    assert render(system, made_at=MADE_AT) == render(system, made_at=MADE_AT)


def test_trees_are_drawings_that_say_what_they_show(system: System) -> None:
    drawn = book(system, made_at=MADE_AT)["scenarios"]
    assert len(drawn) == 11
    for scenario in drawn:
        svg = ElementTree.fromstring(scenario["svg"])
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        text = " ".join("".join(item.itertext()) for item in svg.iter("text"))
        assert all(word in text for rung in scenario["page"].rungs for word in rung.ask.split())
        for box in svg.iter("rect"):
            x, y, wide, high = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + wide <= width
            assert 0 <= y <= y + high <= height


def typed(system: System) -> Iterator[str]:
    """Every command that a playbook tells a person to type."""
    said = book(system, made_at=MADE_AT)
    for scenario in said["scenarios"]:
        yield from scenario["page"].now
    for page in (*said["errors"], *said["alerts"]):
        yield from page.do
    for way in said["ways"]:
        yield from way.commands.values()


def test_every_command_of_ours_is_one_that_exists_with_these_options(system: System) -> None:
    found = [line for line in typed(system) if line.startswith("recovery-ops ")]
    assert len(found) > 20
    for line in found:
        known, words = typer.main.get_command(app), shlex.split(line)[1:]
        while isinstance(known, click.Group) or hasattr(known, "commands"):
            known = known.commands[words.pop(0)]
        options = {option for parameter in known.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("audience", Audience)
def test_a_message_takes_what_is_known_and_shows_what_is_not(
    system: System, audience: Audience, moment: Moment
) -> None:
    blank = render_message(system, audience, moment)
    assert re.search(r"\[[A-Z_ 0-9]+\]", blank.body)
    assert "\n" not in blank.subject
    names = re.findall(r"\[([A-Z_ 0-9]+)\]", f"{blank.subject}\n{blank.body}")
    facts = {name.lower().replace(" ", "_"): f"<{name}>" for name in names}
    filled = render_message(system, audience, moment, facts)
    assert not re.search(r"\[[A-Z_ 0-9]+\]", f"{filled.subject}\n{filled.body}".replace(f"[{system.name}]", ""))
    assert all(f"<{name}>" in f"{filled.subject}\n{filled.body}" for name in names)


def test_there_is_no_message_to_an_audience_that_nobody_knows(system: System) -> None:
    with pytest.raises(ValueError, match="press"):
        render_message(system, "press", Moment.DECLARED)


class Buckets:
    """S3 as publishing uses it: what was put under bucket and key, a dead region, a copy that rots."""

    def __init__(self, dead: str = "", rotten: str = "") -> None:
        self.dead, self.rotten = dead, rotten
        self.metadata: dict[tuple[str, str], dict[str, str]] = {}

    def put_page(self, bucket: str, key: str, body: bytes, region: str, *, content_type: str, metadata: dict) -> None:
        if region == self.dead:
            raise StepInterruptedError(f"{region} does not answer")
        self.metadata[bucket, key] = metadata

    def digest_of(self, bucket: str, key: str, region: str) -> str | None:
        return "0" * 64 if region == self.rotten else self.metadata[bucket, key]["sha256"]

    def use(self, monkeypatch: pytest.MonkeyPatch) -> "Buckets":
        monkeypatch.setattr(publishing, "put_page", self.put_page)
        monkeypatch.setattr(publishing, "digest_of", self.digest_of)
        monkeypatch.setattr(publishing, "history_of", lambda _system: NO_HISTORY)
        return self


def test_every_region_and_the_folder_get_a_copy_that_says_its_catalog(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    buckets = Buckets().use(monkeypatch)
    assert [copy.verified for copy in publishing.publish(system, tmp_path)] == [True, True, True]
    for region in system.regions:
        facts = buckets.metadata[system.record_bucket.format(region=region), keys.playbook_page_key(system.name)]
        assert facts["catalog-hash"] == publishing.catalog_hash(system)
    assert (tmp_path / system.name / HTML_NAME).stat().st_size > 50_000


@pytest.mark.parametrize("trouble", ["dead", "rotten"])
def test_a_region_without_a_good_copy_is_told_and_the_others_get_theirs(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    Buckets(**{trouble: "us-east-1"}).use(monkeypatch)
    copies = publishing.publish(system, tmp_path)
    assert {copy.where.split("/")[2]: copy.verified for copy in copies[:2]} == {
        "recovery-ops-record-us-east-1": False,
        "recovery-ops-record-us-west-2": True,
    }
    with pytest.raises(StepInterruptedError, match="2 of 3 copies are verified"):
        publishing.publish_everywhere(system, tmp_path)
