"""The error tree is the one that is drawn, and errors survive the way into another process."""

import pickle
import re

import pytest

from recovery_ops import errors
from recovery_ops.errors import CatalogError, RecoveryError

CLASSES = [item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, RecoveryError)]


def drawn() -> dict[str, str]:
    """Return each error of the drawing with the one it stands under."""
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for indent, name in re.findall(r"^( +)(\w+Error)\b", errors.__doc__ or "", re.MULTILINE):
        while above and above[-1][0] >= len(indent):
            above.pop()
        parents[name] = above[-1][1] if above else "Exception"
        above.append((len(indent), name))
    return parents


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    assert drawn() == {error.__name__: error.__bases__[0].__name__ for error in CLASSES}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_an_error_survives_a_process_boundary_with_message_and_facts(error: type[RecoveryError]) -> None:
    sent = error("scoring in us-west-2 is gone", region="us-west-2", checks=["p95"])
    received = pickle.loads(pickle.dumps(sent))
    assert type(received) is error
    assert (str(received), received.message, received.facts) == (str(sent), sent.message, sent.facts)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_names_a_playbook_and_an_exit_code_of_the_command_line(error: type[RecoveryError]) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", error.playbook)
    assert error.exit_code in {1, 2, 3, 4}


def test_only_what_is_safe_to_repeat_is_retryable() -> None:
    assert {error.__name__ for error in CLASSES if error.retryable} == {
        "StepInterruptedError",
        "DeadlineExceededError",
    }


def test_all_problems_of_catalogs_travel_together() -> None:
    received = pickle.loads(pickle.dumps(CatalogError.of(["a.yaml:1:1: a", "b.yaml:2:1: b"])))
    assert received.problems == ["a.yaml:1:1: a", "b.yaml:2:1: b"]


def test_facts_that_are_not_known_are_left_out() -> None:
    assert RecoveryError("gone", region=None, run_id="r-1").facts == {"run_id": "r-1"}
