"""Promises of PostgreSQL from the wheel."""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from recovery_ops.errors import SettingsError
from recovery_ops.record import places
from recovery_ops.record.embedded import EmbeddedPostgres, embedded_postgres, stop_embedded

pytestmark = pytest.mark.postgres
MODES = {name: Path("/" + name).stat().st_mode for name in ("", "tmp", "root") if Path("/" + name).exists()}
ACCOUNTS = {entry.pw_name for entry in pwd.getpwall()}


def ask(url: str, question: str) -> object:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return connection.execute(text(question)).scalar()
    finally:
        engine.dispose()


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_the_url_connects_with_either_driver(postgres: EmbeddedPostgres, driver: str) -> None:
    assert ask(postgres.url_of("recovery_ops", driver), "SELECT current_database()") == "recovery_ops"


def test_the_url_holds_no_percent_sign_for_an_ordinary_path(postgres: EmbeddedPostgres) -> None:
    assert "%" not in postgres.url


def test_another_process_can_use_the_url(postgres: EmbeddedPostgres) -> None:
    code = f"import sqlalchemy as s; print(s.create_engine({postgres.url!r}).connect().scalar(s.text('SELECT 42')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "42"


def test_databases_are_created_once(postgres: EmbeddedPostgres) -> None:
    postgres.create_database("airflow")
    postgres.create_database("airflow")
    assert ask(postgres.url_of("airflow"), "SELECT current_database()") == "airflow"


def test_starting_again_finds_the_server_that_runs(postgres: EmbeddedPostgres, open_folder: Path) -> None:
    before = ask(postgres.url, "SELECT pg_postmaster_start_time()")
    again = embedded_postgres(open_folder / "postgres")
    assert (again.home, again.sockets) == (postgres.home, postgres.sockets)
    assert ask(postgres.url, "SELECT pg_postmaster_start_time()") == before


def test_it_listens_on_no_port(postgres: EmbeddedPostgres) -> None:
    assert ask(postgres.url, "SHOW listen_addresses") == ""


def test_nobody_else_can_enter_its_directories(postgres: EmbeddedPostgres) -> None:
    assert {folder.stat().st_mode & 0o777 for folder in (postgres.home, postgres.sockets)} == {0o700}


def test_data_outlive_a_stop_and_a_start_that_was_killed_leaves_nothing_half_done(open_folder: Path) -> None:
    place = open_folder / "other place, with 'quotes'"
    (place / "new").mkdir(parents=True)
    (place / "new" / "PG_VERSION").write_text("18")
    server = embedded_postgres(place, durable=False)
    try:
        assert place.stat().st_mode & 0o777 == 0o700
        server.create_database("kept")
        assert stop_embedded(place)
        assert not stop_embedded(place)
        server = embedded_postgres(place, durable=False)
        assert ask(server.url_of("kept"), "SELECT 1") == 1
    finally:
        server.stop()
        shutil.rmtree(server.sockets)


def test_stopping_where_nothing_was_started_does_nothing(open_folder: Path) -> None:
    assert not stop_embedded(open_folder / "nothing")


def test_no_directory_is_opened_and_no_account_added(postgres: EmbeddedPostgres) -> None:
    """What the wheel's own start-up does as root: open everything above its files, and add the account ``pgserver``."""
    owner = pwd.getpwuid(postgres.home.stat().st_uid)
    assert owner.pw_uid == os.geteuid() if os.geteuid() else owner.pw_name in ("nobody", "postgres")
    assert {name: Path("/" + name).stat().st_mode for name in MODES} == MODES
    assert {entry.pw_name for entry in pwd.getpwall()} == ACCOUNTS


def test_it_starts_below_a_closed_directory_which_stays_closed(open_folder: Path) -> None:
    """For root the files then lie elsewhere, where the account of the server can get to."""
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    server = embedded_postgres(closed / "postgres", durable=False)
    try:
        assert server.home.is_relative_to(closed) == (os.geteuid() != 0)
        assert ask(server.url, "SELECT 1") == 1
        assert closed.stat().st_mode & 0o777 == 0o700
    finally:
        stopped = stop_embedded(closed / "postgres")
        shutil.rmtree(server.home)
        (server.home.parent / f".{server.home.name}.lock").unlink()
    assert stopped


def test_a_directory_that_somebody_else_has_put_there_is_refused(open_folder: Path) -> None:
    link, real = open_folder / "link", open_folder / "real"
    real.mkdir()
    link.symlink_to(real)
    with pytest.raises(SettingsError, match="somebody else"):
        places.prepare(link, places.server_account())
    if os.geteuid() == 0:
        os.chown(real, 4321, 4321)
        with pytest.raises(SettingsError, match="uid 4321"):
            embedded_postgres(real)


def test_programs_that_the_account_cannot_reach_are_copied_once(open_folder: Path) -> None:
    closed = open_folder / "closed programs"
    closed.mkdir(mode=0o700)
    source = closed / "install"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "postgres").write_text("program")
    target = open_folder / "copy"
    places._copy(source, target)
    assert (target / "bin" / "postgres").read_text() == "program"
    assert target.stat().st_mode & 0o777 == 0o755


def test_a_server_that_was_killed_starts_again_although_nobody_has_taken_note_of_its_death(open_folder: Path) -> None:
    """PostgreSQL takes a process that is dead and not yet waited for by its parent, here us, for a server that runs."""
    place = open_folder / "killed"
    with parent_of_orphans():
        server = embedded_postgres(place, durable=False)
        try:
            server.create_database("kept")
            pid = int((server.home / "data" / "postmaster.pid").read_text().split()[0])
            os.kill(pid, signal.SIGKILL)
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            assert not stop_embedded(place), "a dead server was stopped"
            parent = threading.Timer(0.5, os.waitpid, (pid, 0))
            parent.start()
            server = embedded_postgres(place, durable=False)
            assert ask(server.url_of("kept"), "SELECT 1") == 1
            parent.join()
        finally:
            server.stop()


@contextmanager
def parent_of_orphans() -> Iterator[None]:
    """Be the parent of what our children leave behind, as the first process of the machine is otherwise."""
    set_child_subreaper, libc = 36, ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(set_child_subreaper, 1, 0, 0, 0) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        libc.prctl(set_child_subreaper, 0, 0, 0, 0)
