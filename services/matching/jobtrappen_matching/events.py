# SPDX-License-Identifier: MPL-2.0
"""What this service says beside the events of its lifecycles: openings, keyed by the employer and public."""
from __future__ import annotations

from sqlalchemy import select

from jobtrappen.tx import Tx
from jobtrappen_matching.model import Opening, OpeningPlace


def opening(tx: Tx, name: str, opening: Opening) -> str:
    """`opening.published`, `.changed` or `.closed`; titles and tasks stay here.

    Returns: the event's id.
    """
    rows = tx.session.scalars(select(OpeningPlace).filter_by(opening_id=opening.id).order_by(OpeningPlace.measure)).all()
    return tx.say(name, key=opening.employer_id, subject=f"opening/{opening.id}", subject_version=opening.version, time=opening.effective_date, data={
        "opening_id": opening.id, "employer_id": opening.employer_id, "workplace_id": opening.workplace_id, "opening_source": opening.opening_source,
        "measures": [p.measure for p in rows if p.places], "places": sum(p.places for p in rows), "until": opening.until})
