# SPDX-License-Identifier: MPL-2.0
"""What effects share: the state before a step, refusals that name what is allowed, sealed texts, places held."""
from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, inspect, select

from jobtrappen.errors import Conflict, Invalid, not_yet
from jobtrappen.lifecycle import Lifecycle
from jobtrappen.tx import SYSTEM, Tx
from jobtrappen_matching.model import Candidate, Held, Match, Opening, OpeningPlace


def previous(thing: Any) -> SimpleNamespace:
    """A lifecycle's aggregate as it was loaded; ask before anything is flushed."""
    state = inspect(thing)
    return SimpleNamespace(**{a.key: (a.history.deleted or [getattr(thing, a.key)])[0] for a in state.attrs})


def conflict(tx: Tx, lifecycle: Lifecycle, before: Any, action: str, detail: str, **extra: Any) -> Conflict:
    """A 409 that names the state before the step and what may be done in it instead."""
    return Conflict(detail, state=before.status, allowed=[a for a in lifecycle.allowed(before, tx.actor) if a != action], **extra)


def system(tx: Tx) -> Tx:
    """The same transaction with the suite as actor, for what follows by itself from a person's command or an event."""
    return replace(tx, actor=replace(SYSTEM, acting_for="" if tx.actor.kind == "system" else tx.actor.id), facts={})


def not_after(day: date, command: dict[str, Any], *names: str) -> None:
    """A yes or a decision cannot be younger than the step that it leads to.

    Raises:
        Invalid: names the field.
    """
    late = [n for n in names if command.get(n) and command[n] > day]
    if late:
        raise Invalid(errors=[{"field": n, "detail": f"lies after {day}, the day on which this step takes effect"} for n in late])


def seal_into(tx: Tx, thing: Any, column: str, words: dict[str, Any]) -> None:
    """Add texts to an aggregate's sealed document; those that are there already are replaced."""
    given = {k: v for k, v in words.items() if v not in (None, "", [])}
    if given:
        setattr(thing, column, tx.runtime.vault.seal_document({**opened(tx, thing, column), **given}, f"{thing.KIND}.{column}"))


def opened(tx: Tx, thing: Any, column: str) -> dict[str, Any]:
    """An aggregate's sealed document; {} while there is none."""
    sealed = getattr(thing, column)
    return tx.runtime.vault.open_document(sealed, f"{thing.KIND}.{column}") if sealed else {}


def active_candidate(tx: Tx, case_id: UUID, what: str) -> Candidate:
    """The case, known here and not with the caseworker again.

    Raises:
        NotYet: never heard of.
        Conflict: returned; the acceptance of a new referral may still be on its way, hence Retry-After.
    """
    candidate = tx.session.get(Candidate, case_id) or not_yet("case")
    if candidate.status == "returned":
        error = Conflict(f"This case went back to the caseworker on {candidate.effective_date}; {what} needs a newly accepted referral.",
                         state="returned", allowed=[])
        error.headers["Retry-After"] = "1"
        raise error
    return candidate


def free_places(tx: Tx, opening_id: UUID, measure: str | None, lock: bool = False) -> int:
    """How many places of an open opening are free for a step; with `lock`, nobody else can take one meanwhile."""
    if measure is None:
        return 0
    place = tx.session.get(OpeningPlace, (opening_id, measure), with_for_update=True if lock else None, populate_existing=lock)
    if place is None or tx.get(Opening, opening_id).status != "open":
        return 0
    held = tx.session.scalar(select(func.count()).select_from(Held).filter_by(opening_id=opening_id, measure=measure)) or 0
    return max(0, place.places - held)


def hold(tx: Tx, match: Match) -> bool:
    """Hold a place of the match's opening for its step. True when it has one afterwards; False: none is free."""
    if tx.session.get(Held, match.id) is not None:
        return True
    if not free_places(tx, match.opening_id, match.measure, lock=True):
        return False
    assert match.measure
    tx.session.get_one(OpeningPlace, (match.opening_id, match.measure)).taken += 1
    tx.add(Held(match_id=match.id, opening_id=match.opening_id, measure=match.measure))
    tx.session.flush()
    return True


def give_back(tx: Tx, match_id: UUID | None) -> None:
    """The place that a match held is free again."""
    if match_id is not None:
        tx.session.flush()
        tx.session.execute(delete(Held).where(Held.match_id == match_id), execution_options={"synchronize_session": "fetch"})
