# SPDX-License-Identifier: MPL-2.0
"""A repeated command is answered, not done again.

The claim is the first statement of the command's transaction. A twin waits on the unique index (PostgreSQL) or on
BEGIN IMMEDIATE (SQLite) until the winner has committed, and then reads its answer. A command that fails rolls its claim
back, so only 2xx answers are ever stored; they are sealed, because an answer may hold a person.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy import bindparam, select, text

from jobtrappen import clock, tables, trips
from jobtrappen.errors import Invalid, Precondition
from jobtrappen.tx import Tx

KEY = re.compile(r"[\x21-\x7e]{1,80}")
CLAIM = text(
    "INSERT INTO answer (principal, route, key, body_hash, at) VALUES (:principal, :route, :key, :body_hash, :at)"
    " ON CONFLICT (principal, route, key) DO NOTHING RETURNING key"
).bindparams(bindparam("at", type_=tables.answer.c.at.type))
KEEP = text("UPDATE answer SET status = :status, etag = :etag, location = :location, body = :body"
            " WHERE principal = :principal AND route = :route AND key = :key")


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored 2xx answer."""

    status: int
    etag: str | None
    location: str | None
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    principal: str
    route: str
    key: str


def key_from(header: str | None) -> str:
    """The Idempotency-Key header, checked.

    Raises:
        Precondition: 400, missing or malformed.
    """
    if header is None or not KEY.fullmatch(header):
        raise Precondition(400, "Idempotency-Key", "Send 1 to 80 visible ASCII characters, a new UUID for each new command, "
                                                   "and the same one when you repeat it.")
    return header


def claim(tx: Tx, principal: str, route: str, key: str, body: bytes) -> Claim | Answer:
    """Take the key for this transaction, or read what it was answered before.

    Args:
        route: the full path, so that the same key may be used on another thing.
        body: the raw request body.
    Raises:
        Invalid: the key was used with another body.
    """
    body_hash = tx.runtime.vault.body_hash(body)
    [won] = trips.ask(tx.session, (CLAIM, {"principal": principal, "route": route, "key": key, "body_hash": body_hash, "at": clock.now()}))
    if won:
        return Claim(principal, route, key)
    a = tables.answer.c
    row = tx.session.execute(select(a.body_hash, a.status, a.etag, a.location, a.body).where(
        a.principal == principal, a.route == route, a.key == key)).one()
    if row.body_hash != body_hash and not tx.runtime.vault.same_body(row.body_hash, body):
        raise Invalid("Idempotency-Key", "was used with another body. Take a new key for a new command.")
    return Answer(row.status, row.etag, row.location, tx.runtime.vault.open_answer(row.body))


def keep(tx: Tx, claimed: Claim, answer: Answer) -> None:
    """Store the answer in the command's own transaction."""
    trips.at_the_end(tx.session, KEEP, [{
        "principal": claimed.principal, "route": claimed.route, "key": claimed.key, "status": answer.status, "etag": answer.etag,
        "location": answer.location, "body": tx.runtime.vault.seal_answer(answer.body)}])
