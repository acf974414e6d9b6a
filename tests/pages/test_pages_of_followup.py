# SPDX-License-Identifier: MPL-2.0
"""The pages of followup as a consultant, a team lead and a caseworker meet them."""
from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.bus import Record
from jobtrappen.clock import new_id
from jobtrappen.config import TOPICS
from jobtrappen.web.app import service_app
from jobtrappen.web.pages import words
from tests.pages.browser import Browser, Page
from tests.pages.statements import counted
from tests.support import wording
from tests.support.stages_followup import Matching, a_course, event
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, TODAY, World, a_world

AGO = TODAY - timedelta(weeks=6)
YESTERDAY = TODAY - timedelta(days=1)
SCRIPT = '<script>alert("x")</script>'


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBTRAPPEN_PLUGINS", "referral,followup")
        with a_world(tmp_path_factory.mktemp("followup"), services=["referral", "followup"]) as made:
            yield made


@pytest.fixture(scope="module")
def matching(world: World) -> Matching:
    return Matching(world)


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Browser]:
    return {name: Browser(world.apps["followup"], name) for name in (CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR)}


@pytest.fixture
def mehmet(people: dict[str, Browser]) -> Browser:
    return people[CONSULTANT]


def running(world: World, matching: Matching, case: str, day: date = AGO, **more: Any) -> str:
    """A placement that has started. Returns: its id."""
    placement = matching.placement(case, day=day, starts_on=day, **more)
    started = world.followup(CONSULTANT).post(f"/placements/{placement}/start", {"effective_date": day})
    assert started.status == 200, started.text
    world.settle()
    return placement


def duties(world: World, case: str, **query: Any) -> list[dict[str, Any]]:
    return world.followup(CONSULTANT).get("/duties", case_id=case, limit=200, **query).json["items"]


def contact_path(case: str, duty: dict[str, Any] | None = None) -> str:
    return f"/contacts/new?case_id={case}" + (f"&duty_id={duty['id']}" if duty else "")


def sections(page: Page) -> list[str]:
    return re.findall(r"<h2>([^<]+)</h2>", page.html)


# --- my work and the lists --------------------------------------------------------------------------------------------
def test_my_work_has_the_overdue_first_and_each_line_lands_on_its_action(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO, given_name="Zara", family_name="Dagsværk")
    first = running(world, matching, case)
    second = matching.placement(case, day=AGO + timedelta(days=1), measure="wage_subsidy", starts_on=YESTERDAY)
    for due, text in ((TODAY, "Aflever nøglen"), (TODAY + timedelta(days=2), "Ring til skolen"), (TODAY + timedelta(days=30), "Langt ude")):
        assert world.followup(CONSULTANT).post("/duties", {"case_id": case, "kind": "next_action", "due_on": due, "text": text}).status == 201
    page = mehmet.get("/")
    assert page.status == 200 and sections(page)[:3] == ["Overskredet", "I dag", "Senere i ugen"] and "Langt ude" not in page.text
    assert "Aflever nøglen" in page.text and "Ring til skolen" in page.text
    hers = {text: address for address, text in page.links if "Zara Dagsværk" in text}
    assert f"/placements/{second}/start" in hers["Aftalt start: Zara Dagsværk"] and f"/placements/{second}" in hers["Udeblevet eller ikke begyndt: Aftalt start, Zara Dagsværk"]
    assert re.search(r"/duties/[^/]+/done", hers["Holder det efter 4 uger?: Zara Dagsværk"])
    assert "case_id=" in hers["Opkald på første dag: Zara Dagsværk"] and "duty_id=" in hers["Opkald på første dag: Zara Dagsværk"]
    assert any(a.endswith("/postpone") for t, a in hers.items() if t.startswith("Udsæt"))
    for address in hers.values():
        assert mehmet.get(address).status == 200 and "Zara" not in address
    later = mehmet.get(page.link("due_from="))
    assert sections(later) == ["Efter denne uge"] and "Langt ude" in later.text
    assert first in mehmet.get(f"/courses/{case}").html


