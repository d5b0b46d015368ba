"""Great Expectations: pass, fail and error are three things, and nothing judged is never a pass.

Importing it takes seconds, so all tests that need it stand here and share one worker (``--dist loadgroup``).
"""

import gc
import json
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from quality_builders import features

from recovery_ops.model.checks import CheckOutcome, Gate, all_passed
from recovery_ops.quality.manifest import Restored, Tolerance, judge_against_profile, profile_frame, suite_from_profile
from recovery_ops.quality.suites import judge_file, judge_frame, preload
from recovery_ops.sandbox.seed.data import FEATURES, LABEL, load_phishing, split

pytestmark = pytest.mark.xdist_group("great-expectations")
SUITES = Path(__file__).parents[3] / "dags" / "fraud-detection" / "suites"
FRAME = pd.DataFrame({"key": ["a", "b", "c"], "x": [0.0, 0.5, 1.0], "none": [None, None, None]})


@pytest.fixture(scope="module", autouse=True)
def _ready():
    preload()


def expect(kind, **kwargs):
    return {"type": f"expect_{kind}", "kwargs": kwargs}


def judge(*entries, frame=FRAME):
    return judge_frame(frame, {"name": "s", "expectations": list(entries)}, component="features", label="online")


def outcomes(checks):
    return [check.outcome for check in checks]


def broken(checks):
    return {(check.gate, check.name, check.outcome) for check in checks if check.outcome is not CheckOutcome.PASS}


def test_a_check_says_what_was_expected_and_what_was_seen():
    met, missed = judge(
        expect("table_row_count_to_equal", value=3),
        expect("column_values_to_be_between", column="x", min_value=0, max_value=0.7),
    )
    assert (met.gate, met.outcome, met.expected, met.observed) == (Gate.DATA, CheckOutcome.PASS, {"value": 3}, 3)
    assert missed.name == "online: expect_column_values_to_be_between(x)"
    assert missed.outcome is CheckOutcome.FAIL
    assert missed.expected == {"min_value": 0, "max_value": 0.7}
    assert missed.observed == {"element_count": 3, "unexpected_count": 1, "missing_count": 0}
    assert "for example 1.0" in missed.detail


def test_checks_come_in_the_order_of_the_suite_and_are_plain_json():
    entries = [
        expect("column_mean_to_be_between", column="absent", min_value=0),
        expect("table_row_count_to_equal", value=3),
        expect("nothing_known", column="x"),
        expect("column_values_to_be_unique", column="key"),
    ]
    checks = judge(*entries)
    kinds = [check.name.removeprefix("online: ").split("(")[0] for check in checks]
    assert kinds == [entry["type"] for entry in entries]
    json.dumps([check.to_json() for check in checks], allow_nan=False)


@pytest.mark.parametrize(
    "entry",
    [
        expect("column_values_to_not_be_null", column="absent"),
        expect("column_values_to_be_between", column="key", min_value=0, max_value=1),
        expect("column_mean_to_be_between", column="key", min_value=0),
    ],
)
def test_an_exception_of_great_expectations_is_an_error_and_not_a_failure(entry):
    (check,) = judge(entry)
    assert check.outcome is CheckOutcome.ERROR
    assert "could not judge it" in check.detail


@pytest.mark.parametrize(
    "entry",
    [
        expect("what_nobody_knows", column="x"),
        expect("column_values_to_not_be_null", colum="x"),
        expect("table_row_count_to_equal", value="three"),
        expect("table_row_count_to_equal", value=3) | {"severity": "fatal"},
        {"type": "expect_table_row_count_to_equal", "kwargs": 3},
        {"kwargs": {"value": 3}},
        "expect_table_row_count_to_equal",
        None,
    ],
)
def test_an_expectation_that_cannot_be_put_is_an_error_and_the_others_are_judged(entry):
    checks = judge(entry, expect("table_row_count_to_equal", value=3))
    assert outcomes(checks) == [CheckOutcome.ERROR, CheckOutcome.PASS]
    assert checks[0].detail


@pytest.mark.parametrize("suite", [{}, {"expectations": []}, {"expectations": None}, {"expectations": "all"}, [], None])
def test_a_suite_that_asks_nothing_is_an_error(suite):
    checks = judge_frame(FRAME, suite, component="features", label="online")
    assert outcomes(checks) == [CheckOutcome.ERROR]


