# SPDX-License-Identifier: MPL-2.0
"""What this service takes (taken.py) and gives (given.py) over HTTP. Instances are made once, at import."""
from jobtrappen_referral.schemas.given import (
    ASSESSMENT_OUT,
    CASE_OUT,
    FOUND_OUT,
    INTAKE_OUT,
    LIST_OUT,
    ORIGIN_OUT,
    PERSON_OUT,
    REFERRAL_OUT,
    REFUSAL_OUT,
    RETURN_OUT,
    ROW_OUT,
)
from jobtrappen_referral.schemas.taken import (
    IDS,
    INTAKE_COMMANDS,
    REFERRAL_COMMANDS,
    REFUSAL_COMMANDS,
    ROWS_QUERY,
    WORK_QUERY,
    AddCircumstance,
    Assess,
    Book,
    Confirm,
    Draft,
    Find,
    FindByName,
    LinkHousehold,
    Offer,
    OpenCase,
    OriginIn,
    Person,
    PresentState,
    ReturnCase,
    Screen,
)

__all__ = ["ASSESSMENT_OUT", "CASE_OUT", "FOUND_OUT", "IDS", "INTAKE_COMMANDS", "INTAKE_OUT", "LIST_OUT", "ORIGIN_OUT", "PERSON_OUT", "REFERRAL_COMMANDS", "REFERRAL_OUT", "REFUSAL_COMMANDS", "REFUSAL_OUT", "RETURN_OUT", "ROWS_QUERY", "ROW_OUT", "WORK_QUERY", "AddCircumstance", "Assess", "Book", "Confirm", "Draft", "Find", "FindByName", "LinkHousehold", "Offer", "OpenCase", "OriginIn", "Person", "PresentState", "ReturnCase", "Screen"]
