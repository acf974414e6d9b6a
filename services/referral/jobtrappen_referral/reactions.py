# SPDX-License-Identifier: MPL-2.0
"""What this service does when others speak: it keeps what its own tables and the timeline of a case need."""
from __future__ import annotations

from datetime import date
from uuid import UUID

from jobtrappen import heard
from jobtrappen.consumer import Reactions
from jobtrappen.errors import not_yet
from jobtrappen.event import Event
from jobtrappen.tx import Tx
from jobtrappen_referral.model import HEARD, HeardPlacement

REACTIONS = Reactions()


@REACTIONS.on("placement.started")
def placement_started(tx: Tx, event: Event) -> None:
    """Table 4 counts youths by the leisure jobs that followup registered."""
    id = UUID(event.data["placement_id"])
    if tx.session.get(HeardPlacement, id) is None:
        tx.add(HeardPlacement(id=id, case_id=UUID(event.key), measure=event.data["measure"], started_on=date.fromisoformat(event.day)))


@REACTIONS.on("placement.ended")
def placement_ended(tx: Tx, event: Event) -> None:
    placement = tx.session.get(HeardPlacement, UUID(event.data["placement_id"])) or not_yet("placement")
    placement.ended_on = date.fromisoformat(event.day)


TOLD = heard.listen(REACTIONS, HEARD, "referral")
"""Everything that others tell of a case stands on its timeline."""
