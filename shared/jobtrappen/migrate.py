# SPDX-License-Identifier: MPL-2.0
"""Schema migrations by alembic, one history for each service, the same on both databases. Only `migrate` runs them. Two
that migrate at once wait for each other.

Migrations expand: they add what older code does not miss. So processes of the release before go on beside a database that
is ahead of them; `migrate` writes down since which revision that holds. A revision that takes something away names, as
`contracts = "0.1.0"`, the release that had the last use of it, and from then on code without that revision is refused.
"""
from __future__ import annotations

import fcntl
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alembic import command, context
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, select, text

from jobtrappen import tables
from jobtrappen.db import Moment, reading
from jobtrappen.errors import WrongSchema

if TYPE_CHECKING:
    from jobtrappen.runtime import Runtime, Service

LOCK = 7_031_971
SINCE = text("INSERT INTO meta (name, value) VALUES ('compatible_from', :value) ON CONFLICT (name) DO UPDATE SET value = :value")


def config(service: Service, connection: Connection | None = None) -> Config:
    """alembic's configuration for a service; nothing is read from an ini file."""
    made = Config(stdout=io.StringIO())
    made.set_main_option("script_location", str(service.migrations).replace("%", "%%"))
    made.attributes.update(connection=connection, service=service)
    return made


def run_env() -> None:
    """What every service's migrations/env.py does: migrate on the connection that it is given."""
    given = context.config.attributes
    service = given["service"]
    context.configure(connection=given["connection"], target_metadata=service.metadata, version_table=f"alembic_version_{service.name}",
                      render_as_batch=True, compare_type=True, render_item=_render)
    with context.begin_transaction():
        context.run_migrations()


def _render(kind: str, thing: Any, _context: Any) -> Any:
    """Migrations stand alone: the house's own column types are written as plain ones."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(thing, Moment) else False


@lru_cache
def head(location: str, name: str) -> str | None:
    """The newest revision in a migrations folder."""
    made = Config()
    made.set_main_option("script_location", location.replace("%", "%%"))
    return ScriptDirectory.from_config(made).get_current_head()


@lru_cache
def revisions(location: str) -> tuple[str, ...]:
    """Every revision that this code knows, newest first."""
    made = Config()
    made.set_main_option("script_location", location.replace("%", "%%"))
    return tuple(script.revision for script in ScriptDirectory.from_config(made).walk_revisions())


def compatible_from(location: str) -> str:
    """The oldest revision whose code can work on this code's head: the newest that contracts, else the first of all."""
    made = Config()
    made.set_main_option("script_location", location.replace("%", "%%"))
    found = ""
    for script in ScriptDirectory.from_config(made).walk_revisions():
        found = script.revision
        if getattr(script.module, "contracts", ""):
            break
    return found


def upgrade(runtime: Runtime) -> str | None:
    """Bring the database to this code's head, under a lock.

    Returns: the head.
    Raises:
        WrongSchema: a newer version has migrated it already.
    """
    if runtime.engine.dialect.name == "sqlite":
        Path(str(runtime.engine.url.database)).parent.mkdir(parents=True, exist_ok=True)
    location = str(runtime.service.migrations)
    with _locked(runtime) as connection:
        if (found := _revision(connection, runtime.name)) and found not in revisions(location):
            raise WrongSchema(f"{runtime.name}'s database is at revision {found}, which a newer version made; run that version's `jobtrappen migrate {runtime.name}`.")
        command.upgrade(config(runtime.service, connection), "head")
        connection.execute(SINCE, {"value": compatible_from(location)})
    return head(str(runtime.service.migrations), runtime.name)


@contextmanager
def _locked(runtime: Runtime) -> Iterator[Connection]:
    if runtime.engine.dialect.name == "sqlite":
        with open(f"{runtime.engine.url.database}.migrate.lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with runtime.engine.execution_options(write=True).begin() as connection:
                yield connection
    else:
        with runtime.engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": LOCK})
            yield connection


def _revision(connection: Connection, name: str) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": f"alembic_version_{name}"}).get_current_revision()


def require_head(runtime: Runtime) -> None:
    """The database is at this code's head, or ahead of it by revisions that only expand.

    Raises:
        WrongSchema: the database is at another revision; names the command that mends it.
    """
    known = revisions(str(runtime.service.migrations))
    with reading(runtime.engine) as session:
        found = _revision(session.connection(), runtime.name)
        ahead = found is not None and found not in known
        since = session.scalar(select(tables.meta.c.value).where(tables.meta.c.name == "compatible_from")) if ahead else None
    if found == known[0] or since in known:
        return
    if ahead:
        raise WrongSchema(f"{runtime.name}'s database is at revision {found}, which this version does not know and whose changes it cannot live with. "
                          f"Start the version that made them; this one's last revision is {known[0]}.")
    raise WrongSchema(f"{runtime.name}'s database is at revision {found or 'none'}, this code needs {known[0]}. Run `jobtrappen migrate {runtime.name}`.")


def make(service: Service, message: str, number: str) -> None:
    """For developers: write the next revision from the difference between head and the tables."""
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        made = config(service, connection)
        command.upgrade(made, "head")
        command.revision(made, message, autogenerate=True, rev_id=number)


def drift(runtime: Runtime) -> list[Any]:
    """What `alembic check` would add or change; [] when migrations and tables agree."""
    with runtime.engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"version_table": f"alembic_version_{runtime.name}", "compare_type": True})
        return list(compare_metadata(found, runtime.service.metadata))


if __name__ == "__main__":
    from jobtrappen import plugins

    make(plugins.services()[sys.argv[1]], sys.argv[2], sys.argv[3])
