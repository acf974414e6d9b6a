# SPDX-License-Identifier: MPL-2.0
"""What each field of an event may hold, as JSON Schema. Every string has an enum, a format or a pattern."""
from __future__ import annotations

from typing import Any

PATTERNS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
    "date": r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])",
}
"""How the two formats are checked at both ends; RFC 4122 and RFC 3339."""


def uuid(example: str) -> dict[str, Any]:
    return {"type": "string", "format": "uuid", "examples": [f"0192f0c1-7a3b-7c11-9d2e-{example:0>12}"]}


def day(example: str) -> dict[str, Any]:
    return {"type": "string", "format": "date", "examples": [example]}


def words(*choices: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(choices), "examples": [choices[0]]}


def code(example: str) -> dict[str, Any]:
    """A unit's or policy's code: lower case, no room for a name. JSON Schema searches a pattern, so it needs its anchors."""
    return {"type": "string", "pattern": r"^[a-z][a-z0-9_]{0,39}$", "examples": [example]}


def number(low: int, high: int, example: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high, "examples": [example]}


MEASURES = ("activation", "internship", "wage_subsidy", "ordinary_job", "leisure_job", "education", "self_employment", "flexjob")
STEPS = (*MEASURES, "under_clarification", "returned", "none")
PARTIES = ("citizen", "employer", "consultant", "authority", "partner", "system")
PARTNER_KINDS = ("language_school", "a_kasse", "union", "association", "school", "activation_site", "interpreter", "other_authority")
REFERRAL_STATES = ("draft", "sent", "needs_info", "waitlisted", "accepted", "started", "on_hold", "completed", "ended_early",
                   "declined", "withdrawn", "expired", "rerouted", "voided")
INTAKE_STATES = ("booked", "held", "missed", "cancelled")
REFUSAL_STATES = ("offered", "guided", "refused", "acknowledged")
MATCH_STATES = ("proposed", "presented", "interested", "interview", "offered", "chosen", "declined", "withdrawn")
AGREEMENT_STATES = ("draft", "awaiting_grant", "granted", "refused", "concluded", "cancelled", "closed")
PLACEMENT_STATES = ("planned", "active", "paused", "not_started", "ended")
REQUEST_STATES = ("draft", "requested", "acknowledged", "needs_info", "offered", "waitlisted", "agreed", "in_delivery",
                  "delivered", "confirmed", "disputed", "declined", "cancelled", "not_delivered", "expired", "voided")
STATES = tuple(dict.fromkeys((*REFERRAL_STATES, *INTAKE_STATES, *REFUSAL_STATES, *MATCH_STATES, *AGREEMENT_STATES,
                              *PLACEMENT_STATES, *REQUEST_STATES)))
REASONS = ("no_capacity", "not_eligible", "wrong_target", "language_level", "travel_distance", "schedule", "adaptation_needed",
           "childcare", "missing_information", "cannot_reach_person", "person_declined", "person_no_show", "found_work_self",
           "moved_municipality", "duplicate", "programme_closed", "other")
"""Reasons that may be said aloud. Those that tell of a person's health or family stay in the service that owns them."""
OUTCOMES = ("placed_internship", "placed_wage_subsidy", "placed_ordinary", "education_started", "language_course_started",
            "activity_completed_no_placement", "referred_on", "not_achieved")
HOW_ENDED = ("completed", "next_step", "resigned", "dismissed", "broken_off_by_citizen", "broken_off_by_employer",
             "no_prospect", "moved")

FIELDS: dict[str, dict[str, Any]] = {
    **{f"{name}_id": uuid(str(n)) for n, name in enumerate((
        "case", "referral", "intake", "refusal", "assessment", "return", "employer", "workplace", "opening", "match", "agreement",
        "placement", "course", "partner", "partner_request", "cooperation", "successor", "predecessor", "household"), start=101)},
    **{name: day("2026-11-23") for name in (
        "planned_start", "starts_on", "ends_on", "due", "scheduled_on", "expected_date", "decided_on", "valid_until",
        "review_on", "resume_date", "wished_start", "until")},
    "status_from": words(*STATES), "status_to": words(*STATES), "track": words("adult", "youth"),
    "origin": words("referral", "local"), "from_unit": code("lokalcenter"), "target_unit": code("jobkonsulenterne"),
    "purpose": words("job", "internship", "wage_subsidy", "ordinary", "preparation", "leisure_job"),
    "source": words("form", "self_referral", "csv_list"), "opening_source": words("posted", "outreach", "pre_agreement"),
    "public_reason": words(*REASONS), "outcome_code": words(*OUTCOMES), "by": words(*PARTIES),
    "place": words("office", "home", "workplace", "phone", "digital"), "form": words("office", "home", "phone", "digital"),
    "start_step": words("activation", "internship", "wage_subsidy", "ordinary_job", "leisure_job", "education"),
    "profile_version": number(1, 1_000_000, 3), "return_class": words("refused", "moved", "other"),
    "measure": words(*MEASURES), "measures": {"type": "array", "maxItems": 8, "items": words(*MEASURES), "examples": [["internship"]]},
    "places": number(0, 500, 2), "weekly_hours": number(0, 37, 37), "approver": words("municipality", "other_authority", "none"),
    "change_kind": words("extend", "shorten", "hours", "tasks", "workplace", "mentor"), "agreement_version": number(1, 1000, 1),
    "how": words(*HOW_ENDED), "step_from": words(*STEPS), "step_to": words(*STEPS), "weeks": number(1, 520, 13),
    "language_school": {"type": "boolean", "examples": [True]}, "attended": {"type": "boolean", "examples": [True]},
    "activation": {"type": "boolean", "examples": [True]},
    "companion_kinds": {"type": "array", "maxItems": 8, "examples": [["consultant", "teacher"]],
                        "items": words("consultant", "teacher", "interpreter", "spouse", "caseworker", "other")},
    "participant_kinds": {"type": "array", "maxItems": 10, "examples": [["spouse", "interpreter"]],
                          "items": words("consultant", "teacher", "interpreter", "spouse", "caseworker", "guardian", "other")},
    "partner_kind": words(*PARTNER_KINDS),
    "request_type": words("grant", "course_place", "language_test", "statement", "opinion", "mentor", "attendance", "interpreter"),
    "decision": words("granted", "refused", "answered"), "days_ahead": number(0, 400, 14),
    "legal_basis": words("lab", "integration_act", "social_services_act", "active_social_policy_act", "consent"),
    "kind": words("resident", "abroad"), "policy": code("no_answer_10_days"),
}
