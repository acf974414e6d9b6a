# SPDX-License-Identifier: MPL-2.0
"""The typed tables are held against themselves and against the counts and rules of the documents."""
import re

import pytest

from tests.support.lifecycle_tables import (
    ADMINISTRATOR,
    AGREEMENT,
    BEFORE,
    CASEWORKER,
    CONSULTANT,
    COORDINATOR,
    FINAL,
    GUARDS,
    HUMAN_ROLES,
    INTAKE,
    MATCH,
    PARTNER,
    PARTNER_ANSWER,
    PARTNER_REQUEST,
    PLACEMENT,
    REFERRAL,
    REFUSAL,
    SAME,
    STARTS,
    STATES,
    SYSTEM,
    TABLES,
    TEAM_LEAD,
    states_of,
    triples,
)

EVENT_TYPE = re.compile(r"^jobtrappen\.[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\.v[1-9][0-9]*$")
REQUIRED = re.compile(r"^[a-z]+(_[a-z]+)*([|+][a-z]+(_[a-z]+)*)*$")
BACK_OR_TOMBSTONE = {"void", "undo", "reopen", "reroute"}

each_table = pytest.mark.parametrize("name", sorted(TABLES))


@each_table
def test_the_rows_name_exactly_the_states_of_the_document(name):
    assert set(states_of(TABLES[name])) == STATES[name]


def test_there_are_as_many_states_as_the_documents_list():
    assert {name: len(states) for name, states in STATES.items()} == {
        "referral": 14, "intake": 4, "refusal": 4, "match": 8, "agreement": 7, "placement": 5, "partner_request": 16,
    }


def test_there_are_as_many_rows_as_the_documents_list():
    """`agree` is two rows of 18, because the role depends on the state; the other tables have a row for each action."""
    assert {name: len(rows) for name, rows in TABLES.items()} == {
        "referral": 18, "intake": 7, "refusal": 4, "match": 10, "agreement": 8, "placement": 10, "partner_request": 18,
    }


@each_table
def test_every_state_can_be_reached_from_the_start(name):
    reached = set(STARTS.get(name, ())) | {row.to for row in TABLES[name] if not row.frm}
    assert reached, "nothing makes it"
    while True:
        more = {row.to for row in TABLES[name] if row.frm & reached} - {SAME, BEFORE} - reached
        if not more:
            break
        reached |= more
    assert reached == STATES[name]


@each_table
def test_every_state_that_is_not_final_has_an_exit_of_its_own(name):
    forward = [row for row in TABLES[name] if row.to != SAME and row.action not in BACK_OR_TOMBSTONE]
    assert {state for row in forward for state in row.frm} == STATES[name] - FINAL[name]


@each_table
def test_nobody_has_two_rows_for_one_action_in_one_state(name):
    seen = [(state, row.action, role) for row in TABLES[name] for state in row.frm or {None} for role in row.who]
    assert len(seen) == len(set(seen))
    assert len(set(TABLES[name])) == len(TABLES[name])


@each_table
def test_a_state_to_go_back_to_always_exists(name):
    for row in (row for row in TABLES[name] if row.to == BEFORE):
        for state in row.frm:
            assert any(enter.frm for enter in TABLES[name] if enter.to == state), (row.action, state)


@each_table
def test_every_event_is_a_type_of_the_catalogue_and_is_said_by_one_action(name):
    said = [(row.event, row.action) for row in TABLES[name] if row.event]
    assert all(EVENT_TYPE.match(f"jobtrappen.{event}.v1") for event, _ in said)
    actions = {event: {action for e, action in said if e == event} for event, _ in said}
    assert all(len(saying) == 1 for saying in actions.values()), actions


@each_table
def test_required_fields_are_snake_case_and_named_once(name):
    for row in TABLES[name]:
        assert all(REQUIRED.match(field) for field in row.required), row
        assert len(set(row.required)) == len(row.required)
        assert "effective_date" not in row.required  # every action has it, so no row repeats it


def test_every_partner_request_event_of_the_catalogue_is_said():
    said = {row.event.removeprefix("partner_request.") for row in PARTNER_REQUEST}
    assert said == {
        "requested", "acknowledged", "info_requested", "info_given", "offered", "waitlisted", "agreed", "started",
        "progress_reported", "delivered", "confirmed", "disputed", "declined", "cancelled", "not_delivered", "expired",
        "voided",
    }


