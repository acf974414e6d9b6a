# SPDX-License-Identifier: MPL-2.0
"""The JSON way in; nothing but translation."""
from __future__ import annotations

from typing import Any
from uuid import UUID

from jobtrappen.errors import NotFound
from jobtrappen.roles import ADMIN, CW, JC, JC_CW, TEAM_LEAD
from jobtrappen.tx import Tx
from jobtrappen.web.api import Api
from jobtrappen.web.common import EMPTY, HAPPENED, PAGES, PAGING, THING_OF_CASE, TRANSITION, WORK, page
from jobtrappen_referral import persons, queries, usecases, work
from jobtrappen_referral import schemas as s
from jobtrappen_referral.model import (
    CASE,
    INTAKE,
    REFERRAL,
    REFUSAL,
    Assessment,
    CaseReturn,
    Citizen,
    Intake,
    ListRow,
    Origin,
    Referral,
    ReferralList,
    Refusal,
)

api = Api("referral")

api.actions("/referrals", Referral, REFERRAL, s.REFERRAL_COMMANDS, dumps=s.REFERRAL_OUT, resource="referral")
api.actions("/intakes", Intake, INTAKE, s.INTAKE_COMMANDS, dumps=s.INTAKE_OUT, resource="intake")
api.actions("/refusals", Refusal, REFUSAL, s.REFUSAL_COMMANDS, dumps=s.REFUSAL_OUT, resource="refusal")


@api.command("/cases", loads=s.OpenCase(), dumps=s.CASE_OUT, resource="case", who=JC_CW, status=201, lifecycle=CASE, step=CASE.by_action["open"])
def open_case(tx: Tx, command: dict[str, Any]) -> Citizen:
    """Open a citizen's case."""
    return queries.whole_case(tx, usecases.open_case(tx, command))


@api.read("/cases/<uuid:id>", dumps=s.CASE_OUT, resource="case", who=JC_CW, on=Citizen, audits=True, lifecycle=CASE)
def read_case(tx: Tx, citizen: Citizen, _arguments: dict[str, Any]) -> Citizen:
    """A case with its person."""
    return queries.whole_case(tx, citizen)


