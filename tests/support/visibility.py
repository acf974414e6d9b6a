# SPDX-License-Identifier: MPL-2.0
"""Who sees what, typed by hand from the reference (who sees what: 4.5; what may be shared: data protection 3.4, 3.5; F-001, F-020)
and never read from the services' own tables. What does not stand here is not seen.

A resource has its fields and, for each role, those that it sees. "all" is every field that is typed here, so a new one that
nobody has decided on fails the test.
"""
from __future__ import annotations

CW, JC, TL, CO, AD, PA, IN = "caseworker", "consultant", "team_lead", "coordinator", "administrator", "partner", "integrator"
SM, SF, SP = "service:matching", "service:followup", "service:partners"
ALL = "all"

FRAME = "id version status effective_date allowed_actions"
THING = f"{FRAME} case_id"
CASE = f"{THING} kind track profile_version start_step protected language_school household_id has_cpr person circumstances"
REFERRAL = (f"{THING} track source from_unit target_unit purpose legal_basis responsible planned_start expected_date resume_date outcome_code "
            "loop_closed_on predecessor_id successor_id dialogue")
INTAKE = f"{THING} scheduled_at place form participants attended activation days_ahead minutes dialogue"
ASSESSMENT = f"{THING} education experience_years stable_attendance months_away proposed_step reasons start_step limits reason"
PERSON = ("case_id profile_version track given_name family_name phone language_school protected benefit target_group readiness start_step wishes "
          "competences limits")
MATCH = (f"{THING} opening_id workplace_id employer_id measure citizen_yes_on employer_yes_on presentation_id wished_start scheduled_at place companions "
         "interpreter consultant attended by reason_code other_reason_code holds_place notes")
AGREEMENT = (f"{THING} match_id opening_id workplace_id employer_id measure starts_on ends_on weekly_hours prospect approver granted_on citizen_yes_on "
             "employer_yes_on case_number agreement_version started_on texts")
PLACEMENT = (f"{THING} measure agreement_id workplace_id employer_id weekly_hours starts_on ends_on started_on ended_on how intensity "
             "three_party_meeting_on employer_confirmed_on meeting_needed_from name name_is")
REQUEST = (f"{THING} partner_id partner request_type agreement_id match_id intake_id wanted_on consent_on terms due_on valid_until expected_date decision decided_on "
           "delivered_on shows person text dialogue output")
TIMELINE = "service what resource thing_id about role unit by effective_date recorded_at"
NOTICE = "id version status case_id partner_id partner kind about_id scheduled_on days_ahead created_on shows person"
REPORT = "name title as_of note rows total"
STAFF_OF_CASES = (CW, JC, TL)
EVERY_STAFF = (CW, JC, TL, CO, AD)

FIELDS: dict[str, dict[str, str]] = {
    "referral": {
        "case": CASE, "referral": REFERRAL, "intake": INTAKE, "refusal": f"{THING} offered_by guided_on dialogue", "assessment": ASSESSMENT,
        "return": "id case_id version reason present_state effective_date documentation", "referral_list": "id version unit uploaded_on rejected rows undecided",
        "work": "why resource id case_id due_on name", "case_thing": "resource id status effective_date case_id", "case_search": "cases more",
        "list_row": "id version number decision reason case_id referral_id row", "history": "action lifecycle from_state to_state effective_date recorded_at role unit", "timeline": TIMELINE,
        "origin": "case_id", "person": PERSON, "report": REPORT, "access_report": "case_id service made_at entries",
    },
    "matching": {
        "employer": "id version cvr name sector", "workplace": "id version employer_id p_number name address headcount responsible responsibles",
        "contact": "id version employer_id active person workplace_ids",
        "work": "why resource id case_id due_on name", "case_thing": "resource id status effective_date case_id measure workplace_name",
        "opening": "id version status effective_date employer_id employer_name workplace_id workplace_name source published_on until weekly_hours title tasks conditions safety_danish places",
        "candidate": "id case_id version status effective_date track ready start_step profile_version protected profile",
        "feasible": "opening_id workplace_id workplace_name employer_id employer_name title source measure free weekly_hours until feasible against reasons",
        "match": MATCH, "agreement": AGREEMENT, "history": "action lifecycle from_state to_state effective_date recorded_at role unit", "timeline": TIMELINE,
        "access_report": "case_id service made_at entries",
    },
    "followup": {
        "course": f"{THING} track step step_since planned_start return_class responsible phone name name_is next_action", "placement": PLACEMENT, "step": "step since until",
        "history": "action lifecycle from_state to_state effective_date recorded_at role unit", "timeline": TIMELINE,
        "duty": "id version case_id placement_id kind planned_on due_on opened_on done_on dropped_on contact_id responsible name name_is notes measure",
        "due": "day week_ends overdue today this_week later",
        "contact": "id version case_id placement_id kind with held_on by summary", "report": REPORT, "access_report": "case_id service made_at entries",
    },
    "partners": {
        "partner": f"{THING} name kind card capacity cooperation_id review_on", "card": f"{THING} name kind card capacity cooperation_id review_on",
        "case": "id case_id track language_school person", "work": "why resource id case_id due_on name request_type partner",
        "cooperation": "id version partner_id effective_date review_on terms", "reminder": "partner_id name kind why review_on",
        "key": "id version status kind owner name label scopes issued_on expires_on last_used_at", "new_key": "key_id key kind owner label scopes expires_on",
        "partner_request": REQUEST, "notice": NOTICE, "access_report": "case_id service made_at entries",
    },
}