def test_a_suite_file_that_cannot_be_read_is_an_error(tmp_path):
    (tmp_path / "broken.json").write_text('{"expectations": [')
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    for name in ("absent.json", "broken.json", "binary.json"):
        (check,) = judge_file(FRAME, tmp_path / name, component="features", label="online")
        assert check.outcome is CheckOutcome.ERROR
        assert name in check.detail


def test_where_there_was_no_value_to_look_at_nothing_has_passed():
    empty = FRAME.iloc[:0]
    assert not all_passed(judge(expect("column_values_to_not_be_null", column="x"), frame=empty))
    assert not all_passed(judge(expect("column_values_to_be_between", column="none", min_value=0)))
    assert all_passed(judge(expect("table_row_count_to_equal", value=0), frame=empty))


def test_only_critical_expectations_gate():
    missed = expect("table_row_count_to_equal", value=9)
    warned, informed, gated = judge(missed | {"severity": "warning"}, missed | {"severity": "info"}, missed)
    assert [warned.advisory, informed.advisory, gated.advisory] == [True, True, False]
    assert outcomes([warned, informed, gated]) == [CheckOutcome.FAIL] * 3
    assert "severity warning" in warned.detail
    assert all_passed([*judge(expect("table_row_count_to_equal", value=3)), warned, informed])


def test_an_expectation_may_belong_to_another_gate():
    (check,) = judge(expect("table_row_count_to_equal", value=3) | {"meta": {"gate": "freshness"}})
    assert check.gate is Gate.FRESHNESS


def test_judged_frames_are_let_go():
    frame = FRAME.copy()
    watch = weakref.ref(frame)
    judge(expect("table_row_count_to_equal", value=3), frame=frame)
    del frame
    gc.collect()
    assert watch() is None


def test_threads_get_the_answers_to_their_own_frames():
    def rows(count):
        (check,) = judge(expect("table_row_count_to_equal", value=count), frame=pd.DataFrame({"x": range(count)}))
        return check

    with ThreadPoolExecutor(4) as pool:
        checks = list(pool.map(rows, range(1, 13)))
    assert [check.observed for check in checks] == list(range(1, 13))
    assert all_passed(checks)


