# SPDX-License-Identifier: MPL-2.0
"""The pages of matching as a consultant, a team lead, a caseworker and a coordinator meet them."""
from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from jobtrappen.db import writing
from jobtrappen.web.pages import words
from jobtrappen_matching.model import Candidate
from tests.pages.browser import Browser, Page
from tests.pages.statements import counted
from tests.support.stages_matching import (
    DAY,
    YES,
    a_chosen_match,
    a_cvr,
    a_draft,
    a_known_case,
    a_match,
    a_partners_key,
    a_workplace,
    act,
    an_interview,
    an_opening,
    asking,
    ordinary,
)
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, TODAY, World, a_world

AGO = (TODAY - timedelta(weeks=3)).isoformat()
SCRIPT = '<script>alert("x")</script>'
TERMS = {"prospect": "job_here", "purpose": "Afprøve faget", "long_term_goal": "Blive bager", "responsibilities.employer": "Oplæring",
         "responsibilities.consultant": "Ugentlig kontakt"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with a_world(tmp_path_factory.mktemp("matching"), services=["referral", "matching"]) as made:
        yield made


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Browser]:
    return {name: Browser(world.apps["matching"], name) for name in (CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR)}


@pytest.fixture
def mehmet(people: dict[str, Browser]) -> Browser:
    return people[CONSULTANT]


@pytest.fixture
def karen(people: dict[str, Browser]) -> Browser:
    return people[CASEWORKER]


def ready(world: World, step: str = "internship", **more: Any) -> str:
    """A case whose assessment is confirmed, as matching has heard. Returns: its id."""
    case = a_known_case(world, **more)
    with writing(world.runtimes["matching"].engine) as session:
        found = session.get_one(Candidate, UUID(case))
        found.ready, found.start_step = True, step
    return case


def line(page: Page, name: str, begins: str = "") -> str:
    """Where the line of work for this name leads."""
    return next(address for address, text in page.links if name in text and text.startswith(begins))


def status(world: World, kind: str, id: str) -> str:
    return world.matching(CONSULTANT).get(f"/{kind}/{id}").json["status"]


# --- my work ----------------------------------------------------------------------------------------------------------
def test_a_candidate_without_a_place_stands_in_my_work_and_leads_to_her_case(world: World, mehmet: Browser) -> None:
    case = ready(world, given_name="Zara", family_name="Uden Plads")
    assert line(mehmet.get("/"), "Zara Uden Plads", "Find en plads") == f"/cases/{case}"
    assert a_match(world, case, an_opening(world)).status == 201
    assert "Find en plads: Zara" not in mehmet.get("/").text


def test_each_line_lands_on_the_form_of_what_is_next_and_the_overdue_stand_first(world: World, mehmet: Browser) -> None:
    case, client = ready(world, given_name="Olga", family_name="Overskredet"), world.matching(CONSULTANT)
    made = {}
    for name, steps in {"present": [], "book_interview": ["present"], "hold_interview": ["present", "book_interview"], "agree": ["present", "offer"]}.items():
        made[name] = a_match(world, case, an_opening(world, effective_date=AGO), effective_date=AGO).id
        bodies = {"present": {"citizen_yes_on": AGO, "presentation_id": "sag-1"}, "book_interview": an_interview(),
                  "offer": {"step": "internship", "wished_start": "2026-12-01"}}
        for step in steps:
            assert client.post(f"/matches/{made[name]}/{step}", {**bodies[step], "effective_date": AGO}).status == 200
    page = mehmet.get("/")
    hers = [address for address, text in page.links if "Olga Overskredet" in text]
    assert set(hers) == {f"/matches/{id}/{form}" for form, id in made.items()}
    assert page.text.index("Overskredet:") < page.text.index("Skriv, hvordan samtalen gik: Olga") and "overskred" in page.text
    for address in hers:
        assert mehmet.get(address).status == 200 and "Olga" not in address
    only = mehmet.get("/?why=hold_interview")
    assert [a for a, t in only.links if "Olga" in t] == [f"/matches/{made['hold_interview']}/hold_interview"]


