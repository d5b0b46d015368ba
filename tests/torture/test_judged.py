"""A verdict sees what a death did: every kind of harm in a world that is otherwise as it should be."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from matrix import Seen, Undisturbed, Verdict, judged
from sent import Sent

WANTED = Undisturbed(
    state={"s3": ["data/a", "data/b"], "sagemaker": ["endpoint fraud-scoring InService"]},
    told=frozenset({"check-recorded scoring", "traffic-moved"}),
    moved=True,
    points=(),
    sent=Counter({"us-west-2 sagemaker:UpdateEndpoint": 1}),
)
AS_WANTED = Seen(state=WANTED.state, told=WANTED.told, moved=True, broken=(), sent=WANTED.sent)


def verdict(seen: Seen, *problems: str) -> Verdict:
    return judged("step", "cutover", "before claim 1", WANTED, seen, problems)


def test_what_is_as_it_would_be_anyway_is_no_harm() -> None:
    assert verdict(AS_WANTED) == Verdict(
        victim="step",
        step="cutover",
        point="before claim 1",
        twice=0,
        lost=0,
        leaked=0,
        same_final_state=True,
        ok=True,
    )


def test_asking_less_often_is_no_harm() -> None:
    assert verdict(replace(AS_WANTED, sent=Counter())).ok


@pytest.mark.parametrize(
    ("seen", "counts", "same", "why"),
    [
        (replace(AS_WANTED, state={**WANTED.state, "s3": ["data/a", "data/a", "data/b"]}), (1, 0, 0), False, "data/a"),
        (replace(AS_WANTED, state={**WANTED.state, "ssm": ["left"]}), (0, 0, 1), False, "there and not wanted: ssm"),
        (replace(AS_WANTED, state={"s3": ["data/a", "data/b"]}), (0, 0, 0), False, "wanted and not there: sagemaker"),
        (replace(AS_WANTED, told=frozenset({"traffic-moved"})), (0, 1, 0), True, "not told: check-recorded scoring"),
        (replace(AS_WANTED, broken=("a gap",)), (0, 1, 0), True, "record: a gap"),
        (replace(AS_WANTED, moved=False), (0, 0, 0), False, "clients"),
        (
            replace(AS_WANTED, sent=WANTED.sent + WANTED.sent),
            (1, 0, 0),
            True,
            "asked for once more: us-west-2 sagemaker",
        ),
    ],
    ids=["twice", "leaked", "missing", "not told", "broken", "clients", "asked twice"],
)
def test_every_harm_is_seen(seen: Seen, counts: tuple[int, int, int], same: bool, why: str) -> None:
    found = verdict(seen)
    assert (found.twice, found.lost, found.leaked) == counts
    assert (found.same_final_state, found.ok) == (same, False)
    assert why in found.why


def test_what_went_wrong_on_the_way_is_told_although_the_end_is_right() -> None:
    found = verdict(AS_WANTED, "the first process was not killed")
    assert (found.same_final_state, found.ok, found.why) == (True, False, "the first process was not killed")


def test_changes_of_the_library_are_counted_and_nobody_elses(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    line = '{{"region": "r", "service": "{0}", "operation": "{1}", "status": {2}, "caller": "x {3} y"}}\n'
    log.write_text(line.format("ssm", "PutParameter", 200, "recovery-ops/1 run/r step/s"))
    sent = Sent(log)
    with log.open("a") as more:
        for service, operation, status, caller in (
            ("ssm", "PutParameter", 200, "recovery-ops/1 run/r step/s"),
            ("ssm", "PutParameter", 200, "recovery-ops/1 run/r step/s"),
            ("ssm", "PutParameter", 503, "recovery-ops/1 run/r step/s"),
            ("ssm", "GetParameter", 200, "recovery-ops/1 run/r step/s"),
            ("sagemaker", "AddTags", 200, "recovery-ops/1 run/r step/s"),
            ("s3", "PutObject", 200, "recovery-ops/1 run/r step/s"),
            ("ssm", "PutParameter", 200, "recovery-ops-test/1"),
        ):
            more.write(line.format(service, operation, status, caller))
    assert sent.changes() == Counter({"r ssm:PutParameter": 2})