def test_my_work_opens_on_ones_own_courses_and_on_what_is_nobodys_and_the_teams_has_an_address(world: World, people: dict[str, Browser], mehmet: Browser) -> None:
    def remember(case: str, who: str, text: str) -> None:
        made = world.followup(who).post("/duties", {"case_id": case, "kind": "next_action", "due_on": TODAY, "text": text})
        assert made.status == 201, made.text

    own, anothers, nobodys = (a_course(world, day=AGO) for _ in range(3))
    remember(own, CONSULTANT, "Ring til min egen")
    remember(nobodys, TEAM_LEAD, "Find en til borgeren")  # who leads the team and writes something down does not take it over
    remember(anothers, CONSULTANT, "Ring til en andens")
    hers = world.followup(TEAM_LEAD).get(f"/courses/{anothers}").json
    assert hers["responsible"] == CONSULTANT, "whoever begins with a course has it"
    form = mehmet.get(mehmet.get(f"/courses/{anothers}").link("Skift ansvarlig"))
    assert form.form().values["responsible"] == [CONSULTANT]
    assert "Ansvarlig: lone" in mehmet.send(form, responsible=TEAM_LEAD).text

    page = mehmet.get("/?kind=next_action&due_by=" + TODAY.isoformat())
    assert "Ring til min egen" in page.text and "Find en til borgeren" in page.text and "Ingen ansvarlig endnu" in page.text and "Ring til en andens" not in page.text
    team = mehmet.get(page.link("Hele teamets"))
    assert "whose=team" in page.link("Hele teamets") and "kind=next_action" in page.link("Hele teamets")
    assert all(text in team.text for text in ("Ring til min egen", "Find en til borgeren", "Ring til en andens")) and "lone" in team.text
    kept = mehmet.get("/?whose=team").form("jt-filter")
    assert kept.values["whose"] == ["team"], "a filter beside it keeps it"
    lone = people[TEAM_LEAD].get(f"/?kind=next_action&due_by={TODAY}")
    assert all(text in lone.text for text in ("Ring til min egen", "Find en til borgeren", "Ring til en andens")), "a team lead begins with the team's"
    assert "Ring til min egen" not in people[TEAM_LEAD].get(lone.link("Mine egne")).text
    counts = world.followup(CONSULTANT).get("/duties/due", whose="mine").json
    assert counts["today"] < world.followup(CONSULTANT).get("/duties/due").json["today"]
    assert world.followup(CONSULTANT).get("/duties", whose="hers").status == 422