def test_an_interview_to_which_she_did_not_come_leads_to_the_match(world: World, mehmet: Browser) -> None:
    case = ready(world, given_name="Ida", family_name="Udeblev")
    match = a_match(world, case, an_opening(world)).id
    for step, body in (("present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"}), ("book_interview", an_interview())):
        assert world.matching(CONSULTANT).post(f"/matches/{match}/{step}", body).status == 200
    form = mehmet.get(f"/matches/{match}/hold_interview")
    assert form.form().values["attended"] == ["true"]
    assert mehmet.send(form, attended="false", citizen_feedback="Syg bus", employer_feedback="Ventede").status == 200
    assert world.matching(CONSULTANT).get(f"/matches/{match}").json["attended"] is False
    assert line(mehmet.get("/"), "Ida Udeblev", "Kom ikke") == f"/matches/{match}"


def test_a_consultant_has_her_own_and_a_team_lead_everybodys(world: World, people: dict[str, Browser]) -> None:
    case = ready(world, given_name="Tove", family_name="Teams")
    workplace = a_workplace(world, responsible="rikke")
    match = a_match(world, case, an_opening(world, workplace=workplace), TEAM_LEAD).id
    assert f"/matches/{match}/present" not in people[CONSULTANT].get("/").html
    assert line(people[TEAM_LEAD].get("/"), "Tove Teams") == f"/matches/{match}/present"
    mine = a_match(world, case, an_opening(world), TEAM_LEAD).id  # at a workplace that mehmet answers for
    assert f"/matches/{mine}/present" in people[CONSULTANT].get("/").html


def test_a_long_list_is_paged_and_every_line_comes_once(world: World, mehmet: Browser) -> None:
    for n in range(3):
        ready(world, given_name=f"Side{n}", family_name="Deling")
    client, seen, after = world.matching(CONSULTANT), [], None
    while True:
        page = client.get("/work", limit=2, **({"after": after} if after else {})).json
        seen += [(one["due_on"], one["id"]) for one in page["items"]]
        if (after := page["next"]) is None:
            break
    assert seen == sorted(seen) and len(seen) == len(set(seen)) == page["total"]
    for strange in ("2026-13-99_" + "0" * 36, "0001-01-01_" + "0" * 32, f"0001-01-01_{uuid4()}", "2026-11-23_" + "-" * 36):
        assert client.get("/work", after=strange).status == 422
    assert mehmet.get("/?after=nonsense").status == 422 and mehmet.get(f"/?why={SCRIPT}").status == 422


def test_the_number_of_questions_to_the_database_does_not_grow_with_what_is_shown(world: World, mehmet: Browser) -> None:
    case = ready(world)
    an_opening(world)
    pages = ("/", "/openings", "/employers", f"/cases/{case}")
    before = {}
    for path in pages:
        mehmet.get(path)
        with counted(world.runtimes["matching"].engine) as sent:
            mehmet.get(path)
        before[path] = len(sent)
    for _ in range(4):
        a_match(world, case, an_opening(world))
        ready(world)
    for path in pages:
        with counted(world.runtimes["matching"].engine) as sent:
            mehmet.get(path)
        assert len(sent) <= before[path] + (1 if path == "/" else 0) and len(sent) < 25, (path, before[path], len(sent))


# --- who may see what -------------------------------------------------------------------------------------------------
def test_each_page_is_there_for_those_whose_work_it_is(world: World, people: dict[str, Browser]) -> None:
    case, opening = ready(world), an_opening(world)
    match = a_match(world, case, opening).id
    place = world.matching(CONSULTANT).get(f"/openings/{opening}").json
    agreement = a_draft(world, case_id=case, workplace_id=place["workplace_id"], measure="internship").id
    consultants, staff, all_three = {CONSULTANT, TEAM_LEAD}, {CONSULTANT, TEAM_LEAD, CASEWORKER}, {CONSULTANT, TEAM_LEAD, CASEWORKER, COORDINATOR}
    seen_by = {
        f"/cases/{case}": staff, f"/matches/{match}": staff, f"/agreements/{agreement}": staff, f"/agreements/{agreement}/letter": consultants,
        "/employers": all_three, f"/employers/{place['employer_id']}": all_three, f"/workplaces/{place['workplace_id']}": all_three, "/openings": all_three,
        f"/openings/{opening}": all_three, "/employers/new": consultants, f"/matches/{match}/agree": consultants, f"/agreements/{agreement}/request_grant": consultants,
        f"/agreements/{agreement}/grant": {CASEWORKER}, f"/agreements/{agreement}/refuse_grant": {CASEWORKER}, f"/agreements/{agreement}/cancel": staff,
    }
    for path, readers in seen_by.items():
        for name, browser in people.items():
            assert browser.get(path).status == (200 if name in readers else 403), (path, name)
    assert Browser(world.apps["matching"]).get(f"/cases/{case}").status == 401


