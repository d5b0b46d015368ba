"""The AWS CLI without its start: a server that has it imported forks for every call of ``aws``.

What runs is ``awscli.clidriver.main`` in a process of its own, with the arguments, the environment, the folder and the
standard streams of the caller. Only the import is shared, and no pause takes longer than ``PAUSE_S``: waiters of the
CLI count the seconds of AWS, which are short in a sandbox.
"""

import gc
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE_S = 0.2
_SHIM = """#!{python} -IS
import os, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
given = [os.getcwd(), str(len(sys.argv)), *sys.argv, *(f"{{name}}={{value}}" for name, value in os.environ.items())]
body = "\\0".join(given).encode(errors="surrogateescape")
socket.send_fds(server, [len(body).to_bytes(4, "big")], [0, 1, 2])
server.sendall(body)
code = server.recv(1)
sys.exit(code[0] if code else "the process of the AWS CLI died")
"""


@contextmanager
def forked_cli(folder: Path) -> Iterator[Path]:
    """Serve the AWS CLI; gives ``folder``, which has its ``aws``. The server ends with the block, or with us."""
    address, shim = folder / "server", folder / "aws"
    shim.write_text(_SHIM.format(python=sys.executable, address=str(address)))
    shim.chmod(0o755)
    with subprocess.Popen(
        [sys.executable, __file__, str(address)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        yield folder  # leaving closes the standard input of the server, which ends it


def serve(address: str) -> None:
    """Fork for every call until standard input is closed."""
    from awscli.clidriver import create_clidriver

    create_clidriver().session.create_client("sts", region_name="us-east-1")  # imports what else a call would import
    pause = time.sleep
    time.sleep = lambda seconds: pause(min(seconds, PAUSE_S))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(16)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while listener in select.select([listener, sys.stdin], [], [])[0]:
        caller, _ = listener.accept()
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            listener.close()
            caller.sendall(bytes([_call(caller) & 0xFF]))
            os._exit(0)
        caller.close()


def _call(caller: socket.socket) -> int:
    """Run one call with what came with it and return its exit code."""
    from awscli import clidriver

    size, files, _, _ = socket.recv_fds(caller, 4, 3)
    with caller.makefile("rb") as body:
        given = body.read(int.from_bytes(size, "big")).decode(errors="surrogateescape").split("\0")
    folder, arguments, variables = given[0], given[2 : 2 + int(given[1])], given[2 + int(given[1]) :]
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    sys.argv = arguments
    data_path = os.environ["AWS_DATA_PATH"]  # the import sets it
    os.environ.clear()
    os.environ.update(dict(variable.split("=", 1) for variable in variables) | {"AWS_DATA_PATH": data_path})
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115 - open as long as we live
    try:
        code = clidriver.main()
    except SystemExit as left:
        code = left.code
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else int(code is not None)


if __name__ == "__main__":
    serve(sys.argv[1])
