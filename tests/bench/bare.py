# SPDX-License-Identifier: MPL-2.0
"""What the web bench compares with: bare Flask, a JSON body, one ORM row, one commit. No sign-in, no key, no event."""
from __future__ import annotations

import os
import uuid
from datetime import date

from flask import Flask, request
from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column


class Base(DeclarativeBase):
    pass


class Row(Base):
    """A row as wide as what a referral's sending changes."""

    __tablename__ = "bench_row"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(index=True)
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    effective_date: Mapped[date]
    target_unit: Mapped[str] = mapped_column(String(40))
    purpose: Mapped[str] = mapped_column(String(20))
    legal_basis: Mapped[str] = mapped_column(String(40))


def application() -> Flask:
    """For gunicorn; the database's URL stands in BENCH_DATABASE."""
    app = Flask("bench")
    engine = create_engine(os.environ["BENCH_DATABASE"], pool_size=8)
    Base.metadata.create_all(engine)

    @app.post("/rows")
    def add() -> tuple[dict[str, str], int]:
        given = request.get_json()
        with Session(engine) as session:
            row = Row(id=uuid.uuid4(), case_id=uuid.UUID(given["case_id"]), status="sent", version=1, effective_date=date.today(),
                      target_unit=given["target_unit"], purpose=given["purpose"], legal_basis=given["legal_basis"])
            session.add(row)
            answer = {"id": str(row.id), "status": row.status, "purpose": row.purpose}
            session.commit()
        return answer, 201

    return app