def test_a_coordinator_begins_with_the_openings_and_an_administrator_with_the_operation(people: dict[str, Browser], world: World) -> None:
    an_opening(world, title="Tjener til terrassen")
    page = people[COORDINATOR].get("/", follow=True)
    assert page.address == "/openings" and "Tjener til terrassen" in page.text and not page.has_link("/openings/new")
    assert people[ADMINISTRATOR].get("/", follow=True).address == "/operation"


def test_a_caseworker_sees_the_case_without_the_person_and_may_not_propose(world: World, karen: Browser, mehmet: Browser) -> None:
    case = ready(world, given_name="Navneløs", family_name="Borger")
    an_opening(world)
    assert "Navneløs" in mehmet.get(f"/cases/{case}").text and mehmet.get(f"/cases/{case}").has_link("/matches/new")
    page = karen.get(f"/cases/{case}")
    assert page.status == 200 and "Navneløs" not in page.html and not page.has_link("/matches/new")


def test_a_protected_candidate_has_no_name_on_any_page(world: World, mehmet: Browser) -> None:
    case = ready(world, given_name="Hemmelig", family_name="Person", protected=True)
    match = a_match(world, case, an_opening(world)).id
    for path in ("/", f"/cases/{case}", f"/matches/{match}", f"/matches/{match}/agree"):
        assert "Hemmelig" not in mehmet.get(path).html, path
    assert "Navne- og adressebeskyttelse" in mehmet.get(f"/cases/{case}").text


def test_other_peoples_ids_are_not_found(people: dict[str, Browser]) -> None:
    strange = uuid4()
    for path in ("/cases/{}", "/matches/{}", "/agreements/{}", "/agreements/{}/letter", "/employers/{}", "/workplaces/{}", "/openings/{}", "/matches/{}/agree", "/agreements/{}/conclude"):
        assert people[CONSULTANT].get(path.format(strange)).status == 404, path


def test_another_authority_sees_and_grants_only_what_is_asked_of_it(world: World) -> None:
    partner, case = str(uuid4()), ready(world, given_name="Agnete", family_name="Ansøgt")
    agreement = a_draft(world, case_id=case, workplace_id=a_workplace(world), measure="internship").id
    assert act(world, agreement, "request_grant", asking(partner_id=partner)).status == 200
    key = a_partners_key(world, partner)
    browser = Browser(world.apps["matching"], key=key)
    page = browser.get(f"/agreements/{agreement}")
    assert page.status == 200 and "Agnete" not in page.html and "Blive bager" not in page.html and "Virksomhedspraktik" in page.text
    assert browser.get(f"/agreements/{agreement}/grant").status == 200 and browser.get(f"/cases/{case}").status == 403


# --- the main path ----------------------------------------------------------------------------------------------------
class Clicks:
    """Counts what a person presses and chooses; typing is not counted."""

    def __init__(self) -> None:
        self.made = 0

    def follow(self, browser: Browser, address: str) -> Page:
        self.made += 1
        page = browser.get(address)
        assert page.status == 200, (address, page.text)
        return page

    def send(self, browser: Browser, page: Page, choices: int = 0, **typed: Any) -> Page:
        self.made += 1 + choices
        done = browser.send(page, **typed)
        assert done.status == 200, done.text
        return done