SEES: dict[str, dict[str, dict[str, str]]] = {
    "referral": {
        "case": dict.fromkeys(STAFF_OF_CASES, ALL), "referral": {**dict.fromkeys(STAFF_OF_CASES, ALL), AD: f"{THING} track source from_unit target_unit"},
        "intake": dict.fromkeys(STAFF_OF_CASES, ALL), "refusal": dict.fromkeys(STAFF_OF_CASES, ALL), "assessment": dict.fromkeys(STAFF_OF_CASES, ALL),
        "return": dict.fromkeys(STAFF_OF_CASES, ALL), "referral_list": dict.fromkeys(STAFF_OF_CASES, ALL), "list_row": dict.fromkeys(STAFF_OF_CASES, ALL),
        "work": dict.fromkeys(STAFF_OF_CASES, ALL), "case_thing": dict.fromkeys(STAFF_OF_CASES, ALL), "case_search": dict.fromkeys(STAFF_OF_CASES, ALL),
        "history": dict.fromkeys(STAFF_OF_CASES, ALL), "timeline": dict.fromkeys(STAFF_OF_CASES, ALL), "origin": dict.fromkeys(STAFF_OF_CASES, ALL),
        "report": dict.fromkeys(EVERY_STAFF, ALL), "access_report": {CW: ALL},
        "person": {
            SM: "case_id profile_version track given_name family_name phone benefit target_group readiness start_step wishes competences limits protected",
            SF: "case_id profile_version track given_name family_name phone protected",
            SP: "case_id profile_version track given_name family_name language_school protected",
        },
    },
    "matching": {
        "employer": dict.fromkeys((CW, JC, TL, CO), ALL), "workplace": dict.fromkeys((CW, JC, TL, CO), ALL), "contact": {JC: ALL, TL: ALL},
        "opening": dict.fromkeys((CW, JC, TL, CO), ALL),
        "candidate": {JC: ALL, TL: ALL, CW: "id case_id version status effective_date track ready start_step profile_version protected"},
        "feasible": dict.fromkeys(STAFF_OF_CASES, ALL), "work": dict.fromkeys(STAFF_OF_CASES, ALL), "case_thing": dict.fromkeys(STAFF_OF_CASES, ALL),
        "match": {JC: ALL, TL: ALL, CW: f"{THING} opening_id workplace_id employer_id measure citizen_yes_on employer_yes_on wished_start scheduled_at place "
                                        "companions interpreter attended by reason_code other_reason_code holds_place notes"},
        "agreement": {**dict.fromkeys(STAFF_OF_CASES, ALL),
                      PA: f"{FRAME} measure starts_on ends_on weekly_hours approver workplace_id employer_id granted_on"},
        "history": dict.fromkeys(STAFF_OF_CASES, ALL), "timeline": dict.fromkeys(STAFF_OF_CASES, ALL), "access_report": {CW: ALL},
    },
    "followup": {
        "course": {JC: ALL, TL: ALL, CW: f"{THING} track step step_since return_class planned_start name name_is"},
        "placement": {JC: ALL, TL: ALL, CW: f"{THING} measure starts_on ends_on started_on ended_on name name_is"},
        "due": {JC: ALL, TL: ALL},
        "step": dict.fromkeys(STAFF_OF_CASES, ALL), "history": dict.fromkeys(STAFF_OF_CASES, ALL), "timeline": dict.fromkeys(STAFF_OF_CASES, ALL), "duty": {JC: ALL, TL: ALL}, "contact": {JC: ALL, TL: ALL},
        "report": dict.fromkeys((CW, JC, TL, AD), ALL), "access_report": {CW: ALL},
    },
    "partners": {
        "partner": {**dict.fromkeys((CW, JC, TL, CO), ALL), AD: f"{FRAME} name kind"}, "card": {PA: f"{FRAME} name kind card capacity"},
        "cooperation": {**dict.fromkeys((CW, JC, TL, CO), ALL), PA: "id version effective_date review_on terms"}, "reminder": {CO: ALL, TL: ALL}, "key": {CO: ALL, AD: ALL}, "new_key": {CO: ALL, AD: ALL},
        "partner_request": {**dict.fromkeys((CW, JC, TL, CO), ALL), AD: f"{FRAME} request_type",
                            PA: f"{FRAME} request_type due_on valid_until expected_date decision decided_on output person text dialogue terms wanted_on agreement_id"},
        "notice": {**dict.fromkeys((CW, JC, TL, CO), ALL), PA: "id version status kind scheduled_on days_ahead created_on person"},
        "case": dict.fromkeys((CW, JC, TL, CO), ALL), "work": {**dict.fromkeys((CW, JC, TL, CO), ALL), PA: "why resource id due_on name request_type"},
        "access_report": {CW: ALL},
    },
}

