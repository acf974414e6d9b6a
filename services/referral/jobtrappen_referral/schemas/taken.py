# SPDX-License-Identifier: MPL-2.0
"""What this service takes over HTTP: one schema for each command and query."""
from __future__ import annotations

from marshmallow import Schema

from jobtrappen.contracts.vocabulary import OUTCOMES, PARTIES
from jobtrappen.web.common import EMPTY
from jobtrappen.web.fields import Code, Command, Day, Flag, Loads, Moment, Nested, Place, Text, Uuid, Whole, many
from jobtrappen_referral import codes

UNIT = r"^[a-z][a-z0-9_]{0,39}$"
CPR = r"^[0-9]{6}-?[0-9]{4}$"


def unit(**kwargs: object) -> Text:
    return Text(max=40, pattern=UNIT, **kwargs)  # type: ignore[arg-type]


class Person(Command):
    given_name = Text(max=100)
    family_name = Text(max=100)
    cpr = Text(max=11, pattern=CPR)
    phone = Text(max=30)
    email = Text(max=200)
    address = Text(max=300)
    languages = many(Text(max=40), max=20)
    protected = Flag()
    language_school = Flag()


class OpenCase(Person):
    given_name = Text(max=100, required=True)
    family_name = Text(max=100, required=True)
    track = Code(("adult", "youth"), required=True)
    benefit = Code(codes.ALL_CODES["benefit"])
    target_group = Code(codes.ALL_CODES["target_group"])
    readiness = Code(codes.ALL_CODES["readiness"])


class AddCircumstance(Command):
    code_set = Code(codes.CODE_SETS, required=True)
    code = Code([c for all_codes in codes.ALL_CODES.values() for c in all_codes], required=True)


class LinkHousehold(Command):
    other_case_id = Uuid(required=True)
    relation = Code(("spouse", "partner", "parent", "child", "sibling"), required=True)


class ReturnCase(Command):
    reason = Code(codes.RETURN_REASONS, required=True)
    present_state = Code(codes.PRESENT_STATES, required=True)
    documentation = Text(max=4000)


class PresentState(Command):
    present_state = Code(codes.PRESENT_STATES, required=True)


class Draft(Command):
    case_id = Uuid(required=True)
    track = Code(("adult", "youth"), required=True)
    source = Code(("form", "self_referral"), required=True)
    guardian_consent_on = Day()
    purpose = Code(codes.PURPOSES)
    legal_basis = Code(codes.BASES)
    target_unit = unit()
    route_to = unit(metadata={"description": "The caseworkers' unit that a self-referral is routed to."})


class Send(Command):
    target_unit = unit(required=True)
    purpose = Code(codes.PURPOSES, required=True)
    legal_basis = Code(codes.BASES, required=True)


class RequestInfo(Command):
    question = Text(required=True)


class GiveInfo(Command):
    answer = Text(required=True)


class Accept(Command):
    responsible = Text(max=80, required=True)
    planned_start = Day(required=True)


class Waitlist(Command):
    expected_date = Day(required=True)


class Reasoned(Command):
    reason_code = Code(codes.REASONS, required=True)
    by = Code(PARTIES)
    reason = Text()


class Reroute(Command):
    target_unit = unit(required=True)
    reason = Text(required=True)


class Hold(Reasoned):
    resume_date = Day(required=True)


class Complete(Command):
    outcome_code = Code(OUTCOMES, required=True)
    next_step = Text(max=200)


class EndEarly(Reasoned):
    outcome_code = Code(OUTCOMES, required=True)


class Void(Command):
    reason = Text(required=True)


class Participant(Loads):
    kind = Code(codes.PARTICIPANTS, required=True)
    name = Text(max=100)


class Book(Command):
    case_id = Uuid(required=True)
    scheduled_at = Moment(required=True)
    place = Text(max=200, required=True)
    form = Code(codes.FORMS, required=True)
    participants = many(Nested(Participant), max=10, min=1, required=True)


class Move(Command):
    scheduled_at = Moment(required=True)
    reason = Text(required=True)


class HoldIntake(Command):
    attended = many(Code(codes.PARTICIPANTS), max=10, min=1, required=True)
    wishes = many(Text(max=300), min=1, required=True)
    competences = many(Text(max=300), min=1, required=True)
    barriers = many(Text(max=300), min=1, required=True)
    activation = Flag(metadata={"description": "Straks-aktivering: the citizen goes into activation from this day (F-039)."})


class NoShow(Command):
    tried = Text(required=True)


class CancelIntake(Command):
    reason_code = Code(codes.REASONS, required=True)
    by = Code(PARTIES, required=True)


class Words(Command):
    words = Text(required=True)


class Offer(Command):
    case_id = Uuid(required=True)
    what = Text(required=True)
    offered_by = Text(max=80, required=True)


class Guide(Command):
    guided_on = Day(required=True)


class Assess(Command):
    case_id = Uuid(required=True)
    education = Code(("none", "basic", "vocational", "higher"), required=True)
    experience_years = Whole(0, 70, required=True)
    stable_attendance = Code(("stable", "mixed", "unstable", "unknown"), required=True)
    months_away = Whole(0, 800, required=True)
    limits = many(Text(max=200), max=20, metadata={"description": "Functional limits, never a diagnosis."})


class Confirm(Command):
    start_step = Code(codes.START_STEPS, required=True)
    reason = Text()


class Screen(Command):
    decision = Code(("refer", "not_now", "not_in_target_group", "cannot_reach_person"), required=True)
    reason = Text()
    target_unit = unit(load_default="jobkonsulenterne")
    purpose = Code(codes.PURPOSES, load_default="job")
    legal_basis = Code(codes.BASES, load_default="lab")


class Find(Command):
    cpr = Text(max=11, pattern=CPR, required=True)


class FindByName(Command):
    name = Text(max=100, required=True)


class OriginIn(Command):
    nationality = Text(max=4, pattern="^[A-Z]{2,4}$", required=True)
    family_origin = Text(max=4, pattern="^[A-Z]{2,4}$", required=True)
    born_abroad = Flag(required=True)


class Ids(Loads):
    ids = Text(max=2000, required=True, pattern=r"^[0-9a-f-]{36}(,[0-9a-f-]{36}){0,49}$")


class WorkQuery(Loads):
    why = Text(max=40, pattern="^[a-z_]+$")
    after = Place(metadata={"description": "The `next` of the page before."})
    limit = Whole(1, 200, load_default=50)


class RowsQuery(Loads):
    after = Whole(1, 10_000, metadata={"description": "The `next` of the page before: a line of the list."})
    limit = Whole(1, 2000, load_default=2000)


REFERRAL_COMMANDS: dict[str, Schema] = {
    "send": Send(), "claim": EMPTY, "request_info": RequestInfo(), "give_info": GiveInfo(), "accept": Accept(), "waitlist": Waitlist(),
    "decline": Reasoned(), "reroute": Reroute(), "start": EMPTY, "hold": Hold(), "resume": EMPTY, "complete": Complete(), "end_early": EndEarly(),
    "withdraw": Reasoned(), "undo": EMPTY, "acknowledge_outcome": EMPTY, "void": Void(),
}
INTAKE_COMMANDS: dict[str, Schema] = {"move": Move(), "hold": HoldIntake(), "no_show": NoShow(), "cancel": CancelIntake(), "confirm_minutes": EMPTY, "dissent": Words()}
REFUSAL_COMMANDS: dict[str, Schema] = {"guide": Guide(), "refuse": Words(), "acknowledge": EMPTY}
IDS, WORK_QUERY, ROWS_QUERY = Ids(), WorkQuery(), RowsQuery()