def test_from_my_work_to_a_concluded_internship_in_nine_interactions_of_three_visits(world: World, mehmet: Browser, karen: Browser) -> None:
    ready(world, "wage_subsidy", given_name="Nima", family_name="Nikolli")
    opening = an_opening(world, measure="wage_subsidy", weekly_hours=30, tasks="Bage rundstykker", title="Bagerassistent hos Nærby")
    clicks = Clicks()
    page = clicks.follow(mehmet, line(mehmet.get("/"), "Nima Nikolli"))
    form = clicks.follow(mehmet, page.link(f"opening_id={opening}"))
    assert {"case_id", "opening_id", "measure"} <= form.form().hidden and "Bagerassistent hos Nærby" in form.text and "Nima Nikolli" in form.text
    form = clicks.send(mehmet, form, reason="Vil gerne bage", next="agree")
    given = form.form().values
    assert given["citizen_yes_on"] == given["employer_yes_on"] == [DAY] and given["weekly_hours"] == ["30"] and given["tasks"] == ["Bage rundstykker"]
    assert given["starts_on"] == ["2026-11-30"] and given["ends_on"] == ["2027-05-30"] and "prospect" not in given
    shown = clicks.send(mehmet, form, choices=1, **TERMS)
    agreement = shown.address.rsplit("/", 1)[1]
    assert "Afventer bevilling" in shown.text
    form = clicks.follow(karen, f"/agreements/{agreement}/grant")
    assert f"/agreements/{agreement}/grant" in karen.get("/").html and "Afprøve faget" in form.text and form.has_link("/refuse_grant")
    assert clicks.send(karen, form, basis="LAB § 57").address == "/"
    form = clicks.follow(mehmet, line(mehmet.get("/"), "Nima Nikolli", "Bevilget"))
    assert form.form().hidden >= {"measure", "starts_on", "ends_on", "weekly_hours", "prospect", "purpose"} and form.form().values["citizen_yes_on"] == [DAY]
    shown = clicks.send(mehmet, form)
    assert "Indgået" in shown.text and status(world, "agreements", agreement) == "concluded"
    assert clicks.made == 9
    assert line(mehmet.get("/"), "Nima Nikolli", "Begynder") == f"/agreements/{agreement}"


def test_an_ordinary_job_is_concluded_when_both_yeses_are_sent(world: World, mehmet: Browser) -> None:
    case = ready(world, step="ordinary_job")
    match = a_match(world, case, an_opening(world, measure="ordinary_job", weekly_hours=37)).id
    page = mehmet.get(f"/matches/{match}")
    first = next(a for a, t in page.links if t == "Begge har sagt ja: lav aftalen")
    form = mehmet.get(first)
    assert "Der kræves ingen bevilling" in form.text and "prospect" in form.form().hidden
    shown = mehmet.send(form, purpose="Fast arbejde", long_term_goal="Blive bager")
    assert shown.status == 200 and "Aftalen er indgået" in shown.text
    assert mehmet.get(f"/matches/{match}").link("Til aftalen") == shown.address


def test_a_chosen_match_becomes_an_agreement_without_asking_again(world: World, mehmet: Browser) -> None:
    match = a_chosen_match(world, ready(world, given_name="Cilla", family_name="Chosen"), an_opening(world))
    form = mehmet.get(line(mehmet.get("/"), "Cilla Chosen", "Lav aftalen"))
    assert form.form().hidden >= {"measure", "reason_code", "citizen_yes_on", "employer_yes_on"}
    assert "Afventer bevilling" in mehmet.send(form, **TERMS).text
    draft = mehmet.get(f"/agreements/new?match_id={a_chosen_match(world, ready(world), an_opening(world))}")
    next_form = mehmet.send(draft)
    assert next_form.address.endswith("/request_grant") and next_form.form().values["step"] == ["internship"] and match


def test_an_agreement_without_an_opening_is_drafted_from_the_case(world: World, mehmet: Browser) -> None:
    case, workplace = ready(world), a_workplace(world)
    form = mehmet.get(mehmet.get(f"/cases/{case}").link("Skriv et aftaleudkast"))
    assert workplace in form.form().choices["workplace_id"]
    asked = mehmet.send(form, workplace_id=workplace, measure="ordinary_job", purpose="Fast arbejde", long_term_goal="Blive bager")
    assert asked.address.endswith("/conclude") and asked.form().values["long_term_goal"] == ["Blive bager"]
    assert "Aftalen er indgået" in mehmet.send(asked).text