def test_the_partner_request_rows_make_exactly_the_arrows_of_the_document():
    """The document lists arrows, not actions; a state's arrows are typed here a second time, from that list."""
    answered = {"acknowledged", "offered", "agreed", "waitlisted", "needs_info", "declined", "cancelled", "expired"}
    arrows = {
        "draft": {"requested"},
        "requested": answered,
        "acknowledged": answered - {"acknowledged"},  # receipt is given once
        "needs_info": {BEFORE, "cancelled", "expired"},
        "offered": {"agreed", "cancelled", "expired", "requested"},
        "waitlisted": {"offered", "agreed", "declined", "cancelled", "expired"},
        "agreed": {"in_delivery", "delivered", "cancelled", "not_delivered"},
        "in_delivery": {"delivered", "not_delivered", "cancelled"},
        "delivered": {"confirmed", "disputed"},
        "disputed": {"in_delivery", "delivered", "not_delivered", "confirmed"},
    }
    made = {state: set() for state in arrows}
    for row in PARTNER_REQUEST:
        if row.action != "void" and row.to != SAME:
            for state in row.frm:
                made[state].add(row.to)
    assert made == arrows
    assert {state for row in PARTNER_REQUEST if row.action == "void" for state in row.frm} == set(
        STATES["partner_request"]) - {"voided"}


def test_every_guard_speaks_of_a_row_that_exists():
    assert set(GUARDS) <= {(name, row.action) for name, rows in TABLES.items() for row in rows}


def test_the_consultant_never_grants_and_never_acknowledges_a_refusal():  # F-001, F-002
    authority = {(row.action, role) for row in AGREEMENT if row.action in {"grant", "refuse_grant"} for role in row.who}
    assert {role for _, role in authority} == {CASEWORKER, PARTNER}
    assert {role for row in REFUSAL if row.action == "acknowledge" for role in row.who} == {CASEWORKER}


@each_table
def test_a_team_lead_may_do_all_that_a_consultant_may_do(name):  # F-024
    assert all(TEAM_LEAD in row.who for row in TABLES[name] if CONSULTANT in row.who)


def test_a_partner_never_touches_a_referral_a_match_or_a_placement():
    for table in (REFERRAL, INTAKE, REFUSAL, MATCH, PLACEMENT):
        assert not [row.action for row in table if PARTNER in row.who]


def test_what_the_system_alone_does_is_refused_to_every_human():
    alone = {(name, row.action) for name, rows in TABLES.items() for row in rows if row.who == {SYSTEM}}
    assert alone == {
        ("referral", "expire"), ("agreement", "close"), ("placement", "plan"), ("placement", "extend"),
        ("placement", "shorten"), ("placement", "adjust"), ("partner_request", "expire"),
    }
    for name, action in alone:
        answers = {expected for _, act, _, expected in triples(TABLES[name], HUMAN_ROLES) if act == action}
        assert answers == {403}


@pytest.mark.parametrize(("table", "triple", "expected"), [
    (REFERRAL, ("sent", "accept", CONSULTANT), "ok"),
    (REFERRAL, ("sent", "accept", CASEWORKER), 403),  # F-001: nobody accepts on the receiver's behalf
    (REFERRAL, ("draft", "accept", CASEWORKER), 403),  # the role is judged before the state
    (REFERRAL, ("draft", "accept", TEAM_LEAD), 409),
    (REFERRAL, ("voided", "void", ADMINISTRATOR), 409),
    (REFERRAL, ("completed", "acknowledge_outcome", CASEWORKER), "ok"),
    (INTAKE, (None, "book", CASEWORKER), "ok"),
    (INTAKE, (None, "book", PARTNER), 403),
    (MATCH, ("chosen", "withdraw", CONSULTANT), "ok"),
    (MATCH, ("chosen", "decline", CONSULTANT), 409),
    (AGREEMENT, ("awaiting_grant", "grant", CONSULTANT), 403),
    (AGREEMENT, ("draft", "grant", CASEWORKER), 409),
    (AGREEMENT, ("draft", "conclude", CONSULTANT), "ok"),
    (AGREEMENT, ("refused", "conclude", CONSULTANT), 409),
    (PLACEMENT, ("planned", "end", CONSULTANT), 409),
    (PARTNER_REQUEST, ("offered", "agree", COORDINATOR), "ok"),
    (PARTNER_REQUEST, ("offered", "agree", PARTNER), 409),  # nobody accepts their own offer
    (PARTNER_REQUEST, ("requested", "agree", COORDINATOR), 409),  # nor their own request
    (PARTNER_REQUEST, ("acknowledged", "deliver", PARTNER), 409),
    (PARTNER_ANSWER, ("acknowledged", "deliver", PARTNER), "ok"),
])
def test_a_triple_says_what_the_document_says(table, triple, expected):
    assert {t[:3]: t[3] for t in triples(table, HUMAN_ROLES)}[triple] == expected


@each_table
def test_every_state_action_and_role_is_asked_exactly_once(name):
    asked = [t[:3] for t in triples(TABLES[name], HUMAN_ROLES)]
    made = {row.action for row in TABLES[name] if not row.frm}
    done = {row.action for row in TABLES[name]} - made
    assert len(asked) == len(set(asked)) == len(HUMAN_ROLES) * (len(done) * len(STATES[name]) + len(made))
