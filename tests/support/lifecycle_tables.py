# SPDX-License-Identifier: MPL-2.0
"""What every service may do when, as the field's own documents say it: the tests' own list of what is right.

Typed by hand from the lifecycle pages and never read from code, so that a service that changes its tables by mistake is
found out. `to` is a state, "=" (stays where it is) or "before" (back to the state that it came from). `required` names
the fields that must come beside `effective_date`, which every action takes; "a|b+c" means a, or else b and c together.
`event` leaves out the prefix `jobtrappen.` and the version. Two rows may share an action where the role that may take
it depends on the state. What a row cannot say (a deadline, a place still free) stands in GUARDS.
"""
from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

CASEWORKER, CONSULTANT, TEAM_LEAD, PARTNER = "caseworker", "consultant", "team_lead", "partner"
COORDINATOR, ADMINISTRATOR, SYSTEM = "coordinator", "administrator", "system"
HUMAN_ROLES = (CASEWORKER, CONSULTANT, TEAM_LEAD, PARTNER, COORDINATOR, ADMINISTRATOR)  # who can call over HTTP
SAME, BEFORE = "=", "before"

CW = frozenset({CASEWORKER})
JC = frozenset({CONSULTANT, TEAM_LEAD})  # a team lead is also a consultant: F-024
EITHER = CW | JC
PA = frozenset({PARTNER})
SYS = frozenset({SYSTEM})
REQUESTER = EITHER | {COORDINATOR}


@dataclass(frozen=True)
class Row:
    """One action of a lifecycle. `frm` is empty where the action makes the thing."""

    action: str
    frm: frozenset[str]
    to: str
    who: frozenset[str]
    required: tuple[str, ...]
    event: str | None


def _words(text: str) -> frozenset[str]:
    """Names parted by blanks: the tables below read like the pages that they are typed from."""
    return frozenset(text.split())


def _row(action: str, frm: str, to: str, who: frozenset[str], required: str = "", event: str | None = None) -> Row:
    return Row(action, _words(frm), to, who, tuple(required.split()), event)


STATES: dict[str, frozenset[str]] = {
    "referral": _words(
        "draft sent needs_info waitlisted accepted started on_hold completed ended_early declined withdrawn expired"
        " rerouted voided"
    ),
    "intake": _words("booked held missed cancelled"),
    "refusal": _words("offered guided refused acknowledged"),
    "match": _words("proposed presented interested interview offered chosen declined withdrawn"),
    "agreement": _words("draft awaiting_grant granted refused concluded cancelled closed"),
    "placement": _words("planned active paused not_started ended"),
    "partner_request": _words(
        "draft requested acknowledged needs_info offered waitlisted agreed in_delivery delivered confirmed disputed"
        " declined cancelled not_delivered expired voided"
    ),
}

# Where a thing begins when no row makes it: writing the draft is not an action of the table.
STARTS: dict[str, frozenset[str]] = {"referral": frozenset({"draft"}), "partner_request": frozenset({"draft"})}

# Nothing is expected of anybody any more; only a way back or a tombstone leads out.
FINAL: dict[str, frozenset[str]] = {
    "referral": _words("completed ended_early declined withdrawn expired rerouted voided"),
    "intake": _words("held missed cancelled"),
    "refusal": frozenset({"acknowledged"}),
    "match": _words("declined withdrawn"),
    "agreement": _words("cancelled closed"),
    "placement": _words("not_started ended"),
    "partner_request": _words("confirmed declined cancelled not_delivered expired voided"),
}

_CLOSED_REFERRAL = "completed ended_early declined withdrawn expired rerouted"