def test_a_course_that_was_returned_and_comes_again_is_nobodys(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    assert world.followup(CONSULTANT).post("/contacts", {"case_id": case, "kind": "call", "with": "citizen", "summary": "Hej"}).status == 201
    assert "Ansvarlig: mehmet" in mehmet.get(f"/courses/{case}").text
    assert world.referral(CONSULTANT).post(f"/cases/{case}/return", {"reason": "moved_away", "present_state": "moved_away", "documentation": "Flyttet"}).status in (200, 201), "returned"
    world.settle()
    referred = world.referral(CASEWORKER).post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
    assert world.referral(CASEWORKER).post(f"/referrals/{referred}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}).status == 200
    assert world.referral(CONSULTANT).post(f"/referrals/{referred}/accept", {"responsible": "mehmet", "planned_start": TODAY}).status == 200
    world.settle()
    assert world.followup(CONSULTANT).get(f"/courses/{case}").json["responsible"] is None


def test_a_citizen_is_called_from_the_course_and_from_the_form_of_a_contact(world: World, people: dict[str, Browser], mehmet: Browser) -> None:
    case = a_course(world, day=AGO, given_name="Ringe", family_name="Op", phone="+45 12 34 56 78")
    for path in (f"/courses/{case}", contact_path(case)):
        assert mehmet.get(path).link("+45 12 34 56 78") == "tel:+4512345678", path
    assert "12 34 56 78" not in people[CASEWORKER].get(f"/courses/{case}").text, "a caseworker reads it where the case is at home"
    assert "phone" not in world.followup(CASEWORKER).get(f"/courses/{case}").json


def test_my_work_is_filtered_by_the_address_and_tells_what_it_cannot_read(mehmet: Browser) -> None:
    page = mehmet.get("/?kind=milestone_4")
    assert page.status == 200 and "Holder det efter 4 uger?: " in page.text and "Opkald på første dag: " not in page.text
    assert mehmet.get("/?kind=evaluation&due_by=2020-01-01").text.count("Der er ikke noget af den slags") == 1
    wrong = mehmet.get("/?kind=nonsense&due_by=i%20morgen")
    assert wrong.status == 200 and set(wrong.errors) == {"kind", "due_by"}


def test_my_work_comes_in_pages(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    for n in range(30):
        world.followup(CONSULTANT).post("/duties", {"case_id": case, "kind": "next_action", "due_on": YESTERDAY, "effective_date": AGO, "text": f"Sag nr. {n}."})
    page = mehmet.get(f"/?kind=next_action&due_by={TODAY}")
    following = mehmet.get(page.link("Næste side") if page.has_link("Næste side") else page.link("after="))
    assert page.html.count('class="why"') == 25 and following.html.count('class="why"') >= 5
    assert not set(re.findall(r"Sag nr. \d+\.", page.text)) & set(re.findall(r"Sag nr. \d+\.", following.text))


def test_the_lists_ask_the_database_the_same_number_of_questions_however_many_there_are(world: World, mehmet: Browser) -> None:
    asked: dict[str, set[int]] = {}
    for _round in range(2):
        for path in ("/", "/courses", "/placements"):
            with counted(world.runtimes["followup"].engine) as sent:
                assert mehmet.get(path).status == 200
            asked.setdefault(path, set()).add(len(sent))
        for _ in range(3):
            a_course(world, day=AGO)
    assert all(len(numbers) == 1 for numbers in asked.values()), asked
    assert all(max(numbers) <= 16 for numbers in asked.values()), asked


def test_the_courses_show_step_next_action_and_name_and_are_filtered_by_step(world: World, matching: Matching, mehmet: Browser) -> None:
    running(world, matching, a_course(world, day=AGO, given_name="Uffe", family_name="Uddannelse"), measure="education", weekly_hours=10)
    page = mehmet.get("/courses?step=education")
    assert page.status == 200 and "Uffe Uddannelse" in page.text and "Opkald på første dag" in page.text and "Zara" not in page.text
    assert "Der står ingen" in mehmet.get("/courses?step=flexjob").text
    assert "Uffe" in mehmet.get("/placements?status=active").text and "Uffe" not in mehmet.get("/placements?status=ended").text


def test_a_caseworker_sees_courses_and_no_duties_or_contacts(world: World, matching: Matching, people: dict[str, Browser]) -> None:
    case, karen = a_course(world, day=AGO), people[CASEWORKER]
    placement = running(world, matching, case)
    world.followup(CONSULTANT).post("/contacts", {"case_id": case, "kind": "call", "with": "citizen", "summary": "Kun for konsulenter"})
    assert karen.get("/").headers["Location"] == "/courses" and karen.get("/courses").status == 200
    page = karen.get(f"/courses/{case}")
    assert page.status == 200 and "Amina Prøve" in page.text and 'role="img"' in page.html
    assert "Kun for konsulenter" not in page.text and "Det skal gøres" not in page.text and not page.has_link("/end")
    assert karen.get(f"/placements/{placement}").status == 200 and karen.get("/placements").status == 200
    for path in (contact_path(case), f"/placements/{placement}/end", f"/duties/{duties(world, case)[0]['id']}", "/duties", f"/duties/new?case_id={case}"):
        assert karen.get(path).status == 403, path


def test_others_than_these_three_roles_are_kept_out(world: World, matching: Matching, people: dict[str, Browser]) -> None:
    case = a_course(world, day=AGO)
    placement, duty = running(world, matching, case), duties(world, case, open="true")[0]
    paths = [f"/courses/{case}", "/courses", "/placements", f"/placements/{placement}", f"/placements/{placement}/end", contact_path(case, duty),
             f"/duties/{duty['id']}/done", f"/duties/{duty['id']}/postpone", f"/duties/{duty['id']}", f"/duties/new?case_id={case}"]
    for path in ["/", *paths]:
        assert people[TEAM_LEAD].get(path).status == 200, path
        assert people[COORDINATOR].get(path).status == 403, path
    for path in paths:
        assert people[ADMINISTRATOR].get(path).status == 403, path
    assert people[ADMINISTRATOR].get("/").headers["Location"] == "/operation"
    assert Browser(world.apps["followup"]).get(f"/courses/{case}").status == 401


# --- the course -------------------------------------------------------------------------------------------------------
def test_the_staircase_shows_where_a_citizen_stands_came_from_and_was(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    first = running(world, matching, case)
    change = TODAY - timedelta(days=10)
    assert world.followup(CONSULTANT).post(f"/placements/{first}/end", {"how": "next_step", "effective_date": change}).status == 200
    running(world, matching, case, day=change, measure="education", weekly_hours=20)
    page = mehmet.get(f"/courses/{case}")
    image = re.search(r'<svg class="jt-stairs"[^>]*>', page.html)
    assert image and 'role="img"' in image[0] and "står på Uddannelse" in image[0] and "kom fra Virksomhedspraktik" in image[0]
    drawing = page.html[image.start():page.html.index("</svg>")]
    assert all(text in drawing for text in ("Står her nu", "Kom herfra", "10 dage", "32 dage", "url(#stairs-from)", "stroke-dasharray")) and "style=" not in drawing
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th><td class="day">([^<]+)</td><td class="day">([^<]+)</td><td class="number">(\d+)</td>', page.html)
    assert [(step, until, n) for step, _since, until, n in rows][:2] == [("Uddannelse", "står der nu", "10"), ("Virksomhedspraktik", "13. nov. 2026", "32")]
    assert "Evaluering" in page.text and "videre til næste trin" in page.text


def test_a_course_that_is_not_here_is_not_found(mehmet: Browser) -> None:
    assert mehmet.get(f"/courses/{new_id()}").status == 404
    assert mehmet.get(f"/placements/{new_id()}").status == 404
    assert mehmet.get(f"/placements/{new_id()}/end").status == 404
    assert mehmet.get(f"/duties/{new_id()}/done").status == 404
    assert mehmet.get(f"/contacts/new?case_id={new_id()}").status == 404
    assert mehmet.get("/contacts/new").status == 404 and mehmet.get("/contacts/new?case_id=nonsense").status == 404


def test_a_protected_name_and_one_that_has_not_come_are_told_apart(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=AGO, given_name="Skjult", family_name="Hemmelig", protected=True)
    page = mehmet.get(f"/courses/{case}")
    assert page.status == 200 and "Navnet er beskyttet" in page.text and "Skjult" not in page.text and "Hemmelig" not in mehmet.get("/courses?status=open").text
    assert "Hemmelig" not in mehmet.get(contact_path(case)).text


def test_followup_alone_has_pages_that_work_and_says_that_it_does_not_know_a_name_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOBTRAPPEN_PLUGINS", "followup")
    with a_world(tmp_path, services=["followup"]) as alone:
        mehmet = Browser(alone.apps["followup"], CONSULTANT)
        assert "Der er ikke noget at gøre" in mehmet.get("/").text
        assert "Et forløb åbner af sig selv" in mehmet.get("/courses").text and "De planlægges af sig selv" in mehmet.get("/placements").text
        case = str(new_id())
        made = event("referral.accepted", case, 1, AGO, {"referral_id": str(new_id()), "track": "adult", "planned_start": AGO, "status_to": "accepted"})
        producer = alone.bus.producer("referral")
        assert producer.send([Record(TOPICS["referral"], case.encode(), made.encode())]) == [None]
        producer.close()
        while alone.consume():
            pass
        for path in ("/", "/courses", f"/courses/{case}", contact_path(case), f"/duties/new?case_id={case}", "/reports"):
            page = mehmet.get(path)
            assert page.status == 200, (path, page.text)
            assert path == "/reports" or "Navnet er ikke kendt her endnu" in page.text, (path, page.text)
        assert mehmet.fill(contact_path(case), summary="Talt sammen").status == 200


def test_where_the_others_stand_beside_a_course_leads_to_its_case_and_its_agreement(world: World, matching: Matching) -> None:
    case = a_course(world, day=AGO)
    placement = running(world, matching, case)
    suite = Browser(service_app(world.runtimes["followup"], ["referral", "matching", "followup"]), CONSULTANT)
    assert f"/henvisning/cases/{case}" in [address for address, _ in suite.get(f"/courses/{case}").links]
    assert suite.get(f"/placements/{placement}").has_link("/matchning/agreements/")


# --- a contact --------------------------------------------------------------------------------------------------------
def test_a_contact_is_written_down_in_at_most_eight_steps_and_leads_back_to_my_work(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO, given_name="Olga", family_name="Opkald")
    running(world, matching, case)
    duty = next(d for d in duties(world, case, open="true") if d["kind"] == "first_day_call")
    steps = 1
    form = mehmet.get(contact_path(case, duty))
    found = form.form()
    assert found.values["kind"] == ["call"] and found.values["with"] == ["employer"] and found.values["effective_date"] == [str(TODAY)]
    assert {"case_id", "placement_id"} <= found.hidden and form.html.count("<textarea") == 1 and "radio-large" in form.html
    typed = {"with": "citizen", "summary": "Kom til tiden; glad for kollegerne", "next_action": "Ring om cyklen", "next_due": str(TODAY + timedelta(days=3))}
    steps += len(typed) + 1
    home = mehmet.send(form, **typed)
    assert steps <= 8 and home.status == 200 and "Mine opgaver" in home.text and "Gemt" in home.text
    assert "Ring om cyklen" in [note["text"] for d in duties(world, case, open="true", kind="next_action") for note in d["notes"]]
    assert [d for d in duties(world, case, open="true") if d["kind"] in ("first_contact", "first_day_call", "contact") and d["due_on"] <= str(TODAY)] == []
    course = mehmet.get(f"/courses/{case}")
    assert "Kom til tiden; glad for kollegerne" in course.text and course.has_link(f"/contacts/new?case_id={case}")


def test_one_late_contact_alone_may_be_chosen_and_a_duty_of_another_citizen_may_not(world: World, matching: Matching, mehmet: Browser) -> None:
    case, other = a_course(world, day=AGO), a_course(world, day=AGO)
    running(world, matching, case)
    late = [d for d in duties(world, case, open="true") if d["kind"] == "contact" and d["due_on"] <= str(TODAY)]
    assert mehmet.fill(contact_path(case, late[0]), summary="Kun den ene", duty_id=late[0]["id"]).status == 200
    still = {d["id"] for d in duties(world, case, open="true")}
    assert late[0]["id"] not in still and late[1]["id"] in still
    refused = mehmet.fill(contact_path(other), summary="Forkert borger", duty_id=late[1]["id"])
    assert refused.status == 422 and "Hører ikke til dette forløb" in refused.text and "Forkert borger" in refused.html


def test_a_duty_that_was_done_meanwhile_is_told_and_the_text_is_not_lost(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=TODAY)
    duty = duties(world, case, open="true")[0]
    form = mehmet.get(contact_path(case, duty))
    assert world.followup(TEAM_LEAD).post(f"/duties/{duty['id']}/done", {}).status == 200
    again = mehmet.send(form, summary="Skrevet imens")
    assert again.status == 409 and "Opgaven er gjort" in again.text and "Skrevet imens" in again.html
    assert mehmet.send(again, duty_id="").status == 200
    assert "Skrevet imens" in mehmet.get(f"/courses/{case}").text


def test_what_is_wrong_stands_at_the_field_and_what_was_typed_is_kept(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    empty = mehmet.fill(contact_path(case))
    assert empty.status == 422 and list(empty.errors) == ["summary"] and 'href="#f-summary"' in empty.html
    half = mehmet.send(empty, summary="Første linje\nanden linje 😀 شكرا", next_action="Ring")
    assert half.status == 422 and set(half.errors) == {"next_due"} and "anden linje 😀 شكرا" in half.html
    ahead = mehmet.send(half, next_due=str(TODAY), effective_date=str(TODAY + timedelta(days=1)))
    assert ahead.status == 422 and "24. nov. 2026" not in ahead.errors["effective_date"] and "23. nov. 2026" in ahead.errors["effective_date"]
    long = mehmet.send(ahead, summary="x" * 4001, effective_date="")
    assert long.status == 422 and "summary" in long.errors
    assert mehmet.send(long, summary="Første linje\nanden linje 😀 شكرا").status == 200
    shown = mehmet.get(f"/courses/{case}").html
    assert "Første linje<br>anden linje 😀 شكرا" in shown


def test_sending_twice_makes_one_contact(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    form = mehmet.get(contact_path(case))
    for _ in range(2):
        assert mehmet.send(form, summary="En gang").status == 200
    assert len(world.followup(CONSULTANT).get("/contacts", case_id=case).json["items"]) == 1
    other = mehmet.send(form, summary="En anden tekst med samme nøgle")
    assert other.status == 422 and "En anden tekst med samme nøgle" in other.html
    assert mehmet.send(other).status == 200


def test_html_is_shown_as_it_was_typed(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO, given_name="<b>Fed</b>", family_name="Skrift")
    placement = running(world, matching, case)
    mehmet.fill(contact_path(case), summary=SCRIPT, next_action=SCRIPT, next_due=str(TODAY))
    mehmet.fill(f"/duties/new?case_id={case}", text=SCRIPT, due_on=str(TODAY))
    duty = next(d for d in duties(world, case, open="true") if d["kind"] == "next_action")
    mehmet.fill(f"/duties/{duty['id']}/postpone", reason=SCRIPT)
    wrong = mehmet.fill(contact_path(case), summary=SCRIPT, kind=SCRIPT)
    assert wrong.status == 422
    for page in (wrong, mehmet.get("/"), mehmet.get("/courses"), mehmet.get("/placements"), mehmet.get(f"/courses/{case}"), mehmet.get(f"/duties/{duty['id']}"),
                 mehmet.get(f"/duties/{duty['id']}/done"), mehmet.get(f"/placements/{placement}"), mehmet.get(f"/placements/{placement}/end"), mehmet.get(contact_path(case, duty))):
        assert "<script>alert" not in page.html and "<b>Fed" not in page.html, page.address
    assert "&lt;script&gt;" in mehmet.get(f"/courses/{case}").html


# --- duties -----------------------------------------------------------------------------------------------------------
def test_a_duty_is_postponed_with_a_reason_and_the_one_who_comes_second_sees_both(world: World, mehmet: Browser, people: dict[str, Browser]) -> None:
    case = a_course(world, day=TODAY)
    duty = duties(world, case, open="true")[0]
    path = f"/duties/{duty['id']}/postpone"
    slow = mehmet.get(path)
    assert slow.form().values["due_on"] == ["2026-12-01"]
    assert people[TEAM_LEAD].fill(path, due_on="2026-12-04", reason="Ferie").status == 200
    told = mehmet.send(slow, due_on="2026-12-02", reason="Syg")
    assert told.status == 412 and "4. dec. 2026" in told.text and "2. dec. 2026" in told.text and "Syg" in told.html
    early = mehmet.send(told)
    assert early.status == 422 and "4. dec. 2026" in early.errors["due_on"]
    assert mehmet.send(early, due_on="2026-12-07").status == 200
    shown = mehmet.get(f"/duties/{duty['id']}").text
    assert "Ferie" in shown and "Syg" in shown and "7. dec. 2026" in shown


def test_a_milestone_asks_whether_the_placement_holds(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    running(world, matching, case)
    milestones = [d for d in duties(world, case, open="true") if d["kind"].startswith("milestone")]
    path = f"/duties/{milestones[0]['id']}/done"
    form = mehmet.get(path)
    assert form.form().choices["holds"] == ["true", "false"] and "holds" not in form.form().values
    assert "holds" in mehmet.send(form).errors
    assert mehmet.send(form, holds="true", note="Alt vel", effective_date=str(TODAY)).status == 200
    early = mehmet.fill(f"/duties/{milestones[1]['id']}/done", holds="true")
    assert early.status == 422 and "effective_date" in early.errors and early.form().values["holds"] == ["true"]
    no = mehmet.send(early, holds="false", note="")
    assert no.status == 200, no.text
    assert milestones[1]["id"] not in {d["id"] for d in duties(world, case, open="true")}
    assert mehmet.fill(f"/duties/{milestones[2]['id']}/postpone", reason="x").status == 409


def test_something_to_remember_is_due_in_a_week_if_nobody_says_otherwise(world: World, mehmet: Browser) -> None:
    case = a_course(world, day=TODAY)
    page = mehmet.fill(f"/duties/new?case_id={case}", text="Spørg til børnepasning")
    assert page.status == 200 and "Spørg til børnepasning" in page.text and f"/courses/{case}" in page.address
    assert next(d for d in duties(world, case) if d["kind"] == "next_action")["due_on"] == str(TODAY + timedelta(days=7))


# --- placements -------------------------------------------------------------------------------------------------------
def test_a_start_begins_on_the_agreed_day_and_asks_no_more_than_it_must(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=YESTERDAY)
    form = mehmet.get(f"/placements/{placement}/start")
    assert form.form().values["effective_date"] == [str(YESTERDAY)] and "three_party_meeting_on" in form.form().hidden and "Trepartsmøde" not in form.text
    course = mehmet.send(form)
    assert course.status == 200 and f"/courses/{case}" in course.address and "Opkald på første dag" in course.text
    assert world.followup(CONSULTANT).get(f"/placements/{placement}").json["started_on"] == str(YESTERDAY)


def test_going_up_the_three_party_meeting_is_explained_and_asked_for(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    below = running(world, matching, case, weekly_hours=15)
    placement = matching.placement(case, day=AGO + timedelta(days=1), measure="wage_subsidy", starts_on=YESTERDAY, weekly_hours=20)
    assert "trepartsmøde" in mehmet.get(f"/placements/{placement}").text
    form = mehmet.get(f"/placements/{placement}/start")
    assert "Før borgeren går fra virksomhedspraktik til løntilskud" in form.text
    refused = mehmet.send(form)
    assert refused.status == 422 and "virksomhedspraktik" in refused.errors["three_party_meeting_on"]
    assert mehmet.send(refused, meeting_waived_because="Mødet blev holdt i telefonen").status == 200
    assert world.followup(CONSULTANT).get(f"/placements/{placement}").json["status"] == "active" and below
    assert "Hvilken placering handler det om?" in mehmet.get(contact_path(case)).text


def test_absence_on_the_first_day_and_a_start_that_did_not_come(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    placement = matching.placement(case, day=AGO, starts_on=TODAY)
    form = mehmet.get(f"/placements/{placement}/absent_first_day")
    assert form.form().values["next_due"] == [str(TODAY + timedelta(days=1))]
    assert set(mehmet.send(form).errors) == {"rung", "said", "next_action"}
    course = mehmet.send(form, rung="Borgeren", said="Barnet er sygt", next_action="Ring i morgen tidlig")
    assert course.status == 200 and "Ring i morgen tidlig" in course.text and "Udeblevet på første dag" in course.text
    gone = mehmet.fill(f"/placements/{placement}/not_started", by="citizen", reason="Fik andet arbejde")
    assert gone.status == 200 and "Ikke begyndt" in gone.text
    assert mehmet.get(f"/placements/{placement}").has_link("/start") is False


def test_a_placement_is_paused_resumed_and_ended_and_then_evaluated(world: World, matching: Matching, mehmet: Browser) -> None:
    case = a_course(world, day=AGO)
    placement = running(world, matching, case, ends_on=TODAY - timedelta(days=3))
    paused = mehmet.fill(f"/placements/{placement}/pause", reason="Operation", expected_on=str(TODAY + timedelta(days=2)), effective_date=str(TODAY - timedelta(days=5)))
    assert paused.status == 200 and "Ventes tilbage" in paused.text and "Operation" not in paused.text
    back = next(d for d in duties(world, case, open="true") if d["kind"] == "expected_back")
    assert mehmet.get(f"/duties/{back['id']}").link("Gør det nu").endswith(f"/placements/{placement}/resume")
    assert mehmet.fill(f"/placements/{placement}/resume", effective_date=str(TODAY - timedelta(days=4))).status == 200
    form = mehmet.get(f"/placements/{placement}/end")
    assert form.form().values["how"] == ["completed"] and form.form().values["effective_date"] == [str(TODAY - timedelta(days=3))]
    ended = mehmet.send(form)
    assert ended.status == 200 and "Afsluttet" in ended.text and "gennemført som aftalt" in ended.text
    late = mehmet.fill(f"/placements/{placement}/end", how="moved")
    assert late.status in (409, 412) and "Afslut" in late.text
    evaluation = next(d for d in duties(world, case, open="true") if d["kind"] == "evaluation")
    page = mehmet.get(f"/duties/{evaluation['id']}/done")
    assert "Hvad gik godt" in page.text and "holds" in page.form().hidden
    assert mehmet.send(page, note="Gik godt; kom for sent to gange").status == 200


# --- words ------------------------------------------------------------------------------------------------------------
def test_the_pages_stand_in_english_too(world: World) -> None:
    case = a_course(world, day=AGO)
    reader = Browser(world.apps["followup"], CONSULTANT)
    home = reader.get("/")
    assert reader.post("/language", follow=True, csrf_token=home.form_token, language="en", to=f"/courses/{case}").status == 200
    page = reader.get(f"/courses/{case}")
    assert 'lang="en"' in page.html and "The staircase" in page.text and "Not placed" in page.text and "Log a contact" in page.text
    assert "All contacts that were planned until its day are done by it." in reader.get(contact_path(case)).text


def test_no_word_is_missing_in_either_language() -> None:
    assert {kind: gaps for kind, gaps in wording.lacking("followup").items() if gaps} == {}
    folders = (words.HERE, wording.locale_of("followup"))
    for language in words.LANGUAGES:
        missed = {one for one in words.catalogue(language, folders).missed if not one.startswith(("sentence:", "list:"))}
        assert missed == set()
