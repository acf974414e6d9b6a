# SPDX-License-Identifier: MPL-2.0
"""What an agreement's steps do: the dated rules, who decides, versions of the terms, the place held or given back."""
from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from jobtrappen.errors import Forbidden, Invalid
from jobtrappen.roles import CASEWORKER
from jobtrappen.rules import rule
from jobtrappen.tx import Tx
from jobtrappen_matching import terms
from jobtrappen_matching.codes import WITH_PROSPECT
from jobtrappen_matching.effects.common import (
    active_candidate,
    conflict,
    give_back,
    not_after,
    opened,
    previous,
    seal_into,
)
from jobtrappen_matching.model import AGREEMENT, Agreement, Held, Workplace

TEXTS = ("purpose", "long_term_goal", "responsibilities", "learning_goals", "collective_agreement", "wage", "mentor", "tasks", "grant_basis")
FIXED_BY_GRANT = ("measure", "starts_on", "ends_on", "weekly_hours", "prospect")
TO_CONCLUDE = ("measure", "starts_on", "weekly_hours", "purpose", "long_term_goal")
DECIDERS = {"municipality": "a caseworker of the municipality", "other_authority": "another authority, which answers as a partner"}
CHANGES = {"extend": "ends_on", "shorten": "ends_on", "hours": "weekly_hours", "tasks": "tasks", "workplace": "workplace_id", "mentor": "mentor"}