def test_a_refused_grant_comes_back_with_what_would_help(world: World, mehmet: Browser, karen: Browser) -> None:
    case = ready(world, given_name="Rasmus", family_name="Refused")
    agreement = a_draft(world, case_id=case, workplace_id=a_workplace(world), measure="internship").id
    assert act(world, agreement, "request_grant", asking()).status == 200
    assert karen.fill(f"/agreements/{agreement}/refuse_grant", reason="For lang en periode", what_would_help="Fire uger").address == "/"
    form = mehmet.get(line(mehmet.get("/"), "Rasmus Refused", "Afslået"))
    assert "Fire uger" in form.text and "For lang en periode" in form.text and form.form().values["purpose"] == ["Afprøve opgaver"]
    assert "Afventer bevilling" in mehmet.send(form, ends_on="2026-12-21").text


def test_all_three_steps_of_agreeing_are_taken_or_none(world: World) -> None:
    match, client = a_match(world, ready(world), an_opening(world)).id, world.matching(CONSULTANT)
    whole = {**YES, "reason_code": "best_fit", **{k: v for k, v in asking().items() if k != "step"}}
    for wrong in ({"ends_on": "2028-01-01"}, {"prospect": None}, {"reason_code": None}, {"weekly_hours": 38}):
        body = {k: v for k, v in {**whole, **wrong}.items() if v is not None}
        answer = client.post(f"/matches/{match}/agree", body)
        assert answer.status == 422 and answer.json["errors"][0]["field"] == next(iter(wrong)), answer.text
        assert status(world, "matches", match) == "proposed" and client.get("/agreements", match_id=match).json["total"] == 0
    done = client.post(f"/matches/{match}/agree", whole)
    assert (done.status, done.json["status"], status(world, "matches", match)) == (200, "awaiting_grant", "chosen")
    assert client.post(f"/matches/{match}/agree", whole).status == 409


def test_a_change_shows_the_one_field_that_it_is_about(world: World, mehmet: Browser) -> None:
    agreement = a_draft(world, case_id=ready(world), workplace_id=a_workplace(world), **ordinary(ends_on="2027-01-31")).id
    assert act(world, agreement, "conclude", YES).status == 200
    page = mehmet.get(f"/agreements/{agreement}")
    form = mehmet.get(page.link("Forlæng"))
    shown = {name for name in form.form().values if name not in form.form().hidden}
    assert shown == {"ends_on", "reason", "citizen_statement", "decided_on", "effective_date"}
    wrong = mehmet.send(form, ends_on="2026-12-24", reason="Går godt", citizen_statement="Vil gerne")
    assert wrong.status == 422 and "forkort" in wrong.errors["ends_on"] and "grant_basis" in wrong.form().hidden
    assert mehmet.send(wrong, ends_on="2027-03-31").status == 200
    assert world.matching(CONSULTANT).get(f"/agreements/{agreement}").json["ends_on"] == "2027-03-31"


# --- employers, workplaces, openings ----------------------------------------------------------------------------------
def test_from_a_cvr_number_to_an_opening_in_three_forms_that_follow_each_other(mehmet: Browser) -> None:
    cvr = a_cvr(40_000)
    page = mehmet.get(f"/employers?cvr={cvr}")
    assert "Ingen virksomhed har dette CVR-nummer" in page.text
    form = mehmet.get(page.link(f"cvr={cvr}"))
    assert form.form().values["cvr"] == [cvr] and form.form().values["sector"] == ["private"]
    form = mehmet.send(form, name="Café Ordlyd")
    assert form.form().values["name"] == ["Café Ordlyd"] and form.form().values["responsible"] == ["mehmet"] and "employer_id" not in form.form().values
    form = mehmet.send(form, p_number="7000000001", address="Havnen 2")
    assert "workplace_id" in form.form().hidden and form.form().values["places.0.measure"] == ["internship"]
    page = mehmet.send(form, title="Tjener")
    assert "Café Ordlyd" in page.text and "Tjener" in page.text and "1 af 1 ledige" in page.text
    page = mehmet.send(mehmet.get(page.link("Tilføj kontaktperson")), name="Bente", phone="11223344")
    assert "Bente 11223344" in page.text
    assert [t for a, t in mehmet.get(f"/employers?cvr={cvr}").links if a.startswith("/employers/") and t == "Café Ordlyd"]


