# SPDX-License-Identifier: MPL-2.0
"""Every event of the suite: who says it, what it carries, and what of it integrators may read.

A break is a new major beside the old one; within a major only optional fields are added. Fields mean what
vocabulary.py says. Events of a citizen are keyed by case_id, those of an employer or partner by that id.
"""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contract:
    """One event type and major version. `public` is the allow-list of its copy on jobtrappen.public; () is none."""

    by: str
    data: tuple[str, ...]
    says: str
    optional: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    version: int = 1


def _c(by: str, data: str, says: str, optional: str = "", public: str = "") -> Contract:
    needed = tuple(dict.fromkeys(data.split()))
    return Contract(by, needed, says, tuple(field for field in optional.split() if field not in needed), tuple(public.split()))


def _lifecycle(by: str, ids: str, optional: str, says: dict[str, str], extra: dict[str, str] | None = None,
               public: dict[str, str] | None = None) -> dict[str, Contract]:
    """The events of one lifecycle share their ids and states; `extra` adds required fields to single ones."""
    return {
        name: _c(by, f"{ids} status_to {(extra or {}).get(name, '')}", text, f"status_from {optional}", (public or {}).get(name, ""))
        for name, text in says.items()
    }


CASE = {
    "case.opened": _c("referral", "case_id track origin kind", "A citizen's case opens.", "", "case_id track"),
    "person.changed": _c("referral", "case_id profile_version", "What is known of the person changed; fetch it if your purpose allows."),
    "person.erased": _c("referral", "case_id", "The person was erased; local copies go."),
    "household.linked": _c("referral", "case_id household_id", "The case belongs to a household."),
    "assessment.confirmed": _c("referral", "case_id assessment_id start_step profile_version", "A person confirmed the start step."),
    "case.returned": _c("referral", "case_id return_id return_class", "The case went back to the caseworker.", "", "case_id return_class"),
}

