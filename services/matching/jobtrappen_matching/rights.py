# SPDX-License-Identifier: MPL-2.0
"""Which fields of what this service shows to whom; what is not listed is not seen."""
from __future__ import annotations

from jobtrappen.rights import ALL, Rights, fields
from jobtrappen.roles import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, PARTNER, TEAM_LEAD

_whole = {CONSULTANT: ALL, TEAM_LEAD: ALL}
_candidate_of_caseworker = fields("case_id track ready start_step profile_version protected")
_match = fields("case_id opening_id workplace_id employer_id measure citizen_yes_on employer_yes_on wished_start scheduled_at place companions interpreter "
                "attended by reason_code other_reason_code holds_place notes")
_asked = fields("measure starts_on ends_on weekly_hours approver workplace_id employer_id granted_on")

RIGHTS = Rights({
    "employer": {**_whole, CASEWORKER: ALL, COORDINATOR: ALL},
    "workplace": {**_whole, CASEWORKER: ALL, COORDINATOR: ALL},
    "contact": _whole,
    "opening": {**_whole, CASEWORKER: ALL, COORDINATOR: ALL},
    "candidate": {**_whole, CASEWORKER: _candidate_of_caseworker},
    "feasible": {**_whole, CASEWORKER: ALL},
    "match": {**_whole, CASEWORKER: _match},
    "agreement": {**_whole, CASEWORKER: ALL, PARTNER: _asked},
    "work": {**_whole, CASEWORKER: ALL}, "case_thing": {**_whole, CASEWORKER: ALL},
    "history": {**_whole, CASEWORKER: ALL}, "timeline": {**_whole, CASEWORKER: ALL},
    "access_report": {CASEWORKER: ALL},
    "report": dict.fromkeys((CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR), ALL),
})