REFERRAL: tuple[Row, ...] = (
    _row("send", "draft", "sent", CW, "target_unit purpose legal_basis", "referral.sent"),
    _row("claim", "sent", SAME, JC, "", "referral.claimed"),
    _row("request_info", "sent waitlisted accepted", "needs_info", JC, "question", "referral.info_requested"),
    _row("give_info", "needs_info", BEFORE, CW, "answer", "referral.info_given"),
    _row("accept", "sent waitlisted", "accepted", JC, "responsible planned_start", "referral.accepted"),
    _row("waitlist", "sent", "waitlisted", JC, "expected_date", "referral.waitlisted"),
    _row("decline", "sent needs_info waitlisted", "declined", JC, "reason_code", "referral.declined"),
    _row("reroute", "sent needs_info waitlisted declined expired", "rerouted", EITHER, "target_unit reason",
         "referral.rerouted"),
    _row("start", "accepted", "started", JC, "", "referral.started"),
    _row("hold", "accepted started", "on_hold", JC, "reason_code resume_date", "referral.held"),
    _row("resume", "on_hold", BEFORE, JC, "", "referral.resumed"),
    _row("complete", "accepted started on_hold", "completed", JC, "outcome_code", "referral.completed"),
    _row("end_early", "accepted started on_hold", "ended_early", EITHER, "reason_code outcome_code",
         "referral.ended_early"),
    _row("withdraw", "sent needs_info waitlisted", "withdrawn", CW, "reason_code", "referral.withdrawn"),
    _row("expire", "sent needs_info waitlisted", "expired", SYS, "policy", "referral.expired"),
    _row("undo", "accepted declined completed ended_early", BEFORE, EITHER, "", "referral.reverted"),
    _row("acknowledge_outcome", _CLOSED_REFERRAL, SAME, CW, "", "referral.loop_closed"),
    _row("void", "draft sent needs_info waitlisted accepted started on_hold " + _CLOSED_REFERRAL, "voided",
         frozenset({ADMINISTRATOR, TEAM_LEAD}), "reason", "referral.voided"),
)

INTAKE: tuple[Row, ...] = (
    _row("book", "", "booked", EITHER, "scheduled_at place form participants", "intake.booked"),
    _row("move", "booked", SAME, EITHER, "scheduled_at reason", "intake.moved"),
    _row("hold", "booked", "held", JC, "attended wishes competences barriers", "intake.held"),
    _row("no_show", "booked", "missed", JC, "tried", "intake.missed"),
    _row("cancel", "booked", "cancelled", EITHER, "reason_code by", "intake.cancelled"),
    _row("confirm_minutes", "held", SAME, EITHER),
    _row("dissent", "held", SAME, EITHER, "words"),
)

REFUSAL: tuple[Row, ...] = (
    _row("offer", "", "offered", JC, "what offered_by"),
    _row("guide", "offered", "guided", EITHER, "guided_on"),
    _row("refuse", "guided", "refused", EITHER, "words"),
    _row("acknowledge", "refused", "acknowledged", CW),
)

_OPEN_MATCH = "proposed presented interested interview offered"

MATCH: tuple[Row, ...] = (
    _row("propose", "", "proposed", JC | SYS, "opening_id reason", "match.proposed"),
    _row("present", "proposed", "presented", JC, "citizen_yes_on presentation_id", "match.presented"),
    _row("interest", "presented", "interested", JC, "employer_contact", "match.interested"),
    _row("book_interview", "presented interested", "interview", JC, "scheduled_at place companions",
         "interview.booked"),
    _row("hold_interview", "interview", SAME, JC, "attended citizen_feedback employer_feedback", "interview.held"),
    _row("offer", "presented interested interview", "offered", JC, "step wished_start", "match.offered"),
    _row("choose", _OPEN_MATCH, "chosen", JC, "citizen_yes_on employer_yes_on reason_code", "match.chosen"),
    _row("decline", _OPEN_MATCH, "declined", EITHER, "by reason_code", "match.declined"),
    _row("withdraw", _OPEN_MATCH + " chosen", "withdrawn", EITHER | SYS, "by reason", "match.withdrawn"),
    _row("reopen", "declined withdrawn", BEFORE, JC, "reason", "match.reopened"),
)

