"""What YAML may do to a catalog, and what it may not."""

import time

import pytest
from catalog_builders import GOOD, KINDS, changed, load, problems

from recovery_ops.catalog import load_catalog
from recovery_ops.errors import CatalogError


def bomb() -> str:
    """Return nine levels of aliases that stand for a thousand million values."""
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, 9)]
    return "\n".join(levels) + "\n"


HOSTILE = {
    "a bomb of aliases": (bomb(), "more than 20000 values or 40 levels after aliases"),
    "an alias to itself": ("a: &a [*a]\n", "more than 20000 values or 40 levels after aliases"),
    "a file that is nested too deep": ("a: " + "[" * 100_000, "nested deeper than 40 levels"),
    "a file that is too large": ("# " + "x" * 300_000, "larger than 256 KiB"),
    "an object of Python": (
        changed(("rto: 30m", "rto: !!python/object:os.system {}")),
        "tag !!python/object:os.system is not allowed here",
    ),
    "a file with two documents": (GOOD + "---\n" + GOOD, "expected a single document"),
    "a file that is no YAML": ("system: [ranking\n", "is not YAML"),
    "a tab": ("system:\n\tranking\n", "is not YAML"),
    "an empty file": ("", "is empty"),
    "a list": ("- system\n", "must be a mapping"),
    "a control character": ("system: a\x07b\n", "is not YAML"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_refused_fast_and_in_words(tmp_path, text, expected):
    begin = time.monotonic()
    found = problems(tmp_path, text)
    assert any(expected in line for line in found), found
    assert time.monotonic() - begin < 3


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "ranking.yaml"
    path.write_bytes(b"system: \xff\xfe")
    with pytest.raises(CatalogError, match="is not UTF-8 text: byte 8"):
        load_catalog(path, KINDS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("on: 1\n1: x\n", "ranking.yaml:2:1: key '1' is not text; put it in quotes"),
        ("? [a]\n: x\n", "ranking.yaml:1:3: key a list or mapping is not text; put it in quotes"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "ranking.yaml:3:3: c: merge keys (<<) are not allowed; write the keys out"),
        ("rto: !Sub x\n", "ranking.yaml:1:6: rto: tag !Sub is not allowed here"),
        ("rto: !!int ten\n", "ranking.yaml:1:6: rto: tag !!int is not allowed here"),
        ("rto: 1e999\n", "ranking.yaml:1:6: rto: tag !!float is not allowed here"),
    ],
)
def test_yaml_that_a_catalog_must_not_hold_is_named(tmp_path, text, expected):
    assert expected in problems(tmp_path, text)


def test_scalars_mean_what_they_look_like(tmp_path):
    text = changed(
        (
            "      endpoint: ranker",
            "      endpoint: on\n      instances: [012, 12:30, 'no']\n      verify: {tolerance: 1e-9}",
        )
    )
    settings = load(tmp_path, text).component("ranker").settings
    assert settings["endpoint"] == "on"
    assert settings["instances"] == ["012", "12:30", "no"]
    assert settings["verify"]["tolerance"] == 1e-9


def test_an_alias_may_repeat_a_value(tmp_path):
    text = changed(("[us-east-1, us-west-2]", "[&home us-east-1, us-west-2]"), ("home: us-east-1\n", ""))
    assert load(tmp_path, text + "home: *home\n").home == "us-east-1"


def test_a_byte_order_mark_is_no_problem(tmp_path):
    assert problems(tmp_path, "\ufeff" + GOOD) == []