def test_an_opening_shows_its_places_and_matches_and_is_closed(world: World, mehmet: Browser, people: dict[str, Browser]) -> None:
    opening, case = an_opening(world, places=2), ready(world)
    match = a_match(world, case, opening).id
    page = mehmet.get(f"/openings/{opening}")
    assert page.has_link(f"/matches/{match}") and not people[COORDINATOR].get(f"/openings/{opening}").has_link("/matches/")
    changed = mehmet.send(mehmet.get(page.link("Ret jobåbningen")), weekly_hours="20")
    assert "20" in changed.text and world.matching(CONSULTANT).get(f"/openings/{opening}").json["places"][0]["places"] == 2
    closed = mehmet.send(mehmet.get(page.link("Luk jobåbningen")), reason="Besat")
    assert "Lukket" in closed.text or "Afsluttet" in closed.text
    assert status(world, "matches", match) == "withdrawn" and not mehmet.get(f"/openings/{opening}").has_link("/change")
    assert opening not in mehmet.get("/openings").html and mehmet.get("/openings?status=closed").has_link(opening)
    assert mehmet.get("/openings?status=nonsense").status == 422


def test_a_case_shows_what_fits_and_on_asking_why_others_do_not(world: World, mehmet: Browser) -> None:
    case = ready(world, "education")
    full, free = an_opening(world, measure="education", title="Optaget plads"), an_opening(world, measure="education", title="Ledig plads")
    a_chosen_match(world, case, full)
    page = mehmet.get(f"/cases/{case}")
    assert page.has_link(free) and not page.has_link(full)
    everything = mehmet.get(f"/cases/{case}?measure=education&all=1")
    assert "Passer ikke: ingen ledig plads" in everything.text and everything.has_link(f"/openings/{full}") and not everything.has_link(f"opening_id={full}")
    assert "Vælg det trin" in mehmet.get(f"/cases/{a_known_case(world)}").text


def test_a_returned_case_says_so_and_offers_nothing(world: World, mehmet: Browser) -> None:
    case = ready(world)
    an_opening(world)
    with writing(world.runtimes["matching"].engine) as session:
        session.get_one(Candidate, UUID(case)).status = "returned"
    page = mehmet.get(f"/cases/{case}")
    assert "tilbage hos sagsbehandleren" in page.text and not page.has_link("/matches/new") and not page.has_link("/agreements/new")


# --- the letter -------------------------------------------------------------------------------------------------------
def test_the_letter_says_who_what_and_when_in_both_languages_and_nothing_of_her_life(world: World, mehmet: Browser) -> None:
    case = ready(world, given_name="Leyla", family_name="Brevlæser")
    workplace = a_workplace(world, address="Torvet 7")
    assert world.matching(CONSULTANT).post(f"/workplaces/{workplace}/contacts", {"name": "Bo Bager", "phone": "11223344"}).status == 201
    agreement = a_draft(world, case_id=case, workplace_id=workplace, **ordinary(tasks="Bage brød", purpose="Angst for mange mennesker", wage="145 kr. i timen")).id
    before = mehmet.get(f"/agreements/{agreement}/letter")
    assert "Leyla" not in before.html and "ikke aftalt endnu" in before.text
    assert act(world, agreement, "conclude", YES).status == 200
    letter = mehmet.get(mehmet.get(f"/agreements/{agreement}").link("Brev til virksomheden"))
    for wanted in ("Leyla Brevlæser", "Ordinært job", "1. dec. 2026", "37 timer om ugen", "Bage brød", "145 kr. i timen", "Att. Bo Bager", "Torvet 7", "mehmet"):
        assert wanted in letter.text, wanted
    for hidden in ("Angst", "Blive bager", case, "§"):
        assert hidden not in letter.html.split("<article")[1].split("</article>")[0], hidden
    english = mehmet.get(letter.link("The letter in English").replace("?", f"/agreements/{agreement}/letter?"))
    assert "Dear Bo Bager" in english.text and "37 hours a week" in english.text and 'lang="en"' in english.html
    assert "Kære Bo Bager" in mehmet.get(f"/agreements/{agreement}/letter").text
    navigation = re.findall(r"<(?:nav|p|footer|button)[^>]*>", letter.html.split("<main")[0] + letter.html.split("<article")[0].split("<main")[1])
    assert all("d-print-none" in tag for tag in navigation if tag.startswith("<nav") or "jt-actions" in tag)


