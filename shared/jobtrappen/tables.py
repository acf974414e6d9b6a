# SPDX-License-Identifier: MPL-2.0
"""The tables that every service has beside its own; `add_to(metadata)` puts them into a service's migrations.

They are Core tables, because outbox rows must be inserted after the aggregate is flushed, and SQLAlchemy's own flush
order is the other way round.
"""
from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from jobtrappen.db import NAMING, Moment

KIT = MetaData(naming_convention=NAMING)
Serial = BigInteger().with_variant(Integer, "sqlite")
"""An ever rising integer key on both databases."""

stream = Table(  # one row for each (topic, key); its row lock makes outbox order the commit order
    "stream", KIT, Column("topic", String(80), primary_key=True), Column("key", String(80), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
)
outbox = Table(
    "outbox", KIT, Column("id", Serial, primary_key=True, autoincrement=True), Column("event_id", String(36), nullable=False),
    Column("topic", String(80), nullable=False), Column("key", String(80), nullable=False),
    Column("seq", BigInteger, nullable=False), Column("type", String(120), nullable=False),
    Column("payload", Text, nullable=False), Column("recorded_at", Moment, nullable=False), Column("published_at", Moment),
    UniqueConstraint("topic", "key", "seq"), UniqueConstraint("event_id", "topic"),
    Index("ix_outbox_unpublished", "id", postgresql_where=text("published_at IS NULL"), sqlite_where=text("published_at IS NULL")),
)
position = Table(
    "position", KIT, Column("consumer", String(80), primary_key=True), Column("topic", String(80), primary_key=True),
    Column("partition", Integer, primary_key=True), Column("next_offset", BigInteger, nullable=False),
)
cursor = Table(  # the inbox: the last event of each key that was applied or given up
    "cursor", KIT, Column("consumer", String(80), primary_key=True), Column("topic", String(80), primary_key=True),
    Column("key", String(80), primary_key=True), Column("epoch", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
)
kept = Table(  # records that could not be applied, in order; state: waiting, parked, behind (an earlier one) or dropped
    "kept", KIT, Column("id", Serial, primary_key=True, autoincrement=True), Column("consumer", String(80), nullable=False),
    Column("topic", String(80), nullable=False), Column("key", String(80), nullable=False), Column("type", String(120), nullable=False),
    Column("event_id", String(36), nullable=False), Column("value", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False), Column("reason", String(300), nullable=False),
    Column("attempts", Integer, nullable=False), Column("since", Moment, nullable=False),
    Index("ix_kept_queue", "consumer", "topic", "key", "id"),
)
dead_letter = Table(
    "dead_letter", KIT, Column("id", Serial, primary_key=True, autoincrement=True), Column("consumer", String(80), nullable=False),
    Column("topic", String(80), nullable=False), Column("partition", Integer, nullable=False),
    Column("record_offset", BigInteger, nullable=False), Column("key", LargeBinary), Column("value", LargeBinary),
    Column("reason", String(300), nullable=False), Column("at", Moment, nullable=False),
    UniqueConstraint("consumer", "topic", "partition", "record_offset"),
)
answer = Table(  # what an Idempotency-Key was answered with, sealed
    "answer", KIT, Column("principal", String(80), primary_key=True), Column("route", String(160), primary_key=True),
    Column("key", String(80), primary_key=True), Column("body_hash", String(64), nullable=False),
    Column("status", Integer), Column("etag", String(40)), Column("location", String(300)), Column("body", LargeBinary),
    Column("at", Moment, nullable=False),
)
transition = Table(  # append-only; the source of every report
    "transition", KIT, Column("id", Serial, primary_key=True, autoincrement=True), Column("lifecycle", String(40), nullable=False),
    Column("subject_id", Uuid, nullable=False), Column("case_id", Uuid), Column("action", String(40), nullable=False),
    Column("from_state", String(40)), Column("to_state", String(40), nullable=False), Column("version", Integer, nullable=False),
    Column("actor", String(80), nullable=False), Column("role", String(40), nullable=False), Column("unit", String(80), nullable=False),
    Column("acting_for", String(80)), Column("said_by", String(20)), Column("reason_code", String(60)), Column("sealed", Text),
    Column("effective_date", Date, nullable=False), Column("recorded_at", Moment, nullable=False),
    Column("event_id", String(36)),
    UniqueConstraint("subject_id", "version", "action"), Index("ix_transition_report", "lifecycle", "effective_date"),
    Index("ix_transition_case", "case_id"),
)
audit = Table(  # ids only; chained and sealed afterwards by the relay's leader
    "audit", KIT, Column("id", Serial, primary_key=True, autoincrement=True), Column("at", Moment, nullable=False),
    Column("actor", String(80), nullable=False), Column("role", String(40), nullable=False), Column("unit", String(80), nullable=False),
    Column("acting_for", String(80)), Column("action", String(80), nullable=False), Column("subject", String(80), nullable=False),
    Column("subject_id", String(80), nullable=False), Column("case_id", Uuid), Column("purpose", String(40), nullable=False),
    Column("request_id", String(80), nullable=False), Column("chain_no", BigInteger), Column("chain_hash", String(64)),
    Index("ix_audit_case", "case_id"),
    Index("ix_audit_unsealed", "id", postgresql_where=text("chain_no IS NULL"), sqlite_where=text("chain_no IS NULL")),
)
person_copy = Table(  # another service's person, the fields that this service's purpose allows, encrypted
    "person_copy", KIT, Column("case_id", Uuid, primary_key=True), Column("wanted", Integer, nullable=False),
    Column("version", Integer, nullable=False), Column("sealed", Text), Column("fetched_at", Moment),
    Column("tries", Integer, nullable=False), Column("next_try", Moment), Column("erased", Integer, nullable=False),
    Index("ix_person_copy_wanted", "case_id", postgresql_where=text("wanted > version AND erased = 0"),
          sqlite_where=text("wanted > version AND erased = 0")),
)
credential = Table(  # keys of partners and integrators; the secret itself is shown once and never kept
    "credential", KIT, Column("id", Uuid, primary_key=True), Column("prefix", String(16), nullable=False, unique=True),
    Column("hash", String(64), nullable=False), Column("kind", String(20), nullable=False), Column("owner", String(80), nullable=False),
    Column("scopes", String(400), nullable=False), Column("created_at", Moment, nullable=False),
    Column("expires_on", Date), Column("revoked_at", Moment),
    Column("hash_key", String(40)),  # which secret made the hash; empty in rows from before secrets could be changed
    Column("last_used_at", Moment),
)
heartbeat = Table(
    "heartbeat", KIT, Column("role", String(40), primary_key=True), Column("member", String(120), primary_key=True),
    Column("at", Moment, nullable=False), Column("state", String(200), nullable=False),
)
measure = Table(  # what relays and consumers have counted, for /metrics: they have no HTTP of their own
    "measure", KIT, Column("name", String(40), primary_key=True), Column("label", String(120), primary_key=True),
    Column("value", Double, nullable=False),
)
rate = Table(  # how much of a limit somebody has used: the moment (microseconds) at which the bucket is empty again
    "rate", KIT, Column("name", String(120), primary_key=True), Column("due", BigInteger, nullable=False),
)
ended_session = Table(  # browsers that signed out before their session's time was over
    "ended_session", KIT, Column("id", String(36), primary_key=True), Column("until", Moment, nullable=False),
)
draft = Table(  # what somebody typed into a form and has not sent yet, sealed
    "draft", KIT, Column("principal", String(80), primary_key=True), Column("form", String(200), primary_key=True),
    Column("sealed", Text, nullable=False), Column("at", Moment, nullable=False),
)
meta = Table("meta", KIT, Column("name", String(40), primary_key=True), Column("value", String(200), nullable=False))


def add_to(metadata: MetaData) -> None:
    """Copy the kit's tables into a service's metadata, for its migrations and `alembic check`."""
    for table in KIT.sorted_tables:
        table.to_metadata(metadata)
