# SPDX-License-Identifier: MPL-2.0
"""A copy of one service's database as it stood at one moment, taken while the service runs, with a manifest beside it.

SQLite: its own backup API, one step and so one moment. PostgreSQL: `pg_dump -Fc` in the snapshot in which the rows are
counted. A backup holds persons (CPR numbers and names encrypted, the rest as it is): keep it as you keep the database,
and apart from the keys. Nothing secret is on a command line or in the manifest.
"""
from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, inspect, select, text

from jobtrappen import clock, migrate, tables
from jobtrappen.db import reading
from jobtrappen.errors import JobtrappenError
from jobtrappen.runtime import Runtime

Progress = Callable[[str, int, int], None]
"""(what is done, how much of it, of how much)"""
FORMAT = 1
CHUNK = 1 << 20
ASIDE = "before_restore"
"""The PostgreSQL schema in which the old tables stand until a restore is whole."""


class BackupFailed(JobtrappenError):
    """It could not be made or must not be restored; says why and what to do. Nothing was changed."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself, in `<file>.json`; restore holds the file against it before anything is touched."""

    service: str
    database: str
    """sqlite or postgresql"""
    head: str
    epoch: int
    at: str
    bytes: int
    sha256: str
    rows: dict[str, int]
    format: int = FORMAT

    @classmethod
    def read(cls, file: Path) -> Manifest:
        """
        Raises:
            BackupFailed: it is missing or not a manifest of this format.
        """
        path = manifest_of(file)
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            made = cls(**document)
        except FileNotFoundError:
            raise BackupFailed(f"{path} is missing. A backup is two files, the copy and its manifest; bring both.") from None
        except (OSError, ValueError, TypeError) as error:
            raise BackupFailed(f"{path} is not the manifest of a backup ({error.__class__.__name__}).") from None
        if made.format != FORMAT:
            raise BackupFailed(f"{path} has format {made.format}, this version reads {FORMAT}. Restore with the version that made it.")
        return made