AGREEMENT: tuple[Row, ...] = (
    _row("draft", "", "draft", JC, "match_id|case_id+workplace_id"),
    _row("request_grant", "draft refused", "awaiting_grant", JC,
         "step starts_on ends_on weekly_hours purpose long_term_goal responsibilities prospect",
         "agreement.grant_requested"),
    _row("grant", "awaiting_grant", "granted", CW | PA, "decided_on basis", "agreement.granted"),
    _row("refuse_grant", "awaiting_grant", "refused", CW | PA, "reason what_would_help", "agreement.grant_refused"),
    _row("conclude", "draft granted", "concluded", JC, "citizen_yes_on employer_yes_on", "agreement.concluded"),
    _row("change", "concluded", SAME, JC, "kind reason citizen_statement", "agreement.changed"),
    _row("cancel", "draft awaiting_grant granted refused concluded", "cancelled", EITHER, "by reason",
         "agreement.cancelled"),
    _row("close", "concluded", "closed", SYS, "", "agreement.closed"),
)

PLACEMENT: tuple[Row, ...] = (
    _row("plan", "", "planned", SYS),
    _row("start", "planned", "active", JC, "", "placement.started"),
    _row("absent_first_day", "planned", SAME, JC, "rung said next_action next_due"),
    _row("not_started", "planned", "not_started", JC, "by reason", "placement.not_started"),
    _row("extend", "active", SAME, SYS, "", "placement.extended"),
    _row("shorten", "active", SAME, SYS, "", "placement.shortened"),
    _row("adjust", "active", SAME, SYS, "", "placement.changed"),
    _row("pause", "active", "paused", JC, "reason expected_on", "placement.paused"),
    _row("resume", "paused", "active", JC, "", "placement.resumed"),
    _row("end", "active paused", "ended", JC, "how", "placement.ended"),
)

PARTNER_REQUEST: tuple[Row, ...] = (
    # from `offered` it is the requester's counter: the same request again, with other terms
    _row("request", "draft offered", "requested", REQUESTER, "", "partner_request.requested"),
    _row("acknowledge", "requested", "acknowledged", PA, "", "partner_request.acknowledged"),
    _row("request_info", "requested acknowledged", "needs_info", PA, "question", "partner_request.info_requested"),
    _row("give_info", "needs_info", BEFORE, REQUESTER, "answer", "partner_request.info_given"),
    _row("offer", "requested acknowledged waitlisted", "offered", PA, "valid_until", "partner_request.offered"),
    _row("waitlist", "requested acknowledged", "waitlisted", PA, "expected_date", "partner_request.waitlisted"),
    # a partner may say yes at once; what a partner has offered only the requester can say yes to
    _row("agree", "requested acknowledged waitlisted", "agreed", PA, "", "partner_request.agreed"),
    _row("agree", "offered", "agreed", REQUESTER, "", "partner_request.agreed"),
    _row("start", "agreed disputed", "in_delivery", PA, "", "partner_request.started"),
    _row("progress", "in_delivery", SAME, PA, "", "partner_request.progress_reported"),
    _row("deliver", "agreed in_delivery disputed", "delivered", PA, "output", "partner_request.delivered"),
    _row("confirm", "delivered disputed", "confirmed", REQUESTER | SYS, "", "partner_request.confirmed"),
    _row("dispute", "delivered", "disputed", REQUESTER, "reason", "partner_request.disputed"),
    _row("decline", "requested acknowledged waitlisted", "declined", PA, "reason_code", "partner_request.declined"),
    _row("cancel", "requested acknowledged needs_info offered waitlisted agreed in_delivery", "cancelled", REQUESTER,
         "reason_code", "partner_request.cancelled"),
    _row("not_deliver", "agreed in_delivery disputed", "not_delivered", PA, "reason_code",
         "partner_request.not_delivered"),
    _row("expire", "requested acknowledged needs_info offered waitlisted", "expired", SYS, "",
         "partner_request.expired"),
    _row("void", "draft requested acknowledged needs_info offered waitlisted agreed in_delivery delivered confirmed"
         " disputed declined cancelled not_delivered expired", "voided", frozenset({ADMINISTRATOR}), "reason",
         "partner_request.voided"),
)

