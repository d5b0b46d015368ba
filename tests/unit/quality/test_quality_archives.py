"""Model archives: what could write outside its folder or run code is refused before anything loads it."""

import hashlib
import io
import pickle
import tarfile
import zipfile

import pytest
from quality_builders import file, special, tar_of

from recovery_ops.errors import PointDamagedError
from recovery_ops.model.checks import CheckOutcome, Gate, all_passed
from recovery_ops.quality.archives import ArchiveLimits, archive_checks, require_safe_archive

GOOD = tar_of(file("model.onnx", b"\x08\x08 a graph"))


def judge(data, **facts):
    return archive_checks(data, component="registry", label="models/v2", **facts)


def test_a_plain_archive_with_one_model_passes():
    checks = judge(GOOD, sha256=hashlib.sha256(GOOD).hexdigest())
    assert all_passed(checks)
    assert {check.gate for check in checks} == {Gate.INTEGRITY}
    assert len(checks) == 2
    assert all_passed(judge(tar_of(file("model.json", b"{}"), file("code/readme.txt"))))


def test_another_archive_than_recorded_fails():
    checks = judge(GOOD, sha256="0" * 64)
    assert [check.outcome for check in checks] == [CheckOutcome.FAIL, CheckOutcome.PASS]
    assert "instead of 000000000000" in checks[0].detail


def zipped():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("data.pkl", b"x")
    return data.getvalue()


MODEL = file("model.onnx")
HOSTILE = {
    "parent folder": ([MODEL, file("../../etc/cron.d/job")], "leaves the folder"),
    "hidden parent folder": ([MODEL, file("code/../../x")], "leaves the folder"),
    "absolute path": ([MODEL, file("/etc/passwd")], "absolute path"),
    "windows path": ([MODEL, file("C:\\windows\\x")], "absolute path"),
    "unprintable name": ([MODEL, file("a\x1b[2Jb")], "unprintable"),
    "long name": ([MODEL, file("a" * 300)], "longer than"),
    "symbolic link": ([MODEL, special("code", tarfile.SYMTYPE, "/etc")], "is a link"),
    "hard link": ([MODEL, special("x", tarfile.LNKTYPE, "model.onnx")], "is a link"),
    "model is a link": ([special("model.onnx", tarfile.SYMTYPE, "/etc/passwd")], "is a link"),
    "device": ([MODEL, special("null", tarfile.CHRTYPE)], "neither a file nor a folder"),
    "pipe": ([MODEL, special("pipe", tarfile.FIFOTYPE)], "neither a file nor a folder"),
    "pickle by name": ([MODEL, file("model.pkl", b"x")], "pickle"),
    "joblib by name": ([MODEL, file("sub/model.JOBLIB", b"x")], "pickle"),
    "pickle by content": ([MODEL, file("weights.bin", pickle.dumps({"a": 1}))], "pickle"),
    "pickle called onnx": ([file("model.onnx", pickle.dumps([1], protocol=2))], "pickle"),
    "torch archive": ([MODEL, file("weights", zipped())], "pickle"),
    "same name twice": ([MODEL, file("model.onnx", b"other")], "occurs twice"),
    "same name in disguise": ([MODEL, file("./model.onnx", b"other")], "occurs twice"),
    "no model": ([file("readme.txt")], "found neither"),
    "model in a folder": ([file("sub/model.onnx")], "found neither"),
    "two models": ([MODEL, file("model.json", b"{}")], "found model.onnx and model.json"),
    "empty model": ([file("model.onnx", b"")], "is empty"),
    "nothing": ([], "found neither"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_fail_with_their_reason(name):
    members, why = HOSTILE[name]
    (check,) = judge(tar_of(*members))
    assert check.outcome is CheckOutcome.FAIL
    assert why in check.detail


@pytest.mark.parametrize("data", [b"", b"not an archive", GOOD[:40], GOOD[:-6], b"\x1f\x8b" + b"\0" * 50])
def test_what_is_no_archive_fails(data):
    (check,) = judge(data)
    assert check.outcome is CheckOutcome.FAIL
    assert "cannot be read" in check.detail


def test_every_changed_byte_of_the_content_is_noticed_even_without_a_hash():
    big = tar_of(file("model.onnx", bytes(range(1, 128)) * 50))
    for position in range(12, len(big), 7):
        damaged = bytearray(big)
        damaged[position] ^= 0x55
        assert not all_passed(judge(bytes(damaged))), position


def test_data_behind_the_end_of_the_archive_fails():
    (check,) = judge(tar_of(MODEL, tail=b"\0" * 20480 + b"more"))
    assert check.outcome is CheckOutcome.FAIL
    assert "behind the end" in check.detail


@pytest.mark.parametrize(
    ("data", "limits", "why"),
    [
        (GOOD, ArchiveLimits(packed=10), "more than 10"),
        (
            tar_of(file("model.onnx", b"\1" * 3_000_000)),
            ArchiveLimits(unpacked=1_000_000),
            "unpacks to more than 1000000",
        ),
        (tar_of(MODEL, *(file(f"f{n}") for n in range(30))), ArchiveLimits(members=20), "more than 20 members"),
    ],
)
def test_an_archive_beyond_the_limits_is_not_judged_and_that_is_an_error(data, limits, why):
    (check,) = judge(data, limits=limits)
    assert check.outcome is CheckOutcome.ERROR
    assert why in check.detail


def test_requiring_a_safe_archive_raises_with_every_reason():
    require_safe_archive(GOOD, component="registry", label="models/v2")
    with pytest.raises(PointDamagedError, match=r"registry: models/v2 cannot be used: the SHA-256 .*pickle") as caught:
        require_safe_archive(tar_of(MODEL, file("a.pkl")), component="registry", label="models/v2", sha256="ab" * 32)
    assert caught.value.facts["component"] == "registry"
