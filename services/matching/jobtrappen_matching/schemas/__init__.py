# SPDX-License-Identifier: MPL-2.0
"""What this service takes and gives over HTTP, one module a topic. Instances are made once, at import."""
from jobtrappen_matching.schemas.agreements import (
    AGREEMENT_COMMANDS,
    AGREEMENT_OUT,
    Agree,
    AgreementsQuery,
    DraftAgreement,
)
from jobtrappen_matching.schemas.common import MATCHING_THING, WORK_QUERY
from jobtrappen_matching.schemas.employers import (
    CONTACT_OUT,
    EMPLOYER_OUT,
    WORKPLACE_OUT,
    AddContact,
    AddWorkplace,
    ChangeContact,
    ChangeWorkplace,
    EmployersQuery,
    RegisterEmployer,
    SetResponsible,
    WorkplacesQuery,
)
from jobtrappen_matching.schemas.matches import MATCH_COMMANDS, MATCH_OUT, MatchesQuery, Propose
from jobtrappen_matching.schemas.openings import (
    CANDIDATE_OUT,
    FEASIBLE_OUT,
    OPENING_OUT,
    ChangeOpening,
    CloseOpening,
    FeasibleQuery,
    OpeningsQuery,
    Publish,
)

__all__ = ["AGREEMENT_COMMANDS", "AGREEMENT_OUT", "CANDIDATE_OUT", "CONTACT_OUT", "EMPLOYER_OUT", "FEASIBLE_OUT", "MATCHING_THING", "MATCH_COMMANDS", "MATCH_OUT", "OPENING_OUT", "WORKPLACE_OUT", "WORK_QUERY", "AddContact", "AddWorkplace", "Agree", "AgreementsQuery", "ChangeContact", "ChangeOpening", "ChangeWorkplace", "CloseOpening", "DraftAgreement", "EmployersQuery", "FeasibleQuery", "MatchesQuery", "OpeningsQuery", "Propose", "Publish", "RegisterEmployer", "SetResponsible", "WorkplacesQuery"]
