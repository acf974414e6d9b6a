# SPDX-License-Identifier: MPL-2.0
"""Local copies of persons: what another service's purpose allows, encrypted, so that its work goes on while the owner is
away. A thin `person.changed` wants a copy; the fetcher asks the owner; `person.erased` deletes it for good.
"""
from __future__ import annotations

import threading
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import requests
import structlog
from sqlalchemy import func, or_, select, text, update

from jobtrappen import clock, tables, tracing
from jobtrappen.db import TRANSIENT, reading
from jobtrappen.errors import Unavailable
from jobtrappen.tx import SYSTEM, Tx, transaction

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from jobtrappen.runtime import Runtime

log = structlog.get_logger("jobtrappen.people")
PC = tables.person_copy.c
CHUNK = 50
LONGEST_WAIT = 60.0
"""Seconds between two questions for the same person, however long the owner is away."""
WANT = text(
    "INSERT INTO person_copy (case_id, wanted, version, tries, erased) VALUES (:case_id, :version, 0, 0, 0)"
    " ON CONFLICT (case_id) DO UPDATE SET wanted = CASE WHEN person_copy.wanted < :version THEN :version ELSE person_copy.wanted END,"
    " tries = 0, next_try = NULL"
)


def want(tx: Tx, case_id: str, version: int) -> None:
    """A newer version of this person exists; fetch it soon. An erased person is never fetched again."""
    tx.session.execute(WANT, {"case_id": _stored(tx, case_id), "version": version})


def _stored(tx: Tx, case_id: str | UUID) -> Any:
    """Textual SQL has no types: SQLite keeps UUIDs as 32 hex digits."""
    value = UUID(str(case_id))
    return value if tx.session.get_bind().dialect.name == "postgresql" else value.hex


def forget(tx: Tx, case_id: str) -> None:
    """Delete the copy and remember that there must be none."""
    want(tx, case_id, 1)
    tx.session.execute(update(tables.person_copy).where(PC.case_id == UUID(case_id)).values(sealed=None, erased=1, next_try=None))


def copy_of(session: Session, runtime: Runtime, case_id: UUID) -> dict[str, Any]:
    """The person as this service knows her; {} while no copy has come.

    While a newer version is known of and has not been fetched, she counts as protected: protection may be what changed.
    """
    return copies_of(session, runtime, [case_id]).get(case_id, {})


def copies_of(session: Session, runtime: Runtime, case_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The same of several persons in one question; those without a copy are left out."""
    rows = session.execute(select(PC.case_id, PC.sealed, PC.wanted, PC.version).where(PC.case_id.in_(case_ids), PC.sealed.is_not(None)))
    return {row.case_id: {**runtime.vault.open_document(row.sealed, "person_copy"), **({"protected": True} if row.wanted > row.version else {})} for row in rows}


def overdue(session: Session, case_id: UUID) -> dict[str, Any]:
    """{of: when the copy that is here was fetched, answered: when the owner last answered at all}, where a newer one is wanted and
    has been asked for without an answer; {} where nothing is missing."""
    row = session.execute(select(PC.fetched_at, PC.wanted, PC.version, PC.tries, PC.erased).where(PC.case_id == case_id)).first()
    if row is None or row.erased or row.wanted <= row.version or not row.tries:
        return {}
    return {"of": row.fetched_at, "answered": session.scalar(select(func.max(PC.fetched_at)))}


def wanted(session: Session) -> int:
    """How many copies are older than what is wanted; `settle` waits for 0."""
    return session.scalar(select(func.count()).where(PC.wanted > PC.version, PC.erased == 0)) or 0


class Fetcher:
    """Fetches wanted copies from the owner over its API, beside the consumer."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.http = requests.Session()

    def run(self, stop: threading.Event) -> None:
        """Fetch until `stop`; an owner or database that is away is waited for."""
        while not stop.is_set():
            try:
                if not self.once():
                    stop.wait(0.1)
            except (Unavailable, *TRANSIENT) as error:
                log.warning("fetcher pauses", service=self.runtime.name, kind=error.__class__.__name__)
                stop.wait(1.0)

    def once(self) -> int:
        """Fetch up to fifty wanted copies. What the owner does not give is asked for again later, with back-off.

        Returns: how many were stored.
        """
        with reading(self.runtime.engine) as session:
            rows = session.execute(
                select(PC.case_id).where(PC.wanted > PC.version, PC.erased == 0, or_(
                    PC.next_try.is_(None), PC.next_try <= (now := clock.now()), PC.next_try > now + timedelta(seconds=2 * LONGEST_WAIT)))  # a clock was set back
                .order_by(PC.case_id).limit(CHUNK)).all()
        if not rows:
            return 0
        with tracing.step("fetch persons", "client"):
            people = self._ask([row.case_id for row in rows])
        return sum(self._store(row.case_id, people.get(row.case_id)) for row in rows)

    def _ask(self, ids: list[UUID]) -> dict[UUID, dict[str, Any]]:
        try:
            answer = self.http.get(
                f"{self.runtime.settings.url_of('referral')}/v1/people", timeout=10, params={"ids": ",".join(map(str, ids))}, allow_redirects=False,
                headers={"Authorization": f"Bearer {self.runtime.signer.service(self.runtime.name)}", **tracing.headers()})
            if answer.status_code != 200:  # a redirect leads to no place that the settings name, so it is not followed
                raise ValueError(f"answered {answer.status_code}")
            return {UUID(p["case_id"]): p for p in answer.json()["items"] if isinstance(p["profile_version"], int)}
        except (requests.RequestException, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("owner does not answer", service=self.runtime.name, kind=error.__class__.__name__)
            return {}

    def _store(self, case_id: UUID, person: dict[str, Any] | None) -> bool:
        """One person in a transaction of its own, so that one that cannot be taken does not hold up the others."""
        try:
            with transaction(self.runtime, SYSTEM) as tx:
                return self._take(tx, case_id, person)
        except (Unavailable, *TRANSIENT):
            raise
        except Exception as error:  # what the service does with a copy failed
            log.error("copy could not be taken", service=self.runtime.name, kind=error.__class__.__name__)
        with transaction(self.runtime, SYSTEM) as tx:
            return self._take(tx, case_id, None)

    def _take(self, tx: Tx, case_id: UUID, person: dict[str, Any] | None) -> bool:
        row = tx.session.execute(select(PC.erased, PC.wanted, PC.version, PC.tries).where(PC.case_id == case_id).with_for_update()).one()
        mine = update(tables.person_copy).where(PC.case_id == case_id)
        if row.erased:
            return False
        newer = person is not None and person["profile_version"] > row.version
        if person is not None and newer:
            tx.session.execute(mine.values(version=person["profile_version"], fetched_at=clock.now(), tries=0, next_try=None,
                                           sealed=self.runtime.vault.seal_document(person, "person_copy")))
        if person is None or person["profile_version"] < row.wanted:  # the owner is away, or behind its own event
            wait = min(0.2 * 2 ** min(row.tries, 10), LONGEST_WAIT)
            tx.session.execute(mine.values(tries=row.tries + 1, next_try=clock.now() + timedelta(seconds=wait)))
        if person is not None and newer and self.runtime.service.person_came is not None:
            self.runtime.service.person_came(tx, case_id, person)
        return newer
