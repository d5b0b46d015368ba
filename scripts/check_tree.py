"""Check what no linter looks at: addresses, machine paths, lock files and the twins among the DAG files.

Prints one line per problem as ``file:line: what`` and ends with 1 when there is any.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

# Written so that none of these patterns matches its own source text.
REGISTRY_HOST = re.compile(r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org")
MACHINE_PATH = re.compile(r"/(?:work|farm|root)/|/tmp/(?:lab)|/opt/(?:wheels|pypi)")
ADDRESS = re.compile(r"://|\bfile:|--(?:extra-)?index-url|--find-links|\s@\s")


def tracked_files(root: Path) -> list[Path]:
    """Return the files below ``root`` that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    names = sorted(name for name in set(listing.stdout.decode().split("\0")) if name)
    return [root / name for name in names if (root / name).is_file()]


def lines_of(file: Path) -> list[str]:
    """Return the lines of ``file``, none when it is not text."""
    content = file.read_bytes()
    return [] if b"\0" in content else content.decode(errors="replace").splitlines()


def problems_of(file: Path) -> Iterator[tuple[int, str]]:
    """Yield line number and problem for everything in ``file`` that must not stand in the tree."""
    lock = file.suffix == ".lock"
    for number, line in enumerate(lines_of(file), start=1):
        if host := REGISTRY_HOST.search(line):
            yield number, f"a registry host: {host.group()}"
        if lock and ADDRESS.search(line):
            yield number, "an address in a lock file; it holds names, versions and hashes only"
        if not lock and (path := MACHINE_PATH.search(line)):
            yield number, f"a path of one machine: {path.group()}"


def dag_twins(root: Path) -> Iterator[str]:
    """Yield a problem for each DAG file of a system that differs from the first one; only their names may differ."""
    files = sorted(file for file in (root / "dags").glob("*.py") if file.with_suffix(".yaml").exists())
    for file in files[1:]:
        if file.read_bytes() != files[0].read_bytes():
            yield f"dags/{file.name}:1: differs from dags/{files[0].name}; put what is special into the catalog"


def check(root: Path) -> list[str]:
    """Return every problem of the tree at ``root``."""
    located = [
        f"{file.relative_to(root).as_posix()}:{number}: {problem}"
        for file in tracked_files(root)
        for number, problem in problems_of(file)
    ]
    return located + list(dag_twins(root))


def main() -> int:
    """Print all problems; return the exit code."""
    problems = check(Path(__file__).resolve().parent.parent)
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"check_tree: {len(problems)} problem(s)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