# --- what people do wrong ---------------------------------------------------------------------------------------------
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(world: World, mehmet: Browser) -> None:
    match = a_match(world, ready(world), an_opening(world)).id
    form = mehmet.get(f"/matches/{match}/agree")
    empty = mehmet.send(form, purpose="Kun formålet", starts_on="", weekly_hours="99")
    assert empty.status == 422 and {"starts_on", "weekly_hours", "long_term_goal"} <= set(empty.errors)
    assert empty.form().values["purpose"] == ["Kun formålet"] and empty.form().values["weekly_hours"] == ["99"] and 'id="errors"' in empty.html
    late = mehmet.send(empty, starts_on="2026-11-30", weekly_hours="30", ends_on="2028-01-01", **TERMS)
    assert late.status == 422 and "uger" in late.errors["ends_on"] and late.form().values["responsibilities.employer"] == ["Oplæring"]
    unsaid = mehmet.send(late, ends_on="2026-12-27", prospect="clarification")
    assert unsaid.status == 422 and "learning_goals" in unsaid.errors
    assert "Afventer bevilling" in mehmet.send(unsaid, learning_goals="Komme til tiden").text


def test_a_wrong_or_known_cvr_number_is_told_at_once(world: World, mehmet: Browser) -> None:
    assert "otte cifre" in mehmet.get("/employers?cvr=12").errors["cvr"]
    wrong = mehmet.fill("/employers/new", cvr="12345678", name="X")
    assert wrong.status == 422 and "CVR" in wrong.errors["cvr"] and wrong.form().values["name"] == ["X"]
    cvr = a_cvr(41_000)
    assert mehmet.fill("/employers/new", cvr=cvr, name="En").status == 200
    twice = mehmet.fill("/employers/new", cvr=cvr, name="To")
    assert twice.status == 409 and "allerede oprettet" in twice.text


def test_a_form_that_is_sent_twice_makes_one(world: World, mehmet: Browser) -> None:
    case, opening = ready(world), an_opening(world)
    form = mehmet.get(f"/matches/new?case_id={case}&opening_id={opening}&measure=internship")
    first, second = (mehmet.send(form, reason="Passer godt") for _ in range(2))
    assert first.address == second.address and world.matching(CONSULTANT).get("/matches", case_id=case).json["total"] == 1
    agree = mehmet.get(f"{first.address}/agree")
    assert mehmet.send(agree, **TERMS).address == mehmet.send(agree, **TERMS).address
    assert world.matching(CONSULTANT).get("/agreements", case_id=case).json["total"] == 1


def test_of_two_who_write_the_second_is_told_and_sees_both(world: World, mehmet: Browser, people: dict[str, Browser]) -> None:
    workplace = a_workplace(world, address="Gammel Gade 1")
    mine, hers = mehmet.get(f"/workplaces/{workplace}/change"), people[TEAM_LEAD].get(f"/workplaces/{workplace}/change")
    assert people[TEAM_LEAD].send(hers, address="Ny Gade 2").status == 200
    stale = mehmet.send(mine, address="Min Gade 3")
    assert stale.status == 412 and "Ny Gade 2" in stale.text and "Min Gade 3" in stale.text and stale.form().values["address"] == ["Min Gade 3"]
    assert mehmet.send(stale).status == 200 and "Min Gade 3" in mehmet.get(f"/workplaces/{workplace}").text


