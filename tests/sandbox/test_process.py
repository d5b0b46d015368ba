"""The sandbox as a process: it answers when it says so, and nothing of it is left behind."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sandbox_clients import HOME, Aws, eventually

from recovery_ops.errors import RequestError
from recovery_ops.sandbox import process
from recovery_ops.sandbox.process import running_sandbox

pytestmark = pytest.mark.sandbox


def runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_ends_with_the_block_that_started_it_and_takes_no_settings_of_its_surroundings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    log = tmp_path / "requests.jsonl"
    with running_sandbox(tmp_path, regions=(HOME,), factor=0.5, request_log=log) as sandbox:
        monkeypatch.undo()
        status = sandbox.control.status()
        assert (status["regions"], status["factor"], status["pid"]) == ([HOME], 0.5, sandbox.pid)
        assert set(sandbox.front_doors) == {HOME}
        assert process.find(tmp_path / "sandbox.json") == sandbox
        Aws(sandbox.base_url).bucket()
    assert not runs(sandbox.pid)
    process.stop(sandbox)
    with pytest.raises(RequestError, match="no sandbox answers"):
        sandbox.control.status()
    operations = [json.loads(line)["operation"] for line in log.read_text().splitlines()]
    assert operations == ["CreateBucket", "PutBucketVersioning"]


def test_it_listens_where_it_is_told_and_nowhere_else(tmp_path: Path) -> None:
    running = process.start(tmp_path, host="127.0.0.2", regions=(HOME,), parent_pid=os.getpid())
    try:
        doors = [running.base_url, *running.front_doors.values()]
        assert {urlsplit(url).hostname for url in doors} == {"127.0.0.2"}
        for url in doors:
            port = int(urlsplit(url).port or 0)
            socket.create_connection(("127.0.0.2", port), 5).close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), 5)
    finally:
        process.stop(running)
    with pytest.raises(RequestError, match=r"--host nowhere\.invalid"):
        process.start(tmp_path, host="nowhere.invalid", regions=(HOME,))


def test_it_ends_with_its_parent_and_leaves_when_it_is_asked_to(tmp_path: Path) -> None:
    start = f"process.start(Path({str(tmp_path)!r}), regions=('us-east-1',), parent_pid=os.getpid())"
    lines = ["import os", "from pathlib import Path", "from recovery_ops.sandbox import process"]
    script = "\n".join([*lines, f"print({start}.pid, flush=True)", "os.kill(os.getpid(), 9)"])
    died = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, check=False, timeout=60)
    orphan = int(died.stdout)
    eventually(lambda: not runs(orphan))
    free = process.start(tmp_path, regions=(HOME,))
    assert free.control.shutdown() == {"stopping": True}
    process.stop(free)
    assert not runs(free.pid)


def test_one_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"ended with 2 before it answered[\s\S]*there is no .*absent"):
        process.start(tmp_path, regions=(HOME,), restore=tmp_path / "absent")
    with pytest.raises(RequestError, match="there is no"):
        process.find(tmp_path / "sandbox.json")