def manifest_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def backup(runtime: Runtime, file: Path, progress: Progress = lambda *_: None) -> Manifest:
    """Copy the service's database into `file`, and write the manifest beside it; both readable by the owner alone.

    Raises:
        BackupFailed: the file is there already, the database cannot be read, or PostgreSQL's own tools are missing.
    """
    if file.exists() or manifest_of(file).exists():
        raise BackupFailed(f"{file} is there already; name a new file, or move the old backup away.")
    if not file.absolute().parent.is_dir():
        raise BackupFailed(f"{file.absolute().parent} is no folder; make it first.")
    kind = runtime.engine.dialect.name
    draft = file.with_name(f".{file.name}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        rows, head, epoch = (_copy_sqlite if kind == "sqlite" else _dump_postgres)(runtime, draft, progress)
        manifest = Manifest(runtime.name, kind, head, epoch, clock.now().isoformat(timespec="seconds"), draft.stat().st_size,
                            digest(draft, progress), rows)
        sync(draft)
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
    # The manifest comes last: a copy without one is a backup that was not finished, and restore refuses it.
    with os.fdopen(os.open(manifest_of(file), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as made:
        json.dump(asdict(manifest), made, indent=1)
    sync(manifest_of(file))
    sync(file.absolute().parent)
    return manifest


def facts(connection: Connection, runtime: Runtime) -> tuple[dict[str, int], str, int]:
    """({table: rows}, migration head, epoch) as this connection's transaction sees them."""
    names = sorted(inspect(connection).get_table_names())
    version = f"alembic_version_{runtime.name}"
    if version not in names:
        raise BackupFailed(f"This is no database of {runtime.name}: it has no table {version}. Run `jobtrappen migrate {runtime.name}` first.")
    quoted = connection.dialect.identifier_preparer.quote
    rows = {name: int(connection.scalar(text(f"SELECT count(*) FROM {quoted(name)}")) or 0) for name in names}
    return rows, str(connection.scalar(text(f"SELECT version_num FROM {version}"))), epoch_of(connection)


def epoch_of(connection: Connection) -> int:
    return int(connection.scalar(select(tables.meta.c.value).where(tables.meta.c.name == "epoch")) or 1)


def _copy_sqlite(runtime: Runtime, draft: Path, progress: Progress) -> tuple[dict[str, int], str, int]:
    from jobtrappen.db import engine_for

    source = Path(str(runtime.engine.url.database))
    if not source.exists():
        raise BackupFailed(f"{source} is not there; nothing was ever migrated into it.")
    progress("copying", 0, source.stat().st_size)
    with closing(sqlite3.connect(source, timeout=30)) as live, closing(sqlite3.connect(draft)) as copy:
        live.backup(copy, pages=-1)  # in steps it would begin anew whenever somebody writes
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    progress("copying", draft.stat().st_size, draft.stat().st_size)
    engine = engine_for(f"sqlite:///{draft}")
    try:
        with engine.connect() as connection:
            found = facts(connection, runtime)
    finally:
        engine.dispose()
        one_file(draft)
    return found


def one_file(path: Path) -> None:
    """Fold SQLite's write-ahead log into its file.

    Raises:
        sqlite3.OperationalError: somebody else has it open.
    """
    with closing(sqlite3.connect(path, timeout=2)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE").fetchall()


def _dump_postgres(runtime: Runtime, draft: Path, progress: Progress) -> tuple[dict[str, int], str, int]:
    with reading(runtime.engine) as session:
        connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        snapshot = connection.scalar(text("SELECT pg_export_snapshot()"))
        size = int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
        found = facts(connection, runtime)
        progress("dumping", 0, size)
        postgres_tool(runtime, "pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--exclude-schema={ASIDE}", f"--snapshot={snapshot}", f"--file={draft}")
        progress("dumping", size, size)
    return found


def postgres_tool(runtime: Runtime, name: str, *arguments: str, connect: bool = True) -> str:
    """Run pg_dump or pg_restore against the service's database. The password travels in the environment.

    Returns: what it printed.
    Raises:
        BackupFailed: the tool is missing, older than the server, or fails; with its own first words.
    """
    from psycopg.conninfo import make_conninfo  # the driver is an extra; whoever comes here has it

    binary = _binary(name)
    url = runtime.engine.url
    given = {"host": url.host, "port": url.port, "user": url.username, "dbname": url.database, **{k: v for k, v in url.query.items() if k != "password"}}
    said = subprocess.run([binary, "--version"], capture_output=True, text=True).stdout
    with reading(runtime.engine) as session:
        server = int(session.scalar(text("SELECT current_setting('server_version_num')::int")) or 0) // 10_000
    found = re.search(r"(\d+)(?:\.\d+)*", said)
    if found is None or int(found[1]) < server:
        raise BackupFailed(f"{binary} is of version {found[1] if found else 'unknown'}, the server of {server}. Install PostgreSQL's client tools {server} "
                           f"(Debian: postgresql-client-{server}).")
    environment = {**os.environ, **({"PGPASSWORD": str(url.password)} if url.password else {})}
    target = [f"--dbname={make_conninfo('', **given)}"] if connect else []  # type: ignore[arg-type]
    done = subprocess.run([binary, "--no-password", *target, *arguments], capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise BackupFailed(f"{name}: {(done.stderr.strip().splitlines() or ['failed without a word'])[0]}")
    return done.stdout


def _binary(name: str) -> str:
    """The newest one of this machine, wherever the distribution keeps it."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    one = str(found[-1]) if found else shutil.which(name)
    if one is None:
        raise BackupFailed(f"{name} is not installed here. Install PostgreSQL's client tools (Debian: apt-get install postgresql-client), not older than the server.")
    return one


def digest(file: Path, progress: Progress = lambda *_: None) -> str:
    """SHA-256 of a file, as hex."""
    sha, size, done = hashlib.sha256(), file.stat().st_size, 0
    with open(file, "rb") as source:
        while chunk := source.read(CHUNK):
            sha.update(chunk)
            done += len(chunk)
            progress("checking", done, size)
    return sha.hexdigest()


def sync(path: Path) -> None:
    """Make a file's content, or a folder's names, outlive a loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def checked(runtime: Runtime, file: Path, progress: Progress = lambda *_: None) -> tuple[Manifest, bool]:
    """The manifest of a backup that may be restored into this service, and whether it needs `migrate` afterwards.

    Raises:
        BackupFailed: another service's or database's, changed or truncated, or of a newer schema.
    """
    manifest = Manifest.read(file)
    if manifest.service != runtime.name:
        raise BackupFailed(f"{file} is a backup of {manifest.service}, not of {runtime.name}. Restore it with `jobtrappen restore {manifest.service}`.")
    if manifest.database != runtime.engine.dialect.name:
        raise BackupFailed(f"{file} is of {manifest.database}, JOBTRAPPEN_DATABASE names {runtime.engine.dialect.name}. A backup goes back into the kind it came from.")
    if not file.exists():
        raise BackupFailed(f"{file} is missing, only its manifest is there.")
    if (size := file.stat().st_size) != manifest.bytes:
        raise BackupFailed(f"{file} has {size} bytes, its manifest says {manifest.bytes}: it is cut short or another file. Take another backup.")
    if digest(file, progress) != manifest.sha256:
        raise BackupFailed(f"{file} is not what was backed up: its SHA-256 is another. Take another backup.")
    known = migrate.revisions(str(runtime.service.migrations))
    if manifest.head not in known:
        raise BackupFailed(f"{file} is at revision {manifest.head}, which this version does not know: it was made by a newer one. Restore with that version.")
    return manifest, manifest.head != known[0]


def count_of(connection: Connection, table: Any) -> int:
    return int(connection.scalar(select(func.count()).select_from(table)) or 0)