READS: dict[str, dict[str, str]] = {
    # operation of a GET → its resource; who may ask is who sees the resource, less those whom NOT_ASKED names
    "referral": {"read_case": "case", "list_cases": "case", "case_history": "history", "case_timeline": "timeline", "read_return": "return", "list_referrals": "referral",
                 "read_referral": "referral", "read_intake": "intake", "read_refusal": "refusal", "read_assessment": "assessment", "read_list": "referral_list",
                 "list_rows": "list_row", "list_lists": "referral_list", "list_work": "work", "list_case_things": "case_thing", "people": "person", "report": "report", "access_report": "access_report"},
    "matching": {"list_employers": "employer", "read_employer": "employer", "read_workplace_of_employer": "workplace", "list_workplaces": "workplace",
                 "read_workplace": "workplace", "list_contacts": "contact", "read_contact_of_workplace": "contact", "read_contact": "contact",
                 "list_openings": "opening", "read_opening": "opening", "feasible_openings": "feasible", "list_matches": "match", "read_match": "match",
                 "list_agreements": "agreement", "read_agreement": "agreement", "read_candidate": "candidate", "case_history": "history", "case_timeline": "timeline",
                 "list_work": "work", "list_case_things": "case_thing", "access_report": "access_report"},
    "followup": {"list_courses": "course", "read_course": "course", "course_history": "history", "course_timeline": "timeline", "course_steps": "step", "list_placements": "placement",
                 "read_placement": "placement", "list_contacts": "contact", "list_duties": "duty", "count_duties": "due", "read_duty": "duty", "report": "report",
                 "access_report": "access_report"},
    "partners": {"list_partners": "partner", "read_partner": "partner", "without_cooperation": "reminder", "list_keys": "key", "read_key": "key",
                 "read_cooperation": "cooperation", "cooperation_versions": "cooperation", "list_requests": "partner_request",
                 "read_request": "partner_request", "list_notices": "notice", "read_notice": "notice", "my_card": "card", "my_requests": "partner_request",
                 "my_request": "partner_request", "my_notices": "notice", "my_work": "work", "my_cooperation": "cooperation", "list_work": "work", "read_case": "case",
                 "access_report": "access_report"},
}

NOT_ASKED: dict[tuple[str, str], tuple[str, ...]] = {
    # the administrator voids single things that should not exist; no list of citizens is hers. A partner has its own door, /my.
    ("referral", "list_referrals"): (AD,), ("partners", "list_requests"): (AD, PA), ("partners", "read_request"): (PA,),
    ("partners", "list_notices"): (PA,), ("partners", "read_notice"): (PA,), ("matching", "list_agreements"): (PA,),
    ("partners", "my_requests"): (CW, JC, TL, CO, AD), ("partners", "my_request"): (CW, JC, TL, CO, AD), ("partners", "my_notices"): (CW, JC, TL, CO, AD),
    ("partners", "read_cooperation"): (PA,), ("partners", "cooperation_versions"): (PA,), ("partners", "my_cooperation"): (CW, JC, TL, CO),
    ("partners", "list_work"): (PA,), ("partners", "my_work"): (CW, JC, TL, CO),
}

