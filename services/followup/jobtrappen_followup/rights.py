# SPDX-License-Identifier: MPL-2.0
"""Which fields of what this service shows to whom; what is not listed is not seen. An administrator sees counts alone."""
from __future__ import annotations

from jobtrappen.rights import ALL, Rights, fields
from jobtrappen.roles import ADMINISTRATOR, CASEWORKER, CONSULTANT, TEAM_LEAD

RIGHTS = Rights({
    "course": {CONSULTANT: ALL, TEAM_LEAD: ALL, CASEWORKER: fields("case_id track step step_since return_class planned_start name name_is")},
    "placement": {CONSULTANT: ALL, TEAM_LEAD: ALL, CASEWORKER: fields("case_id measure starts_on ends_on started_on ended_on name name_is")},
    "step": dict.fromkeys((CONSULTANT, TEAM_LEAD, CASEWORKER), ALL),
    "timeline": dict.fromkeys((CONSULTANT, TEAM_LEAD, CASEWORKER), ALL),
    "history": dict.fromkeys((CONSULTANT, TEAM_LEAD, CASEWORKER), ALL),
    "due": {CONSULTANT: ALL, TEAM_LEAD: ALL},
    "duty": {CONSULTANT: ALL, TEAM_LEAD: ALL},
    "contact": {CONSULTANT: ALL, TEAM_LEAD: ALL},
    "access_report": {CASEWORKER: ALL},
    "report": dict.fromkeys((CONSULTANT, TEAM_LEAD, CASEWORKER, ADMINISTRATOR), ALL),
})
