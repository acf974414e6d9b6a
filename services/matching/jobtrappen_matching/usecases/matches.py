# SPDX-License-Identifier: MPL-2.0
"""A case and an opening may fit."""
from __future__ import annotations

from typing import Any

from jobtrappen.errors import Conflict, Invalid
from jobtrappen.tx import Tx
from jobtrappen_matching.effects.common import active_candidate
from jobtrappen_matching.effects.matches import steps_of
from jobtrappen_matching.model import MATCH, OPEN_MATCH, Match, Opening


def propose(tx: Tx, command: dict[str, Any]) -> Match:
    """Propose an opening for a case, by hand and with a reason.

    Raises:
        NotYet: the case is not known here.
        Conflict: it was returned, the opening is closed or over, or this pair is open already.
    """
    candidate = active_candidate(tx, command["case_id"], "a match")
    opening = tx.get(Opening, command["opening_id"], lock=True)
    day = command.get("effective_date") or tx.today
    if opening.status != "open" or (opening.until is not None and opening.until < day):
        raise Conflict("This opening takes nobody on that day any more; find another one.", state=opening.status, allowed=[])
    same = [m for m in tx.all(Match, case_id=candidate.id, opening_id=opening.id) if m.status in (*OPEN_MATCH, "chosen")]
    if same:
        raise Conflict(f"This case and opening are a match already, {same[0].status}.", match_id=str(same[0].id), allowed=[])
    steps = steps_of(tx, opening.id)
    measure = command.get("measure")
    if measure is not None and measure not in steps:
        raise Invalid("measure", f"is not among this opening's steps: {', '.join(steps)}")
    if measure is None:
        measure = steps[0] if len(steps) == 1 else candidate.start_step if candidate.start_step in steps else None
    match = Match(case_id=candidate.id, workplace_id=opening.workplace_id, employer_id=opening.employer_id, interpreter=False)
    return MATCH.create(tx, match, "propose", {**command, "measure": measure})