def test_html_is_shown_as_it_was_typed_and_is_never_run(world: World, mehmet: Browser) -> None:
    employer = world.matching(CONSULTANT).post("/employers", {"cvr": a_cvr(42_000), "name": SCRIPT, "sector": "private"}).id
    workplace = a_workplace(world, employer, address=SCRIPT)
    assert world.matching(CONSULTANT).post(f"/workplaces/{workplace}/contacts", {"name": SCRIPT, "phone": SCRIPT[:30]}).status == 201
    opening, case = an_opening(world, workplace=workplace, title=SCRIPT, tasks=SCRIPT, conditions=SCRIPT), ready(world, given_name=SCRIPT, family_name="‮اسم 🥐")
    match = a_match(world, case, opening, reason=SCRIPT).id
    agreement = a_draft(world, case_id=case, workplace_id=workplace, **ordinary(tasks=SCRIPT, mentor=SCRIPT, wage=SCRIPT)).id
    assert act(world, agreement, "conclude", YES).status == 200
    for path in ("/", "/employers", "/openings", f"/employers/{employer}", f"/workplaces/{workplace}", f"/openings/{opening}", f"/cases/{case}", f"/matches/{match}",
                 f"/matches/{match}/agree", f"/agreements/{agreement}", f"/agreements/{agreement}/letter", f"/matches/new?case_id={case}&opening_id={opening}",
                 f"/agreements/new?case_id={case}", f"/employers?cvr={SCRIPT}"):
        page = mehmet.get(path)
        assert page.status == 200 and "<script>alert" not in page.html, path
    assert mehmet.fill("/employers/new", cvr="1", name=SCRIPT).form().values["name"] == [SCRIPT]


def test_every_link_of_every_page_leads_somewhere(world: World, people: dict[str, Browser]) -> None:
    case, opening = ready(world), an_opening(world)
    match = a_match(world, case, opening).id
    place = world.matching(CONSULTANT).get(f"/openings/{opening}").json
    agreement = a_draft(world, case_id=case, workplace_id=place["workplace_id"], **ordinary()).id
    assert act(world, agreement, "conclude", YES).status == 200
    begin = ["/", "/employers", "/openings", f"/employers/{place['employer_id']}", f"/workplaces/{place['workplace_id']}", f"/openings/{opening}", f"/cases/{case}", f"/matches/{match}",
             f"/agreements/{agreement}", "/matches", "/agreements", "/workplaces"]
    for name in (CONSULTANT, CASEWORKER, COORDINATOR):
        pages = [page for path in begin if (page := people[name].get(path)).status == 200]
        ours = (case, match, agreement, opening, place["employer_id"], place["workplace_id"])
        kinds = {re.sub(r"[0-9a-f-]{36}", "…", a): a for page in pages for a, _t in page.links if any(id in a for id in ours)}
        assert kinds
        for address in kinds.values():
            assert people[name].get(address).status in (200, 303), (name, address)


def test_no_page_shows_a_code_without_words_in_danish_or_english(world: World, mehmet: Browser) -> None:
    case, opening = ready(world, readiness="job_ready", benefit="cash_benefit", target_group="cash_benefit_recipient"), an_opening(world, until="2027-05-01", tasks="Bage")
    match, place = a_match(world, case, opening).id, world.matching(CONSULTANT).get(f"/openings/{opening}").json
    agreement = a_draft(world, case_id=case, workplace_id=place["workplace_id"], measure="internship").id
    assert act(world, agreement, "request_grant", asking()).status == 200
    folders = (words.HERE, world.runtimes["matching"].service.site.folder / "locale")  # type: ignore[union-attr]
    paths = ("/", "/employers", "/openings", f"/cases/{case}?all=1", f"/matches/{match}", f"/matches/{match}/agree", f"/matches/{match}/decline", f"/matches/{match}/book_interview",
             f"/agreements/{agreement}", f"/agreements/{agreement}/letter", f"/employers/{place['employer_id']}", f"/workplaces/{place['workplace_id']}",
             f"/openings/{opening}", "/openings/new", f"/workplaces/{place['workplace_id']}/contacts/new", f"/workplaces/{place['workplace_id']}/responsible", "/matches", "/agreements")
    for language in words.LANGUAGES:
        mehmet.post("/language", csrf_token=mehmet.get("/").form_token, language=language)
        for path in paths:
            assert mehmet.get(path).status == 200, path
        assert words.catalogue(language, folders).missed == set(), language
    mehmet.post("/language", csrf_token=mehmet.get("/").form_token, language="da")