# A union's or an association's request is answered, not delivered over time: the answer may follow the receipt.
PARTNER_ANSWER: tuple[Row, ...] = tuple(
    replace(row, frm=row.frm | {"acknowledged"}) if row.action == "deliver" else row for row in PARTNER_REQUEST
)

TABLES: dict[str, tuple[Row, ...]] = {
    "referral": REFERRAL, "intake": INTAKE, "refusal": REFUSAL, "match": MATCH, "agreement": AGREEMENT,
    "placement": PLACEMENT, "partner_request": PARTNER_REQUEST,
}

# What must hold beside state and role for the row's "ok": a test that walks the rows arranges it first.
GUARDS: dict[tuple[str, str], str] = {
    ("referral", "send"): "the target has not said no_capacity, or an override reason is given; one open referral for"
                          " each person, purpose and target",
    ("referral", "claim"): "the referral was sent to a pool and nobody has claimed it",
    ("referral", "reroute"): "a receiver: delegation is allowed and the legal basis covers the new target; a new"
                             " referral is sent and says referral.sent",
    ("referral", "undo"): "by the unit that did it, at most 24 hours ago, and nothing depends on it",
    ("referral", "void"): "a second person agrees once the referral has been started",
    ("intake", "confirm_minutes"): "the actor took part in the talk",
    ("intake", "dissent"): "the actor took part in the talk",
    ("match", "propose"): "`reason` is for one made by hand; a run names itself instead",
    ("match", "choose"): "the opening has a free place for its step",
    ("match", "withdraw"): "from chosen only before its agreement is concluded",
    ("match", "reopen"): "the place is still free and at most 14 days have passed",
    ("agreement", "request_grant"): "`prospect` for internship and wage subsidy only, and never none",
    ("agreement", "grant"): "the role is the approver of the dated rule: caseworker, or partner for another authority",
    ("agreement", "refuse_grant"): "the role is the approver of the dated rule, as for grant",
    ("agreement", "conclude"): "from draft only where the dated rule asks for no grant",
    ("agreement", "change"): "a new grant where the dated rule asks for one",
    ("agreement", "cancel"): "the placement has not started",
    ("placement", "start"): "no other placement at the same workplace in the same days, and weekly hours within the"
                            " dated limit",
    ("partner_request", "expire"): "from offered only after valid_until",
    ("partner_request", "confirm"): "the system: ten business days after the delivery",
}


def states_of(table: Iterable[Row]) -> tuple[str, ...]:
    """Every state that the rows name, sorted."""
    rows = tuple(table)
    return tuple(sorted({s for row in rows for s in (*row.frm, row.to)} - {SAME, BEFORE}))


def triples(table: Iterable[Row], roles: Iterable[str]) -> Iterator[tuple[str | None, str, str, str | int]]:
    """Every (state, action, role, expected), expected being "ok", 403 or 409.

    A role that the action does not list at all is 403 in every state. A role that it lists is 409 in a state that none
    of its rows starts from. An action that makes the thing comes once for each role, with the state None.
    """
    rows, roles = tuple(table), tuple(roles)
    for action in dict.fromkeys(row.action for row in rows):
        mine = [row for row in rows if row.action == action]
        states = states_of(rows) if any(row.frm for row in mine) else (None,)
        for state in states:
            for role in roles:
                listed = [row for row in mine if role in row.who]
                if not listed:
                    yield state, action, role, 403
                elif state is None or any(state in row.frm for row in listed):
                    yield state, action, role, "ok"
                else:
                    yield state, action, role, 409