def _take_texts(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> dict[str, Any]:
    """Keep the command's texts and give all that the agreement now has."""
    seal_into(tx, agreement, "terms_sealed", {k: command.get(k) for k in TEXTS})
    return opened(tx, agreement, "terms_sealed")


def _as_held(tx: Tx, agreement: Agreement, field: str) -> None:
    """The step of an agreement is the one for which its match holds a place."""
    held = tx.session.get(Held, agreement.match_id) if agreement.match_id else None
    if held is not None and agreement.measure not in (None, held.measure):
        raise Invalid(field, f"is {agreement.measure}, but the place is held for {held.measure}; withdraw the match, or keep its step")


@AGREEMENT.does("draft")
def draft(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    _as_held(tx, agreement, "measure")
    terms.in_order(agreement)
    terms.prospect(agreement.measure, command)
    _take_texts(tx, agreement, command)


@AGREEMENT.does("request_grant")
def request_grant(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    """Ask the authority that the dated rule names, with terms that the rules allow."""
    before = previous(agreement)
    agreement.measure = command["step"]
    active_candidate(tx, agreement.case_id, "asking for a grant")
    decided = terms.approver(tx, agreement)
    if decided.value == "none":
        raise Invalid("step", f"{agreement.measure} needs no grant ({decided.source}); conclude the agreement directly")
    _as_held(tx, agreement, "step")
    terms.prospect(agreement.measure, command)
    terms.check(tx, agreement)
    _within_quota(tx, agreement, before)
    agreement.approver, agreement.granted_on = decided.value, None
    _take_texts(tx, agreement, command)


def hours_by_grant(tx: Tx, workplace_id: Any, on: Any, but: Any = None) -> int:
    """Weekly hours of those who are, or are to be, at a workplace by a granted measure on a day."""
    a = Agreement
    return tx.session.scalar(select(func.coalesce(func.sum(a.weekly_hours), 0)).where(
        a.workplace_id == workplace_id, a.measure.in_(WITH_PROSPECT), a.status.in_(("awaiting_grant", "granted", "concluded")),
        a.starts_on <= on, a.ends_on.is_(None) | (a.ends_on >= on), a.id != but if but else a.id.is_not(None))) or 0


def _within_quota(tx: Tx, agreement: Agreement, before: Any) -> None:
    """So many full-time persons with a granted measure a workplace of this size may have; its row is the lock."""
    place = tx.get(Workplace, agreement.workplace_id, lock=True)
    assert agreement.starts_on and agreement.measure and agreement.weekly_hours is not None
    used = hours_by_grant(tx, place.id, agreement.starts_on, but=agreement.id)
    if terms.hours_short(place.headcount, used, agreement.weekly_hours, agreement.measure, agreement.starts_on):
        found = rule("places_quota", agreement.starts_on)
        raise conflict(tx, AGREEMENT, before, "request_grant", f"The workplace's {place.headcount} employees allow no more persons with a granted measure "
                                                               f"on {agreement.starts_on} ({found.source if found else ''}). Choose a later start or another workplace.")


def _decides(tx: Tx, agreement: Agreement) -> None:
    """The approver of the dated rule decides, nobody else; a consultant never does (F-001, F-123)."""
    if tx.actor.kind == "system" or (agreement.approver == "municipality") == (tx.actor.role == CASEWORKER):
        return
    raise Forbidden(f"This grant is decided by {DECIDERS.get(agreement.approver or '', 'nobody')}.", approver=agreement.approver, allowed=[])


@AGREEMENT.does("grant")
def grant(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    _decides(tx, agreement)
    not_after(agreement.effective_date, command, "decided_on")
    agreement.granted_on = command["decided_on"]
    seal_into(tx, agreement, "terms_sealed", {"grant_basis": command["basis"]})


@AGREEMENT.does("refuse_grant")
def refuse_grant(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    _decides(tx, agreement)
    not_after(agreement.effective_date, command, "decided_on")
    seal_into(tx, agreement, "terms_sealed", {"refused_because": command["reason"], "what_would_help": command["what_would_help"]})


@AGREEMENT.does("conclude")
def conclude(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    """Both sides' yes; from a draft only where the dated rule asks for no grant, with terms that are whole (F-084)."""
    before = previous(agreement)
    not_after(agreement.effective_date, command, "citizen_yes_on", "employer_yes_on")
    if before.status == "granted":
        changed = [n for n in FIXED_BY_GRANT if getattr(agreement, n) != getattr(before, n)]
        if changed:
            raise Invalid(errors=[{"field": n, "detail": f"was granted as {getattr(before, n)}; leave it out, or cancel and ask anew"} for n in changed])
        _take_texts(tx, agreement, command)
    else:
        words = _take_texts(tx, agreement, command)
        missing = [n for n in TO_CONCLUDE if (words.get(n) if n in TEXTS else getattr(agreement, n)) in (None, "")]
        if missing:
            raise Invalid(errors=[{"field": n, "detail": "is needed to conclude; give it here or in the draft"} for n in missing])
        _as_held(tx, agreement, "measure")
        decided = terms.approver(tx, agreement)
        if decided.value != "none":
            raise conflict(tx, AGREEMENT, before, "conclude", f"{agreement.measure} needs a grant by {DECIDERS[decided.value]} first ({decided.source}); request it.")
        terms.prospect(agreement.measure, {"prospect": agreement.prospect, **words})
        terms.check(tx, agreement)
        agreement.approver = "none"


@AGREEMENT.does("change")
def change(tx: Tx, agreement: Agreement, command: dict[str, Any]) -> None:
    """The terms' next version: one kind of change at a time, with its reason and the citizen's statement."""
    before, kind = previous(agreement), command["kind"]
    decided_on = command.get("decided_on") or agreement.effective_date
    not_after(agreement.effective_date, command, "decided_on", "granted_on")
    needed = CHANGES[kind]
    strange = [n for n in set(CHANGES.values()) if n != needed and command.get(n) is not None]
    if command.get(needed) is None or strange:
        raise Invalid(errors=[{"field": n, "detail": f"is not part of {kind}; make a change of its own"} for n in sorted(strange)]
                      or [{"field": needed, "detail": f"is needed to {kind}"}])
    if kind == "extend":
        _extend(agreement, before, command)
    if kind == "shorten" and before.ends_on is not None and command["ends_on"] >= before.ends_on:
        raise Invalid("ends_on", f"is not before {before.ends_on}; to go on longer, extend")
    terms.in_order(agreement)
    if kind == "hours":
        terms.hours(tx, agreement, decided_on)
    if kind == "workplace":
        with tx.session.no_autoflush:  # an unknown workplace is a 404, not a broken foreign key
            agreement.employer_id = tx.get(Workplace, command["workplace_id"]).employer_id
    agreement.agreement_version += 1
    _take_texts(tx, agreement, command)
    tx.facts = {"change_kind": kind, "decided_on": decided_on}


def _extend(agreement: Agreement, before: Any, command: dict[str, Any]) -> None:
    """To a later day; a measure that was granted needs a new grant, which the rules give in special cases (F-126)."""
    if before.ends_on is None:
        raise Invalid("ends_on", "cannot be extended: this agreement has no end")
    if command["ends_on"] <= before.ends_on:
        raise Invalid("ends_on", f"is not after {before.ends_on}; to end earlier, shorten")
    missing = [n for n in ("granted_on", "grant_basis") if agreement.approver != "none" and not command.get(n)]
    if missing:
        raise Invalid(errors=[{"field": n, "detail": f"is needed: a longer {agreement.measure} has a grant of its own"} for n in missing])


@AGREEMENT.does("cancel")
def cancel(tx: Tx, agreement: Agreement, _command: dict[str, Any]) -> None:
    """Before the start only; afterwards the placement ends instead. The place is free again."""
    before = previous(agreement)
    if agreement.started_on is not None:
        raise conflict(tx, AGREEMENT, before, "cancel", f"The placement started on {agreement.started_on}; end the placement instead.")
    give_back(tx, agreement.match_id)


@AGREEMENT.does("close")
def close(tx: Tx, agreement: Agreement, _command: dict[str, Any]) -> None:
    give_back(tx, agreement.match_id)
