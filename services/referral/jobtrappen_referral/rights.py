# SPDX-License-Identifier: MPL-2.0
"""Which fields of what this service shows to whom; what is not listed is not seen."""
from __future__ import annotations

from jobtrappen.rights import ALL, Rights, fields
from jobtrappen.roles import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD

_case_of_consultant = fields("case_id kind track profile_version start_step protected language_school household_id has_cpr person circumstances")
_talk = fields("case_id scheduled_at place form participants attended activation days_ahead minutes dialogue")
_return = frozenset(["id", "case_id", "version", "reason", "present_state", "effective_date", "documentation"])
_profile = "case_id profile_version track"

RIGHTS = Rights({
    "case": {CASEWORKER: ALL, CONSULTANT: _case_of_consultant, TEAM_LEAD: _case_of_consultant},
    "case_search": dict.fromkeys((CASEWORKER, CONSULTANT, TEAM_LEAD), ALL),
    "referral": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL, ADMINISTRATOR: fields("case_id track source from_unit target_unit")},
    "intake": {CASEWORKER: _talk, CONSULTANT: _talk, TEAM_LEAD: _talk},
    "refusal": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "assessment": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "return": {CASEWORKER: _return, CONSULTANT: _return, TEAM_LEAD: _return},
    "referral_list": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "work": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "case_thing": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "history": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL}, "timeline": {CASEWORKER: ALL, CONSULTANT: ALL, TEAM_LEAD: ALL},
    "origin": {CASEWORKER: frozenset({"case_id"}), CONSULTANT: frozenset({"case_id"}), TEAM_LEAD: frozenset({"case_id"})},
    "access_report": {CASEWORKER: ALL},
    "report": dict.fromkeys((CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR), ALL),
    "person": {  # local copies: each service gets what its purpose needs, and no more
        "service:matching": frozenset(f"{_profile} given_name family_name phone benefit target_group readiness start_step wishes competences limits protected".split()),
        "service:followup": frozenset(f"{_profile} given_name family_name phone protected".split()),
        "service:partners": frozenset(f"{_profile} given_name family_name language_school protected".split()),
    },
})