REFERRAL = _lifecycle(
    "referral", "case_id referral_id", "track from_unit target_unit source purpose legal_basis public_reason outcome_code by",
    {"referral.sent": "A referral waits for the receiver's answer.", "referral.claimed": "A unit took a referral from the pool.",
     "referral.info_requested": "The receiver asks the sender.", "referral.info_given": "The sender answered.",
     "referral.accepted": "The receiver took the citizen on.", "referral.waitlisted": "The receiver has no place yet.",
     "referral.declined": "The receiver said no.", "referral.rerouted": "A successor referral replaces this one.",
     "referral.started": "The first meeting or activity happened.", "referral.held": "The referral is paused.",
     "referral.resumed": "The referral goes on.", "referral.completed": "The purpose is fulfilled.",
     "referral.ended_early": "It stopped after acceptance.", "referral.withdrawn": "The sender took it back.",
     "referral.expired": "Nobody answered in time.", "referral.reverted": "A mistaken answer was taken back.",
     "referral.loop_closed": "The sender read the outcome.", "referral.voided": "It should never have existed."},
    {"referral.accepted": "track planned_start", "referral.waitlisted": "expected_date", "referral.held": "resume_date",
     "referral.rerouted": "successor_id", "referral.completed": "outcome_code", "referral.expired": "policy"},
    {"referral.accepted": "case_id referral_id track planned_start", "referral.completed": "case_id referral_id outcome_code"},
)
INTAKE = _lifecycle(
    "referral", "case_id intake_id", "form participant_kinds language_school days_ahead activation",
    {"intake.booked": "An intake talk is booked.", "intake.moved": "It was moved.", "intake.held": "It was held.",
     "intake.missed": "The citizen did not come.", "intake.cancelled": "It was cancelled."},
    {"intake.booked": "scheduled_on form participant_kinds language_school days_ahead", "intake.moved": "scheduled_on language_school days_ahead"},
)
REFUSAL = _lifecycle(
    "referral", "case_id refusal_id", "",
    {"refusal.offered": "An offer was made.", "refusal.guided": "Written guidance was given.",
     "refusal.refused": "The citizen refused; facts only.", "refusal.acknowledged": "The authority has read it."},
)
OPENING = {
    f"opening.{verb}": _c("matching", "opening_id employer_id workplace_id opening_source measures places", text, "until",
                          "opening_id employer_id workplace_id opening_source measures places until")
    for verb, text in {"published": "Places are open.", "changed": "Terms or places changed.", "closed": "No places any more."}.items()
}
MATCH = _lifecycle(
    "matching", "case_id match_id opening_id", "measure by public_reason wished_start",
    {"match.proposed": "A citizen and an opening may fit.", "match.presented": "She said yes to being presented.",
     "match.interested": "The employer wants to meet.", "match.offered": "The employer offers a place.",
     "match.chosen": "Both said yes; a place is held.", "match.declined": "One side said no.",
     "match.withdrawn": "It was taken back.", "match.reopened": "It was taken up again.",
     "interview.booked": "An interview is booked.", "interview.held": "The interview was held."},
    {"match.declined": "by", "match.withdrawn": "by", "interview.booked": "scheduled_on companion_kinds", "interview.held": "attended"},
)
_TERMS = "employer_id workplace_id starts_on ends_on weekly_hours approver by agreement_version"
AGREEMENT = _lifecycle(
    "matching", "case_id agreement_id measure", _TERMS,
    {"agreement.grant_requested": "The authority that the dated rule names is asked.", "agreement.granted": "It was granted.",
     "agreement.grant_refused": "It was refused.", "agreement.concluded": "Both sides said yes; the placement is planned.",
     "agreement.changed": "The terms changed.", "agreement.closed": "Its placement ended."},
    {"agreement.grant_requested": "approver starts_on ends_on weekly_hours", "agreement.granted": "decided_on",
     "agreement.concluded": "workplace_id employer_id starts_on weekly_hours",
     "agreement.changed": "change_kind agreement_version workplace_id employer_id starts_on weekly_hours decided_on"},
) | _lifecycle(  # a draft may be cancelled before its measure is known
    "matching", "case_id agreement_id", f"measure {_TERMS}", {"agreement.cancelled": "It was cancelled before the start."}, {"agreement.cancelled": "by"},
)
PLACEMENT = _lifecycle(
    "followup", "case_id placement_id measure", "agreement_id workplace_id employer_id weekly_hours starts_on ends_on",
    {"placement.started": "The citizen started.", "placement.paused": "It is paused.", "placement.resumed": "It goes on.",
     "placement.extended": "It was extended by a decision.", "placement.shortened": "It was shortened.",
     "placement.changed": "Hours, tasks or place changed.", "placement.ended": "It ended.",
     "placement.not_started": "The citizen never started."},
    {"placement.ended": "how", "placement.not_started": "by"},
    {"placement.started": "case_id placement_id measure", "placement.ended": "case_id placement_id measure how"},
)
COURSE = {
    "step.changed": _c("followup", "case_id step_from step_to", "The citizen stands on another step.", "", "case_id step_from step_to"),
    "milestone.reached": _c("followup", "case_id placement_id weeks", "A placement has lasted so many weeks.", "", "case_id placement_id weeks"),
}
PARTNERS = {
    "partner.registered": _c("partners", "partner_id partner_kind", "A partner organisation was registered."),
    "partner_agreement.changed": _c("partners", "partner_id cooperation_id", "A cooperation agreement was made or changed.", "review_on"),
    "partner_notice.given": _c("partners", "case_id partner_id days_ahead", "A partner was told of a booked talk.", "scheduled_on"),
}
REQUEST = _lifecycle(
    "partners", "case_id partner_request_id partner_id request_type", "agreement_id match_id intake_id decision decided_on valid_until expected_date public_reason",
    {f"partner_request.{verb}": text for verb, text in {
        "requested": "A partner is asked.", "acknowledged": "The partner has it.", "info_requested": "The partner asks back.",
        "info_given": "The requester answered.", "offered": "The partner offers.", "waitlisted": "The partner has no place yet.",
        "agreed": "It is agreed.", "started": "Delivery started.", "progress_reported": "The partner reported progress.",
        "delivered": "The partner delivered or answered.", "confirmed": "The requester confirmed.", "disputed": "The requester disputes it.",
        "declined": "The partner said no.", "cancelled": "The requester took it back.", "not_delivered": "It was not delivered.",
        "expired": "Nobody answered in time.", "voided": "It should never have existed."}.items()},
    {"partner_request.offered": "valid_until", "partner_request.waitlisted": "expected_date", "partner_request.delivered": "decision"},
)

CATALOGUE: dict[str, Contract] = {
    **CASE, **REFERRAL, **INTAKE, **REFUSAL, **OPENING, **MATCH, **AGREEMENT, **PLACEMENT, **COURSE, **PARTNERS, **REQUEST,
}
