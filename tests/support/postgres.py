# SPDX-License-Identifier: MPL-2.0
"""A private PostgreSQL on the loopback from the system's own binaries, with fsync on."""
from __future__ import annotations

import atexit
import grp
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.process import Missing, free_ports, tail, wait_until

REMEDY = "Install it (Debian: apt-get install postgresql); a running server is not needed."


class PostgresServer:
    def __init__(self, folder: Path, binaries: Path) -> None:
        self._folder, self._binaries = folder, binaries
        self._port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)

    @classmethod
    def start(cls, folder: Path | None = None, *, wal_megabytes: int = 16) -> PostgresServer:
        """Make a cluster in a temporary folder (or the empty one given), start it and wait. `wal_megabytes`: the size of one
        file of its log, for a disk that is small. Raises Missing without PostgreSQL's binaries."""
        binaries = _binaries()
        folder = folder or Path(tempfile.mkdtemp(prefix="jobtrappen-postgres-"))
        if os.geteuid() == 0:
            shutil.chown(folder, *_other_user())
        server = cls(folder, binaries)
        made = subprocess.run(
            [*_not_root(), str(binaries / "initdb"), "-D", str(folder / "data"), "-U", "postgres", "--auth=trust",
             "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", f"--wal-segsize={wal_megabytes}"], capture_output=True, text=True, cwd="/")
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stdout}{made.stderr}")
        server.restart()
        return server

    def url(self, database: str) -> str:
        """For SQLAlchemy."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self._port}/{database}"

    def create_database(self, name: str) -> str:
        """An empty database; returns its URL."""
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def connections(self, databases: Sequence[str]) -> int:
        """How many are open to these databases, whoever holds them."""
        with psycopg.connect(self._dsn(), autocommit=True) as connection:
            [(found,)] = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(%s)", (list(databases),))
        return int(found)

    def kill(self) -> None:
        """SIGKILL the postmaster; its children see that and end."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def restart(self) -> None:
        """Start on the old data and port; after a kill PostgreSQL replays its log first."""
        # It refuses to start until the last child of a killed postmaster is gone.
        wait_until(self._started, 60, "PostgreSQL")

    def stop(self) -> None:
        """End the server and delete its data."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": it does not wait for clients to leave
            self._process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def _started(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            log = self._folder / "log"
            with open(log, "ab") as file:
                self._process = subprocess.Popen(
                    [*_not_root(), str(self._binaries / "postgres"), "-D", str(self._folder / "data"),
                     "-p", str(self._port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                     "-c", "fsync=on", "-c", "max_connections=200"],
                    stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd="/")
        wait_until(lambda: self._answers() or self._process.poll() is not None, 60,  # type: ignore[union-attr]
                   f"PostgreSQL: {tail(self._folder / 'log')}")
        return self._process.poll() is None

    def _answers(self) -> bool:
        try:
            psycopg.connect(self._dsn(), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _dsn(self) -> str:
        return f"host=127.0.0.1 port={self._port} user=postgres dbname=postgres"


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
    on_path = shutil.which("postgres")
    if not found and not on_path:
        raise Missing(f"PostgreSQL is not installed. {REMEDY}")
    return found[-1] if found else Path(str(on_path)).resolve().parent


def _not_root() -> list[str]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise Missing("PostgreSQL does not run as root, and setpriv (Debian: util-linux) is not there to change that.")
    user, group = _other_user()
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--"]


def _other_user() -> tuple[str, str]:
    for name in ("postgres", "nobody"):
        try:
            return name, grp.getgrgid(pwd.getpwnam(name).pw_gid).gr_name
        except KeyError:
            continue
    raise Missing("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")