COMPONENTS: dict[str, dict[str, tuple[str, ...]]] = {
    # what the OpenAPI documents call an answer → the resources that have its shape
    "referral": {"CaseOut": ("case",), "ReferralOut": ("referral",), "IntakeOut": ("intake",), "RefusalOut": ("refusal",), "AssessmentOut": ("assessment",),
                 "ReturnOut": ("return",), "ListOut": ("referral_list",), "RowOut": ("list_row",), "Transition": ("history",), "Happened": ("timeline",), "OriginOut": ("origin",),
                 "Work": ("work",), "ThingOfCase": ("case_thing",), "Found": ("case_search",), "PersonOut": ("person",), "Report": ("report",), "AccessReport": ("access_report",)},
    "matching": {"EmployerOut": ("employer",), "WorkplaceOut": ("workplace",), "ContactOut": ("contact",), "OpeningOut": ("opening",),
                 "CandidateOut": ("candidate",), "FeasibleOut": ("feasible",), "MatchOut": ("match",), "AgreementOut": ("agreement",),
                 "Work": ("work",), "MatchingThing": ("case_thing",), "Transition": ("history",), "Happened": ("timeline",), "AccessReport": ("access_report",)},
    "followup": {"CourseOut": ("course",), "PlacementOut": ("placement",), "StayOut": ("step",), "Transition": ("history",), "Happened": ("timeline",), "DutyOut": ("duty",), "DueOut": ("due",),
                 "ContactOut": ("contact",), "Report": ("report",), "AccessReport": ("access_report",)},
    "partners": {"PartnerOut": ("partner", "card"), "CooperationOut": ("cooperation",), "ReminderOut": ("reminder",), "KeyOut": ("key",),
                 "NewKeyOut": ("new_key",), "RequestOut": ("partner_request",), "NoticeOut": ("notice",), "CaseOut": ("case",), "WorkOut": ("work",), "AccessReport": ("access_report",)},
}

HIDDEN_IN: dict[tuple[str, str, str], tuple[str, ...]] = {
    # (resource, state, what the persona is called) → not even that it exists. 4.5: a draft is the sender's until it is sent.
    ("referral", "referral", "draft"): ("consultant", "consultant of another unit"),
    ("partners", "partner_request", "draft"): ("partner", "partner of another organisation"),
    ("partners", "partner_request", "voided"): ("partner", "partner of another organisation"),  # reached from the draft: it was never asked
}

PUBLIC: dict[str, str] = {
    # what an integrator reads on jobtrappen.public; every other event, and every other field, stays inside
    "case.opened": "case_id track", "case.returned": "case_id return_class", "referral.accepted": "case_id referral_id track planned_start",
    "referral.completed": "case_id referral_id outcome_code", "placement.started": "case_id placement_id measure",
    "placement.ended": "case_id placement_id measure how", "milestone.reached": "case_id placement_id weeks", "step.changed": "case_id step_from step_to",
    **dict.fromkeys(("opening.published", "opening.changed", "opening.closed"),
                    "opening_id employer_id workplace_id opening_source measures places until"),
}
ON_THE_BUS = """activation agreement_id agreement_version approver assessment_id attended by case_id change_kind companion_kinds cooperation_id course_id
days_ahead decided_on decision due employer_id ends_on expected_date form from_unit household_id how intake_id kind language_school legal_basis match_id
measure measures opening_id opening_source origin outcome_code participant_kinds partner_id partner_kind partner_request_id place placement_id places
planned_start policy predecessor_id profile_version public_reason purpose referral_id refusal_id request_type resume_date return_class return_id review_on
scheduled_on source start_step starts_on status_from status_to step_from step_to successor_id target_unit track until valid_until weekly_hours weeks
wished_start workplace_id"""
"""All that any event may carry between the services: ids, codes, dates and counts of codes. No name, number, address or text."""


def fields_of(service: str, resource: str) -> frozenset[str]:
    return frozenset(FIELDS[service][resource].split())


def seen(service: str, resource: str, role: str) -> frozenset[str]:
    """The fields that a role sees; none by default."""
    words = SEES[service].get(resource, {}).get(role, "")
    return fields_of(service, resource) if words == ALL else frozenset(words.split()) & fields_of(service, resource)


def may_ask(service: str, operation: str, role: str) -> bool:
    return bool(seen(service, READS[service][operation], role)) and role not in NOT_ASKED.get((service, operation), ())