def test_preloading_starts_no_thread_and_a_forked_child_can_judge():
    program = """if True:
        import os, sys, threading
        from recovery_ops.quality.suites import judge_frame, preload
        preload()
        assert threading.active_count() == 1, threading.enumerate()
        assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
        import pandas as pd
        child = os.fork()
        if not child:
            suite = {"expectations": [{"type": "expect_table_row_count_to_equal", "kwargs": {"value": 2}}]}
            (check,) = judge_frame(pd.DataFrame({"a": [1, 2]}), suite, component="c", label="l")
            os._exit(0 if check.outcome == "pass" else 1)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "Calculating" not in done.stderr


# Suites of the demo


def online(rows=40):
    train, _ = split(load_phishing())
    frame = train.head(rows).drop(columns=LABEL).reset_index(drop=True)
    base = features(rows)
    return frame.assign(entity_id=base["entity_id"], version=1, updated_at=base["updated_at"])


def judge_demo(name, frame):
    return judge_file(frame, SUITES / f"{name}.json", component="c", label=name)


@pytest.mark.parametrize("name", ["features_offline", "features_online", "training_data"])
def test_the_suites_of_the_demo_pass_its_data_and_catch_damage(name):
    good = split(load_phishing())[0] if name == "training_data" else online()
    assert all_passed(judge_demo(name, good))
    poisoned = good.copy()
    poisoned.loc[poisoned.index[:3], "long_url"] = 40.0
    gap = good.copy()
    gap.loc[gap.index[0], "https"] = None
    for damaged in (poisoned, gap, good.iloc[:0], good.drop(columns="https"), good.assign(extra=1)):
        assert not all_passed(judge_demo(name, damaged))


@pytest.mark.parametrize("name", ["features_offline", "features_online"])
def test_an_entity_that_is_there_twice_is_caught(name):
    frame = online()
    assert not all_passed(judge_demo(name, pd.concat([frame, frame.head(1)])))


def test_training_data_of_one_class_is_caught():
    train, _ = split(load_phishing())
    assert not all_passed(judge_demo("training_data", train.assign(**{LABEL: 1})))


def test_the_suites_of_the_demo_name_every_feature():
    for path in SUITES.glob("*.json"):
        named = {entry["kwargs"].get("column") for entry in json.loads(path.read_text())["expectations"]}
        assert set(FEATURES) <= named


# Expectations derived from a manifest

PROFILE = profile_frame(features(), ["entity_id"], "updated_at")


def restored(frame, **facts):
    return judge_against_profile(frame, PROFILE, component="features", label="online", **facts)


def newest(frame, **facts):
    return restored(frame, restored=Restored.NEWEST, tolerance=Tolerance(growing=["version"]), **facts)


def changed(column, value, *rows):
    frame = features()
    frame.loc[list(rows), column] = value
    return frame


def test_the_captured_frame_passes_in_any_order():
    assert broken(restored(features())) == set()
    assert broken(restored(features().sample(frac=1, random_state=1)[features().columns[::-1]])) == set()


def test_the_derived_suite_survives_json():
    suite = json.loads(json.dumps(suite_from_profile(PROFILE)))
    frame = features().assign(updated_at=lambda f: pd.to_datetime(f["updated_at"]))
    assert all_passed(judge_frame(frame, suite, component="features", label="online"))


@pytest.mark.parametrize(
    ("frame", "gate"),
    [
        (features().head(39), Gate.DATA),
        (features(41), Gate.DATA),
        (features().assign(extra=1.0), Gate.DATA),
        (features().drop(columns="https"), Gate.DATA),
        (features().astype({"https": "str"}), Gate.DATA),
        (changed("https", 9.0, 4), Gate.DATA),
        (changed("https", 0.5, 3), Gate.INTEGRITY),
        (changed("https", None, 3), Gate.DATA),
        (changed("entity_id", "page-0001", 2), Gate.DATA),
        (changed("entity_id", "page-9999", 2), Gate.INTEGRITY),
        (changed("updated_at", "2027-01-01T00:00:00+00:00", 2), Gate.FRESHNESS),
        (changed("updated_at", "2026-03-01T10:38:30+00:00", 39), Gate.FRESHNESS),
        (changed("updated_at", "yesterday", 39), Gate.FRESHNESS),
        (features().drop(columns="updated_at"), Gate.FRESHNESS),
        (features().iloc[:0], Gate.DATA),
    ],
)
def test_an_exact_restore_notices_every_damage(frame, gate):
    checks = restored(frame)
    assert not all_passed(checks)
    assert gate in {found for found, _, _ in broken(checks)}


def grown():
    frame = features(44)
    frame.loc[[1, 2], "version"] = [7, 8]
    return frame


def test_a_replica_that_has_gone_on_passes_as_newest_and_not_as_exact():
    assert broken(newest(grown())) == set()
    assert not all_passed(restored(grown()))


@pytest.mark.parametrize(
    "frame",
    [
        features(39),
        grown().assign(https=lambda f: f["https"] * 0.1),
        grown().assign(https=lambda f: f["https"].where(f.index != 3, 40.0)),
        grown().assign(https=0.5),
        grown().assign(version=1),
        grown().assign(https=lambda f: f["https"].where(f.index != 3)),
        grown().assign(updated_at="2026-03-01T10:00:00+00:00"),
        pd.concat([grown(), grown().head(1)]),
    ],
)
def test_a_replica_that_is_no_successor_fails(frame):
    assert not all_passed(newest(frame))


def test_stale_features_fail_freshness_and_nothing_else():
    last = datetime(2026, 3, 1, 10, 39, tzinfo=UTC)
    assert all_passed(newest(features(), fresh_after=last - timedelta(minutes=5)))
    for judged in (newest, restored):
        found = broken(judged(features(), fresh_after=last + timedelta(minutes=5)))
        assert {(gate, outcome) for gate, _, outcome in found} == {(Gate.FRESHNESS, CheckOutcome.FAIL)}


def test_freshness_of_data_without_times_cannot_be_asked_for():
    profile = profile_frame(FRAME, ["key"])
    with pytest.raises(ValueError, match="no timestamp"):
        suite_from_profile(profile, fresh_after=datetime(2026, 1, 1, tzinfo=UTC))


def test_no_thread_is_left_behind():
    assert not [thread for thread in threading.enumerate() if "tqdm" in type(thread).__name__.lower()]
