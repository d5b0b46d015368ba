"""The reference page of readiness says what the code does, and every code is really given somewhere."""

import re
from pathlib import Path

import pytest

from recovery_ops.model.finding_codes import CODES, finding
from recovery_ops.model.readiness import Outlook, ProofState, ReadinessState

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "reference" / "readiness.md").read_text()
SOURCES = "\n".join(
    path.read_text() for path in (ROOT / "recovery_ops").rglob("*.py") if path.name != "finding_codes.py"
)


def test_every_code_is_documented_with_severity_meaning_and_hint_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (blocker|warning|info) \| (.*) \| (.*) \|$", PAGE, re.M)
    assert rows == [(code, str(known.severity), known.meaning, known.hint) for code, known in CODES.items()]


@pytest.mark.parametrize("code", CODES)
def test_every_code_is_given_somewhere(code: str) -> None:
    assert f'"{code}"' in SOURCES


def test_an_undocumented_code_cannot_be_given() -> None:
    with pytest.raises(KeyError):
        finding("no-such-code", "scoring", "nobody would know what to do")


def test_every_state_and_verdict_is_documented() -> None:
    for word in (*ReadinessState, *Outlook, *ProofState):
        assert word in PAGE