@api.read("/cases", dumps=s.CASE_OUT, resource="case", who=JC_CW, query=PAGING, many=True, audits=True, lifecycle=CASE)
def list_cases(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Cases, oldest first."""
    found = page(tx, Citizen, arguments)
    return {**found, "items": queries.listed_cases(tx, found["items"])}


@api.command("/cases/find", loads=s.Find(), dumps=s.CASE_OUT, resource="case", who=CW, lifecycle=CASE, limit="search")
def find_case(tx: Tx, command: dict[str, Any]) -> Citizen:
    """Find the case of a CPR number; the number never stands in a URL."""
    citizen = persons.with_cpr(tx, command["cpr"].replace("-", ""))
    if citizen is None:
        raise NotFound("No case has this CPR number.")
    tx.audit("read.find_case", "case", citizen.id, citizen.id)
    return queries.listed_cases(tx, [citizen])[0]


@api.command("/cases/find-by-name", loads=s.FindByName(), dumps=s.FOUND_OUT, resource="case_search", who=JC_CW, limit="search")
def find_by_name(tx: Tx, command: dict[str, Any]) -> dict[str, Any]:
    """Find the unit's own cases by (the beginning of) a name; it never stands in a URL, and protected persons are not found by it."""
    found = queries.by_name(tx, command["name"])
    for one in found["cases"]:
        tx.audit("read.find_by_name", "case", one["id"], one["id"])
    return found


@api.command("/cases/<uuid:id>/person", loads=s.Person(), dumps=s.CASE_OUT, resource="case", who=JC_CW, on=Citizen, lifecycle=CASE)
def change_person(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Citizen:
    """Correct or complete a person."""
    return queries.whole_case(tx, usecases.change_person(tx, citizen, command))


@api.command("/cases/<uuid:id>/circumstances", loads=s.AddCircumstance(), dumps=s.CASE_OUT, resource="case", who=JC_CW, on=Citizen, lifecycle=CASE)
def add_circumstance(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Citizen:
    """A benefit, target group or readiness from a day on."""
    return queries.whole_case(tx, usecases.add_circumstance(tx, citizen, command))


@api.command("/cases/<uuid:id>/household", loads=s.LinkHousehold(), dumps=s.CASE_OUT, resource="case", who=JC_CW, on=Citizen, lifecycle=CASE)
def link_household(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Citizen:
    """Link two cases of one household."""
    return queries.whole_case(tx, usecases.link_household(tx, citizen, command))


@api.command("/cases/<uuid:id>/return", loads=s.ReturnCase(), dumps=s.RETURN_OUT, resource="return", who=JC, on=Citizen, step=CASE.by_action["return"])
def return_case(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> CaseReturn:
    """Give the case back to the caseworker: reason and present state."""
    return usecases.return_case(tx, citizen, command)


@api.read("/cases/<uuid:id>/history", dumps=TRANSITION, resource="history", who=JC_CW, on=Citizen, many=True, audits=True)
def case_history(tx: Tx, citizen: Citizen, _arguments: dict[str, Any]) -> dict[str, Any]:
    """Every transition of the case in this service."""
    return {"items": queries.case_history(tx, citizen.id)}


@api.read("/cases/<uuid:id>/timeline", dumps=HAPPENED, resource="timeline", who=JC_CW, on=Citizen, many=True, audits=True)
def case_timeline(tx: Tx, citizen: Citizen, _arguments: dict[str, Any]) -> dict[str, Any]:
    """What has happened in a case in all services, as far as it has been heard of here; the latest first."""
    return {"items": queries.timeline(tx, citizen.id)}


@api.command("/returns/<uuid:id>/present-state", loads=s.PresentState(), dumps=s.RETURN_OUT, resource="return", who=JC_CW, on=CaseReturn)
def set_present_state(tx: Tx, returned: CaseReturn, command: dict[str, Any]) -> CaseReturn:
    """What became of a returned citizen."""
    return usecases.set_present_state(tx, returned, command)


@api.read("/returns/<uuid:id>", dumps=s.RETURN_OUT, resource="return", who=JC_CW, on=CaseReturn, audits=True)
def read_return(tx: Tx, returned: CaseReturn, _arguments: dict[str, Any]) -> CaseReturn:
    """A return with what was written about it."""
    return queries.with_documentation(tx, returned)


@api.command("/referrals", loads=s.Draft(), dumps=s.REFERRAL_OUT, resource="referral", who=JC_CW, status=201, lifecycle=REFERRAL, step=REFERRAL.by_action["draft"])
def draft_referral(tx: Tx, command: dict[str, Any]) -> Referral:
    """Write a referral: the form, or a citizen who came by herself."""
    return usecases.draft_referral(tx, command)


@api.read("/referrals", dumps=s.REFERRAL_OUT, resource="referral", who=JC_CW, query=PAGING, many=True, audits=True, lifecycle=REFERRAL)
def list_referrals(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Referrals by state."""
    return page(tx, Referral, arguments, ~queries.not_hers(tx))


@api.read("/referrals/<uuid:id>", dumps=s.REFERRAL_OUT, resource="referral", who=JC_CW | ADMIN, on=Referral, audits=True, lifecycle=REFERRAL)
def read_referral(tx: Tx, referral: Referral, _arguments: dict[str, Any]) -> Referral:
    """A referral with what was asked and answered, and what may be done now."""
    return queries.with_dialogue(tx, referral)


@api.command("/referrals/<uuid:id>/second_void", loads=EMPTY, dumps=s.REFERRAL_OUT, resource="referral", who=ADMIN | {TEAM_LEAD}, on=Referral, lifecycle=REFERRAL)
def second_void(tx: Tx, referral: Referral, command: dict[str, Any]) -> Referral:
    """Agree, as a second lead, that a started referral should never have existed."""
    return usecases.second_void(tx, referral, command)


@api.command("/intakes", loads=s.Book(), dumps=s.INTAKE_OUT, resource="intake", who=JC_CW, status=201, lifecycle=INTAKE, step=INTAKE.by_action["book"])
def book_intake(tx: Tx, command: dict[str, Any]) -> Intake:
    """Book an intake talk with its participants."""
    return usecases.book_intake(tx, command)


@api.read("/intakes/<uuid:id>", dumps=s.INTAKE_OUT, resource="intake", who=JC_CW, on=Intake, audits=True, lifecycle=INTAKE)
def read_intake(tx: Tx, intake: Intake, _arguments: dict[str, Any]) -> Intake:
    """An intake talk with its minutes."""
    return queries.with_dialogue(tx, queries.with_minutes(tx, intake))


@api.command("/refusals", loads=s.Offer(), dumps=s.REFUSAL_OUT, resource="refusal", who=JC, status=201, lifecycle=REFUSAL, step=REFUSAL.by_action["offer"])
def offer(tx: Tx, command: dict[str, Any]) -> Refusal:
    """Write down a concrete offer, the first fact of a refusal."""
    return usecases.offer(tx, command)


@api.read("/refusals/<uuid:id>", dumps=s.REFUSAL_OUT, resource="refusal", who=JC_CW, on=Refusal, audits=True, lifecycle=REFUSAL)
def read_refusal(tx: Tx, refusal: Refusal, _arguments: dict[str, Any]) -> Refusal:
    """A refusal's facts: what was offered, and the citizen's own words."""
    return queries.with_dialogue(tx, refusal)


@api.command("/assessments", loads=s.Assess(), dumps=s.ASSESSMENT_OUT, resource="assessment", who=JC, status=201)
def assess(tx: Tx, command: dict[str, Any]) -> Assessment:
    """Record the five inputs; a start step is proposed with its reasons."""
    return usecases.assess(tx, command)


@api.read("/assessments/<uuid:id>", dumps=s.ASSESSMENT_OUT, resource="assessment", who=JC_CW, on=Assessment, audits=True)
def read_assessment(tx: Tx, assessment: Assessment, _arguments: dict[str, Any]) -> Assessment:
    """An assessment with the proposal's reasons, and why somebody chose another step."""
    return queries.with_limits(tx, assessment)


@api.command("/assessments/<uuid:id>/confirm", loads=s.Confirm(), dumps=s.ASSESSMENT_OUT, resource="assessment", who=JC, on=Assessment)
def confirm_assessment(tx: Tx, assessment: Assessment, command: dict[str, Any]) -> Assessment:
    """Confirm the start step, or choose another with a reason."""
    return usecases.confirm_assessment(tx, assessment, command)


@api.command("/referral-lists", dumps=s.LIST_OUT, resource="referral_list", who=JC_CW, status=201, takes="text/csv")
def upload_list(tx: Tx, command: dict[str, Any]) -> ReferralList:
    """Upload a list of candidates (CSV); rejected rows are reported with their line and reason."""
    return usecases.upload_list(tx, command)


@api.read("/referral-lists/<uuid:id>", dumps=s.LIST_OUT, resource="referral_list", who=JC_CW, on=ReferralList)
def read_list(tx: Tx, made: ReferralList, _arguments: dict[str, Any]) -> ReferralList:
    """A list with its report of rejected rows."""
    return queries.with_counts(tx, [made])[0]


@api.read("/referral-lists/<uuid:id>/rows", dumps=s.ROW_OUT, resource="referral_list", who=JC_CW, on=ReferralList, many=True, audits=True, query=s.ROWS_QUERY)
def list_rows(tx: Tx, made: ReferralList, arguments: dict[str, Any]) -> dict[str, Any]:
    """The rows of a list and what was decided of each."""
    return queries.rows_of_list(tx, made, arguments)


@api.command("/list-rows/<uuid:id>/screen", loads=s.Screen(), dumps=s.ROW_OUT, resource="referral_list", who=CW, on=ListRow)
def screen(tx: Tx, row: ListRow, command: dict[str, Any]) -> ListRow:
    """Decide on one row of a list."""
    return usecases.screen(tx, row, command)


@api.read("/referral-lists", dumps=s.LIST_OUT, resource="referral_list", who=JC_CW, query=PAGES, many=True)
def list_lists(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Uploaded lists, oldest first."""
    found = page(tx, ReferralList, arguments)
    return {**found, "items": queries.with_counts(tx, found["items"])}


@api.read("/work", dumps=WORK, resource="work", who=JC_CW, query=s.WORK_QUERY, many=True, audits=True, counts=("late",))
def list_work(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """What the caller must do next, by date."""
    return work.listing(tx, arguments)


@api.read("/cases/<uuid:case_id>/things", dumps=THING_OF_CASE, resource="case_thing", who=JC_CW, many=True, audits=True)
def list_case_things(tx: Tx, _arguments: dict[str, Any], case_id: UUID) -> dict[str, Any]:
    """Referrals, talks, assessments, refusals and returns of a case, the latest first."""
    return {"items": queries.things_of_case(tx, case_id)}


@api.read("/people", resource="person", dumps=s.PERSON_OUT, who=frozenset({"service"}), query=s.IDS, many=True, audits=True)
def people(tx: Tx, arguments: dict[str, Any]) -> dict[str, Any]:
    """Persons for another service's local copies, cut to its purpose."""
    return {"items": queries.people(tx, [UUID(i) for i in arguments["ids"].split(",")])}


@api.command("/cases/<uuid:id>/statistics/origin", loads=s.OriginIn(), dumps=s.ORIGIN_OUT, resource="origin", who=JC_CW, on=Citizen)
def tell_origin(tx: Tx, citizen: Citizen, command: dict[str, Any]) -> Origin:
    """Tell the optional statistic a nationality; nothing reads it singly."""
    return usecases.tell_origin(tx, citizen, command)


