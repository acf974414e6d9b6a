# SPDX-License-Identifier: MPL-2.0
"""The pages of referral as a caseworker, a job consultant and a team lead meet them, over the real application and database."""
from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from jobtrappen.web.pages import words
from tests.pages.browser import Browser, Page, _page
from tests.pages.statements import counted
from tests.support import lifecycle_tables as typed
from tests.support.stages_referral import INTAKE, REFERRAL, REFUSAL
from tests.support.world import ADMINISTRATOR, CASEWORKER, CONSULTANT, COORDINATOR, TEAM_LEAD, TODAY, World, a_world

SCRIPT = '<script>alert("x")</script>'
TALK = {"scheduled_at": "2026-12-09T10:00", "place": "Lokalcenteret"}
INPUTS = {"education": "vocational", "experience_years": "3", "stable_attendance": "stable", "months_away": "30"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOBTRAPPEN_PLUGINS", "referral")
        with a_world(tmp_path_factory.mktemp("referral"), services=["referral"]) as made:
            yield made


@pytest.fixture(scope="module")
def people(world: World) -> dict[str, Browser]:
    return {name: Browser(world.apps["referral"], name) for name in (CASEWORKER, CONSULTANT, TEAM_LEAD, COORDINATOR, ADMINISTRATOR)}


@pytest.fixture
def karen(people: dict[str, Browser]) -> Browser:
    return people[CASEWORKER]


@pytest.fixture
def mehmet(people: dict[str, Browser]) -> Browser:
    return people[CONSULTANT]


@pytest.fixture(autouse=True, scope="module")
def nothing_is_without_words(world: World) -> Iterator[None]:
    """Whatever was shown in this module had its words, in both languages."""
    yield
    folders = (words.HERE, world.runtimes["referral"].service.site.folder / "locale")
    missed = {language: words.catalogue(language, folders).missed - {"unit:andet_lokalcenter", "unit:andet_team"} for language in words.LANGUAGES}
    assert missed == {"da": set(), "en": set()}


def id_of(address: str) -> str:
    return re.findall(r"[0-9a-f-]{36}", address)[0]


def opened(karen: Browser, given: str = "Amina", family: str = "Yusuf", **more: str) -> str:
    """A case, by its form. Returns: its id."""
    return id_of(karen.fill("/cases/new", follow=False, given_name=given, family_name=family, **more).headers["Location"])


@dataclass
class Town:
    """Cases as they come to be over the API, which is quicker than by forms."""

    world: World

    def sent(self, given: str = "Amina", family: str = "Yusuf", **more: Any) -> str:
        """A case with a referral that waits for the consultants. Returns: the case's id."""
        karen = self.world.referral(CASEWORKER)
        case = karen.post("/cases", {"given_name": given, "family_name": family, "track": "adult", **more}).id
        made = karen.post("/referrals", {"case_id": case, "track": "adult", "source": "form"}).id
        assert karen.post(f"/referrals/{made}/send", {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}).status == 200
        return case

    def accepted(self, **more: Any) -> str:
        case = self.sent(**more)
        made = next(one["id"] for one in self.world.referral(CONSULTANT).get(f"/cases/{case}/things").json["items"] if one["resource"] == "referral")
        assert self.world.referral(CONSULTANT).post(f"/referrals/{made}/accept", {"responsible": "mehmet", "planned_start": str(TODAY)}).status == 200
        return case


@pytest.fixture(scope="module")
def town(world: World) -> Town:
    return Town(world)


def referral_of(page: Page) -> str:
    return id_of(page.link("/referrals/").partition("/referrals/")[2])


# The main path

def test_from_a_blank_page_to_a_sent_referral_takes_three_clicks_beside_typing(karen: Browser) -> None:
    start = karen.get(karen.get("/").link("Opret sag"))
    form = start.form()
    assert form.values["track"] == ["adult"], "the usual is chosen already"
    referring = karen.get(karen.send(start, follow=False, given_name="Ebba", family_name="Lund").headers["Location"])
    assert "Om Ebba Lund" in referring.text and {"track", "case_id", "source"} <= referring.form().hidden and "guardian_consent_on" in referring.form().hidden
    case = karen.send(referring)
    assert "Ebba Lund" in case.text and "Sendt" in case.text and "Afventer svar fra Jobkonsulenterne." in case.text
    assert re.search(r"<title>Ebba Lund ", case.html)


def test_a_referral_may_be_kept_as_a_draft_and_sent_from_my_work(karen: Browser, mehmet: Browser) -> None:
    case = opened(karen, "Kladde", "Hansen")
    kept = karen.fill(f"/referrals/new?case_id={case}&track=adult", keep="yes", purpose="internship")
    assert "Kladde" in kept.text and karen.get("/").has_link("Send henvisningen: Kladde Hansen")
    assert not mehmet.get("/").has_link("Kladde Hansen")
    sending = karen.get(karen.get("/").link("Send henvisningen: Kladde Hansen"))
    assert sending.form().values["purpose"] == ["internship"]
    assert "Afventer svar" in karen.send(sending).text


def test_a_consultant_accepts_in_two_clicks_and_sees_whom_and_what_for(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given="Toklik", family="Nielsen")
    accepting = mehmet.get(mehmet.get("/").link("Svar på en henvisning: Toklik Nielsen"))
    assert accepting.form().values["responsible"] == ["mehmet"] and accepting.form().values["planned_start"] == [str(TODAY)]
    assert all(text in accepting.text for text in ("Om Toklik Nielsen", "Formål", "Job", "Fra enhed", "Lokalcenter"))
    assert all(accepting.has_link(text) for text in ("Bed om oplysninger", "Sæt på venteliste", "Afvis henvisningen")) and not accepting.has_link("Tag fra puljen")
    after = mehmet.send(accepting)
    assert id_of(after.address) == case and "Modtaget" in after.text
    assert after.html.count("button-primary") == 1 and after.has_link("Aftal samtale"), "one main button: what is next"


def test_talk_assessment_and_start_step_follow_from_the_case_page(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.accepted(given="Vej", family="Viser", language_school=True)
    booking = mehmet.get(mehmet.get(f"/cases/{case}").link("Aftal samtale"))
    assert [booking.form().values[f"participants.{n}.kind"] for n in (0, 1, 2)] == [["consultant"], ["teacher"], [""]], "a pupil's teacher is asked along"
    assert "14 dage før" in booking.text and booking.form().values["form"] == ["office"]
    case_page = mehmet.send(booking, **TALK)
    assert case_page.has_link("Skriv referat af samtalen")
    holding = mehmet.get(case_page.link("Skriv referat"))
    assert holding.form().values["attended"] == ["teacher", "consultant"]
    case_page = mehmet.send(holding, wishes="Køkken\nCykel", competences="Syning", barriers="Pasning")
    case_page = mehmet.fill(case_page.link("Begynd forløbet"))
    proposal = mehmet.fill(case_page.link("Vurdér starttrin"), **INPUTS)
    assert all(text in proposal.text for text in ("Foreslået trin", "Løntilskud", "erhvervsuddannelse", "30 måneder væk fra arbejdsmarkedet", "Om Vej Viser"))
    assert proposal.form().values["start_step"] == ["wage_subsidy"], "whoever follows it has one click to make"
    done = mehmet.send(proposal)
    assert id_of(done.address) == case and "Løntilskud" in done.text and not done.has_link("Bekræft starttrin")
    talk = mehmet.get(done.link("Samtale"))
    assert all(text in talk.text for text in ("Samtale: Vej Viser", "Køkken", "Cykel", "Syning", "Lærer", "ons. 9. dec. 2026 kl. 10.00"))


def test_another_step_than_the_proposed_one_needs_a_reason_which_is_kept(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.accepted(given="Anden", family="Vej")
    proposal = mehmet.fill(f"/assessments/new?case_id={case}", **INPUTS)
    wrong = mehmet.send(proposal, start_step="internship")
    assert (wrong.status, wrong.errors) == (422, {"reason": "Fejl: Skal udfyldes, fordi forslaget var et andet (løntilskud)."})
    assert wrong.form().values["start_step"] == ["internship"]
    done = mehmet.send(wrong, reason="Hun vil se faget først")
    assessment = mehmet.get(done.link("Vurdering af starttrin"))
    assert "Hun vil se faget først" in assessment.text and "Bekræftet" in assessment.text and not assessment.has_link("Bekræft starttrin")


def test_a_question_and_its_answer_are_read_where_they_are_needed(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given="Spørg", family="Endelig")
    asking = mehmet.get(mehmet.get(f"/cases/{case}").link("Bed om oplysninger"))
    assert "Om Spørg Endelig" in asking.text
    assert "Lokalcenter skal først svare på et spørgsmål." in mehmet.send(asking, question="Hvilke hold går hun på?").text
    answering = karen.get(karen.get("/").link("Svar på et spørgsmål: Spørg Endelig"))
    assert "Hvilke hold går hun på?" in answering.text
    karen.send(answering, answer="Formiddagsholdet")
    referral = mehmet.get(f"/referrals/{referral_of(mehmet.get(f'/cases/{case}'))}")
    assert "Hvilke hold går hun på?" in referral.text and "Formiddagsholdet" in referral.text
    assert "Formiddagsholdet" in mehmet.get(referral.link("Tag imod")).text


def test_a_decline_goes_back_to_the_caseworker_with_its_reason(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given="Nej", family="Tak")
    referral = referral_of(mehmet.get(f"/cases/{case}"))
    mehmet.fill(f"/referrals/{referral}/decline", reason_code="no_capacity", reason="Fuldt til januar")
    seeing = karen.get(karen.get("/").link("Kvittér for et udfald: Nej Tak"))
    assert "Ingen plads" in seeing.text and "Fuldt til januar" in seeing.text
    after = karen.send(seeing)
    assert after.has_link("Henvis") and not karen.get("/").has_link("Kvittér for et udfald: Nej Tak")


def test_a_case_goes_back_with_its_reason_and_comes_again(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.accepted(given="Retur", family="Svendsen")
    returning = mehmet.get(mehmet.get(f"/cases/{case}").link("Send sagen tilbage"))
    assert returning.form().values["present_state"] == ["with_caseworker"] and "Om Retur Svendsen" in returning.text
    done = mehmet.send(returning, reason="moved_away", documentation="Ny adresse i Odense")
    assert "Tilbage hos sagsbehandler" in done.text and not done.has_link("Send sagen tilbage")
    hers = karen.get(f"/cases/{case}")
    assert "Henvis" in hers.text and "Ny adresse i Odense" in karen.get(hers.link("Sag sendt tilbage")).text
    again = karen.fill(hers.link("/referrals/new"))
    assert "Afventer svar" in again.text


def test_a_refusal_is_written_down_step_by_step_and_acknowledged_by_the_authority(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.accepted(given="Afslag", family="Olsen")
    mehmet.fill(mehmet.get(f"/cases/{case}").link("Skriv et tilbud ned"), what="Praktik i Kvickly, 4 uger")
    refusal = mehmet.get(mehmet.get(f"/cases/{case}").link("Afslag på tilbud"))
    mehmet.fill(refusal.link("Vejledning er givet"))
    mehmet.fill(mehmet.get(refusal.address).link("Borgeren afslår"), words="Jeg vil hellere læse")
    assert not mehmet.get(refusal.address).has_link("Kvittér")
    line = karen.get("/").link("Kvittér for et afslag: Afslag Olsen")
    assert "Praktik i Kvickly, 4 uger" in karen.get(line).text and "Jeg vil hellere læse" in karen.get(line).text
    assert karen.get(f"/cases/{case}").link("Kvittér for afslaget") == line
    karen.fill(line)
    assert "Set" in karen.get(refusal.address).text and not karen.get("/").has_link("Kvittér for et afslag: Afslag Olsen")


def test_a_consultant_writes_down_who_came_by_herself_and_a_caseworker_refers(karen: Browser, mehmet: Browser) -> None:
    case = opened(mehmet, "Selv", "Henvender")
    form = mehmet.get(f"/referrals/new?case_id={case}&track=adult").form()
    assert {"purpose", "target_unit", "legal_basis", "guardian_consent_on"} <= form.hidden and form.values["route_to"] == ["lokalcenter"]
    after = mehmet.fill(f"/referrals/new?case_id={case}&track=adult")
    assert "Lokalcenter har ikke sendt henvisningen endnu." in after.text
    karen.fill(karen.get("/").link("Send henvisningen: Selv Henvender"))
    assert mehmet.get("/").has_link("Svar på en henvisning: Selv Henvender")


def test_a_youth_needs_a_guardians_yes(karen: Browser, mehmet: Browser) -> None:
    case = opened(mehmet, "Ung", "Fritid", track="youth")
    path = f"/referrals/new?case_id={case}&track=youth"
    wrong = mehmet.fill(path)
    assert wrong.status == 422 and wrong.errors["guardian_consent_on"] == "Fejl: Skal udfyldes for en ung under 18."
    done = mehmet.send(wrong, guardian_consent_on=str(TODAY))
    assert "Sendt" in done.text and done.has_link("Tag imod henvisningen"), "a leisure job goes straight to the consultants"


def test_what_is_known_of_a_person_is_mended_one_thing_at_a_time(karen: Browser) -> None:
    case = opened(karen, "Ret", "Mig", benefit="cash_benefit")
    page = karen.get(f"/cases/{case}")
    assert "Ydelse: Kontanthjælp fra 23. nov. 2026" in page.text
    changing = karen.get(page.link("Ret parathed"))
    assert changing.form().choices["code"] == ["job_ready", "activity_ready"] and changing.form().hidden >= {"code_set"}, "only what may be given today"
    assert "Parathed: Jobparat" in karen.send(changing, code="job_ready").text
    person = karen.get(page.link("Ret personoplysninger"))
    assert person.form().values["family_name"] == ["Mig"]
    assert "11 22 33 44" in karen.send(person, phone="11 22 33 44", languages="dansk\ntyrkisk").text


def test_two_of_a_household_are_linked_without_typing_an_id(world: World, karen: Browser) -> None:
    case, spouse = opened(karen, "Hanne", "Husstand"), opened(karen, "Henrik", "Husstand")
    looking = karen.get(karen.get(f"/cases/{case}").link("Tilknyt en fra samme husstand"))
    found = karen.send(looking, name="henrik hus")
    linking = karen.get(found.link("Henrik Husstand"))
    assert "Henrik Husstand" in linking.text and linking.form().values["other_case_id"] == [spouse] and "other_case_id" in linking.form().hidden
    assert karen.send(linking, relation="spouse").status == 200
    households = {world.referral(CASEWORKER).get(f"/cases/{one}").json["household_id"] for one in (case, spouse)}
    assert len(households) == 1 and None not in households


# Search

def test_a_name_finds_and_one_hit_is_opened(karen: Browser, people: dict[str, Browser]) -> None:
    case = opened(karen, "Søgefrida", "Åse-Holm")
    assert id_of(karen.fill("/search", name="søgef").address) == case
    opened(karen, "Søgefrida", "Zimmer")
    two = karen.fill("/search", name="søgefrida")
    assert two.address == "/search" and "2 sager fundet" in two.text and two.has_link("Søgefrida Zimmer") and "frida" not in two.address
    nothing = people[CONSULTANT].fill("/search", name="søgefrida")
    assert "0 sager fundet" in nothing.text and "navnebeskyttelse" in nothing.text
    short = karen.fill("/search", name="s")
    assert short.errors == {"name": "Fejl: Er for kort at søge på. Skriv mindst tre bogstaver af navnet."} and short.form().values["name"] == ["s"]


def test_a_number_finds_for_a_caseworker_alone(karen: Browser, mehmet: Browser) -> None:
    case = opened(karen, "Nummer", "Et", cpr="010190-1234")

    def by_number(number: str) -> Page:
        page = karen.get("/search")
        form = page.reader.forms[[f.values.keys() >= {"cpr"} for f in page.reader.forms].index(True)]
        return karen.post("/search", follow=True, **{"csrf_token": form.values["csrf_token"][0], "cpr": number})

    assert id_of(by_number("0101901234").address) == case
    assert by_number("0202902345").errors == {"cpr": "Fejl: Ingen sag har det CPR-nummer."}
    assert by_number("12345").errors == {"cpr": "Fejl: Skriv ti cifre, med eller uden bindestreg."}
    assert "CPR" not in mehmet.get("/search").text and "0101901234" not in karen.get(f"/cases/{case}").html
    refused = mehmet.post("/search", csrf_token=mehmet.get("/search").form_token, cpr="0101901234", follow=True)
    assert refused.address == "/search" and refused.errors.keys() == {"name"}


def test_a_case_of_others_is_read_for_a_purpose_that_is_asked_for_once(world: World, karen: Browser) -> None:
    case = opened(karen, "Fremmed", "Sag")
    stranger = Browser(world.apps["referral"])
    with world.apps["referral"].test_request_context():
        from flask import session

        from jobtrappen.tx import Actor
        from jobtrappen.web.pages import session as sessions

        sessions.begin(Actor("bent", "caseworker", "andet_lokalcenter"), name="Bent")
        cookie = world.apps["referral"].session_interface.get_signing_serializer(world.apps["referral"]).dumps(dict(session))
    stranger.client.set_cookie("jobtrappen", cookie)
    asked = stranger.get(f"/cases/{case}")
    assert asked.status == 428 and "Hvorfor læser du denne sag?" in asked.text and "Fremmed" not in asked.text
    assert "Fremmed Sag" in stranger.send(asked, purpose="substitution").text
    assert "Fremmed Sag" in stranger.get(f"/cases/{case}").text, "asked once"
    told = [e["purpose"] for e in world.referral(CASEWORKER).get(f"/cases/{case}/access-report").json["entries"] if e["unit"] == "andet_lokalcenter"]
    assert told and set(told) == {"substitution"}


def test_a_protected_name_stands_on_its_case_alone(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given="Hemmelig", family="Adresse", protected=True)
    page = karen.get(f"/cases/{case}")
    assert "Hemmelig Adresse" in page.text and "Navne- og adressebeskyttelse" in page.text
    assert "Hemmelig" not in mehmet.get("/").text and mehmet.get("/").has_link("Svar på en henvisning: beskyttet")
    assert "Hemmelig" not in karen.get("/cases").text and "0 sager fundet" in karen.fill("/search", name="hemmelig").text


# Lists of candidates

def upload(browser: Browser, text: str | bytes, follow: bool = True) -> Page:
    page = browser.get("/lists")
    body = text.encode() if isinstance(text, str) else text
    response = browser.client.post("/lists", data={"csrf_token": page.form_token, "list": (io.BytesIO(body), "liste.csv")}, follow_redirects=follow)
    return _page(response, "/lists")


LIST = ("Fornavn;Efternavn;CPR-nummer;Ydelse;Målgruppe\nListe;Etter;010170-1111;kontanthjælp;kontanthjælpsmodtager\nListe;Toer;;;\n;Navnløs;;;\n"
        "Liste;Treer;0101702222;sjov ydelse;\nListe;Firer;010170-1111;;\n")


def test_a_list_in_danish_is_taken_in_and_each_row_decided_on(karen: Browser, mehmet: Browser) -> None:
    page = upload(karen, LIST)
    assert "2 rækker blev afvist." in page.text and all(text in page.text for text in ("4Navnet mangler", "5Ukendt ydelse", "Liste Etter", "010170-xxxx", "Kontanthjælp"))
    assert karen.get("/").has_link("Tag stilling til en liste") and "3 venter" in karen.get("/lists").text
    rows = re.findall(r'name="(decision\.[0-9a-f-]{36})"', page.html)
    assert len(rows) == 3 and "1101701111" not in page.html and "010170-1111" not in page.html
    token = {"csrf_token": page.form_token}
    done = karen.post(page.address, **token, **{rows[0]: "refer", rows[1]: "not_now", rows[2]: "refer"})
    assert done.status == 422 and "Linje 6: Der er allerede en sag med det CPR-nummer." in done.text, "one that cannot be taken says why"
    assert 'value="refer" selected' in done.html and "Ikke nu" in done.text, "its decision stays typed, the others are kept"
    again = karen.post(page.address, follow=True, **token, **{rows[0]: "refer", rows[1]: "not_now", rows[2]: "not_now"})
    assert again.status == 200 and "1 beslutning er gemt." in again.text and "Henvis" in again.text
    assert mehmet.get("/").has_link("Svar på en henvisning: Liste Etter")
    assert "Afventer en sagsbehandler" not in mehmet.get(page.address).text


def test_a_reason_is_kept_with_its_decision_and_alone_decides_nothing(karen: Browser, mehmet: Browser) -> None:  # F-057, F-062
    page = upload(karen, "Fornavn;Efternavn\nGrund;Etter\nGrund;Toer\n")
    first, second = re.findall(r'name="reason\.([0-9a-f-]{36})"', page.html)
    token = {"csrf_token": page.form_token}
    half = karen.post(page.address, **token, **{f"decision.{first}": "not_now", f"reason.{first}": "Venter barn", f"reason.{second}": "Har <b>job</b>"})
    assert half.status == 422 and "Linje 3: Vælg også en beslutning; en begrundelse alene afgør ikke noget." in half.text
    assert 'value="Har &lt;b&gt;job&lt;/b&gt;"' in half.html and "Venter barn" in half.text, "what was typed stays, what was decided is kept"
    done = karen.post(page.address, follow=True, **token, **{f"decision.{second}": "not_in_target_group", f"reason.{second}": "Har <b>job</b>"})
    assert done.status == 200 and "Har <b>job</b>" in mehmet.get(page.address).text


def test_two_who_decide_on_one_list_are_told_and_what_was_typed_is_not_lost(world: World, karen: Browser) -> None:
    page = upload(karen, "Fornavn;Efternavn\nBegge;To\nBegge;Tre\n")
    first, second = re.findall(r'name="reason\.([0-9a-f-]{36})"', page.html)
    other = Browser(world.apps["referral"], CASEWORKER)
    token, also = {"csrf_token": page.form_token}, {"csrf_token": other.get(page.address).form_token}
    assert other.post(page.address, follow=True, **also, **{f"decision.{first}": "not_in_target_group"}).status == 200
    mine = {f"decision.{first}": "not_now", f"reason.{first}": "Venter <i>barn</i>", f"decision.{second}": "not_now", f"reason.{second}": "Er syg"}
    told = karen.post(page.address, **token, **mine)
    assert told.status == 422 and "Linje 2: Linjen er afgjort i mellemtiden. Du havde: Ikke nu, Venter <i>barn</i>." in told.text and "<i>" not in told.html
    assert "Er syg" in told.text and "Ikke i målgruppen" in told.text, "both versions; and what could be kept is"
    again = karen.post(page.address, follow=True, **token, **{f"decision.{second}": "not_now", f"reason.{second}": "Er syg"})
    assert again.status == 200 and "0 beslutninger er gemt." in again.text, "sent twice makes one"


def test_what_stood_in_a_list_comes_back_until_it_is_sent(karen: Browser) -> None:
    page = upload(karen, "Fornavn;Efternavn\nKladde;Et\n")
    [row] = re.findall(r'name="reason\.([0-9a-f-]{36})"', page.html)
    token, typed = {"csrf_token": page.form_token}, {f"decision.{row}": "not_now", f"reason.{row}": "Venter barn"}
    assert karen.post("/draft", **token, **typed, **{"draft-of": page.address.split("?")[0]}).status == 204
    back = karen.get(page.address)
    assert 'value="Venter barn"' in back.html and 'value="not_now" selected' in back.html and "det er ikke sendt" in back.text
    assert karen.post(page.address, follow=True, **token, **typed).status == 200
    assert "det er ikke sendt" not in karen.get(page.address).text


@pytest.mark.parametrize(("body", "told"), [
    ("", "Første linje skal være kolonnernes navne"), ("a;b\n1;2\n", "Første linje skal være kolonnernes navne"), ("Fornavn;Efternavn\nBørge;Æble\n".encode("cp1252"), "CSV UTF-8"),
    ("Fornavn;Efternavn\n" + "A;B\n" * 2001, "over 2.000 rækker"), ("Fornavn;Efternavn\n\0;B\n", "ikke en CSV-fil"),
])
def test_a_file_that_is_no_list_is_refused_at_the_field(karen: Browser, body: str | bytes, told: str) -> None:
    page = upload(karen, body)
    assert page.status == 422 and told in page.errors["list"]


def test_a_long_list_comes_in_pages(karen: Browser) -> None:
    page = upload(karen, "Fornavn;Efternavn\n" + "".join(f"Side{n};Lang\n" for n in range(120)))
    assert page.html.count("decision.") == 50
    second = karen.get(page.link("Næste side"))
    third = karen.get(second.link("Næste side"))
    assert "Side50 Lang" in second.text and third.html.count("decision.") == 20 and not third.has_link("Næste side")
    assert "120 rækker" in page.text and karen.get(page.address + "?after=nonsense").status == 422


# Who may, and what is odd

def test_each_page_is_for_those_whose_it_is(town: Town, karen: Browser, mehmet: Browser, people: dict[str, Browser]) -> None:
    case = town.sent()
    paths = ["/", "/search", "/lists", "/cases", "/referrals", f"/cases/{case}", "/cases/new", f"/referrals/{referral_of(karen.get(f'/cases/{case}'))}"]
    for path in paths:
        assert {name: people[name].get(path, follow=False).status for name in (CASEWORKER, CONSULTANT, TEAM_LEAD)} == dict.fromkeys((CASEWORKER, CONSULTANT, TEAM_LEAD), 200), path
        refused = people[COORDINATOR].get(path)
        assert refused.status == 403 and "Din rolle giver ikke adgang til dette" in refused.text and "Amina" not in refused.html
    assert people[ADMINISTRATOR].get("/").headers["Location"] == "/operation" and people[ADMINISTRATOR].get("/search").status == 403
    assert people[ADMINISTRATOR].get(f"/cases/{case}").status == 403


def test_nobody_is_shown_a_page_before_signing_in_and_she_comes_to_where_she_wanted(town: Town, world: World, karen: Browser) -> None:
    case = town.sent(given="Udenfor", family="Døren")
    stranger = Browser(world.apps["referral"])
    door = stranger.get(f"/cases/{case}")
    assert door.status == 401 and "Udenfor" not in door.html
    assert "Udenfor Døren" in stranger.send(door, username="karen", password="karen").text


def test_ids_of_nobody_are_not_found(karen: Browser) -> None:
    nobody = "01890000-0000-7000-8000-000000000000"
    for path in (f"/cases/{nobody}", f"/referrals/{nobody}", f"/lists/{nobody}", f"/intakes/{nobody}", f"/cases/{nobody}/person", "/cases/not-an-id"):
        page = karen.get(path)
        assert page.status == 404 and page.has_link("Til forsiden"), path
    assert karen.get(f"/referrals/new?case_id={nobody}&track=adult").status == 404


def test_errors_stand_at_their_fields_and_what_was_typed_stays(karen: Browser) -> None:
    empty = karen.fill("/cases/new", given_name="", family_name="", cpr="999999-9999", phone="ring til naboen")
    assert empty.status == 422 and empty.errors["given_name"] == "Fejl: Skal udfyldes." and empty.form().values["phone"] == ["ring til naboen"]
    assert 'id="errors"' in empty.html and empty.has_link("#f-given_name")
    number = karen.send(empty, given_name="A", family_name="B")
    assert number.errors == {"cpr": "Fejl: Er ikke et CPR-nummer: ti cifre, hvor de første seks er en dato, der har været."}
    long = karen.fill("/cases/new", given_name="x" * 101, family_name="B")
    assert long.errors == {"given_name": "Fejl: Er for lang; der er plads til 100 tegn eller linjer."} and long.form().values["given_name"] == ["x" * 101]
    future = karen.fill("/cases/new", given_name="A", family_name="B", effective_date=str(TODAY + timedelta(days=1)))
    assert future.errors == {"effective_date": "Fejl: Ligger i fremtiden; i dag er det den 23. nov. 2026. Registrér det, når det er sket."}


def test_what_is_typed_is_never_markup(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given=SCRIPT, family="مرحبا 🙂", address='"><img src=x onerror=alert(1)>')
    mehmet.fill(mehmet.get(f"/cases/{case}").link("Bed om oplysninger"), question=SCRIPT)
    paths = ["/", f"/cases/{case}", "/cases", f"/referrals/{referral_of(karen.get(f'/cases/{case}'))}", f"/cases/{case}/person"]
    for path in paths:
        page = karen.get(path)
        assert page.status == 200 and "<script>alert" not in page.html and "<img" not in page.html, path
        assert not any(tag == "script" and "src" not in at for tag, at in page.reader.tags)
    assert SCRIPT in karen.get(f"/cases/{case}").text and "مرحبا 🙂" in karen.get(f"/cases/{case}").text
    found = karen.fill("/search", name='<b>x</b>"')
    assert "<b>x" not in found.html


def test_a_form_that_is_sent_twice_makes_one(karen: Browser, mehmet: Browser) -> None:
    page = karen.get("/cases/new")
    first, second = (karen.send(page, follow=False, given_name="Dobbelt", family_name="Klik") for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    referring = karen.get(first.headers["Location"])
    for _ in range(2):
        after = karen.send(referring)
        assert after.status == 200 and "Afventer svar" in after.text
    assert len(set(re.findall(r'href="/referrals/[0-9a-f-]{36}"', after.html))) == 1
    accepting = mehmet.get(f"/referrals/{referral_of(after)}/accept")
    assert [mehmet.send(accepting).status for _ in range(2)] == [200, 200]


def test_a_second_open_referral_stays_a_draft_and_says_why(town: Town, karen: Browser) -> None:
    case = town.sent(given="To", family="Gange")
    again = karen.fill(f"/referrals/new?case_id={case}&track=adult")
    assert "Den er gemt som kladde og ikke sendt: Borgeren har allerede en åben henvisning" in again.text


def test_of_two_who_edit_the_second_sees_both(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.accepted(given="Begge", family="To")
    hers, his = karen.get(f"/cases/{case}/person"), mehmet.get(f"/cases/{case}/person")
    karen.send(hers, phone="11111111", family_name="Nyt-Navn")
    stale = mehmet.send(his, phone="22222222")
    assert stale.status == 412 and "En anden har ændret det, mens du skrev" in stale.text and stale.form().values["phone"] == ["22222222"]
    told = stale.html[stale.html.index('id="stale"'):].split("</table>")[0]
    assert all(one in told for one in ("Telefon", "11111111", "22222222", "Efternavn", "Nyt-Navn")), "what now stands there, and what was typed"
    assert not any(one in told for one in ("Status", "rue", "Gælder fra")), "and nothing that does not differ"
    assert "Nyt-Navn" in mehmet.get(f"/cases/{case}").text


def test_the_back_button_after_sending_answers_in_words(town: Town, karen: Browser, mehmet: Browser) -> None:
    case = town.sent(given="Tilbage", family="Knap")
    referral = referral_of(mehmet.get(f"/cases/{case}"))
    old = mehmet.get(f"/referrals/{referral}/decline")
    mehmet.fill(f"/referrals/{referral}/accept")
    late = mehmet.send(old, reason_code="no_capacity")
    assert late.status == 412 and late.form().values["reason_code"] == ["no_capacity"]
    fresh = mehmet.fill(f"/referrals/{referral}/decline", reason_code="no_capacity")
    assert fresh.status == 409 and "Tilstanden er: modtaget. Det kræver: mangler oplysninger, sendt, på venteliste." in fresh.text


def test_the_language_changes_everything_but_what_people_wrote(karen: Browser, world: World) -> None:
    reader = Browser(world.apps["referral"], "karen")
    case = opened(karen, "Sprog", "Skifter", benefit="cash_benefit")
    page = reader.get(f"/cases/{case}")
    english = reader.send(page, css="jt-language", language="en")
    assert all(text in english.text for text in ("Sprog Skifter", "The person", "Benefit: Cash benefit from 23 Nov 2026", "Case: Opened", "Refer")) and 'lang="en"' in english.html
    wrong = reader.fill("/cases/new", given_name="", family_name="B")
    assert wrong.errors == {"given_name": "Error: Missing data for required field."}
    assert "is a problem" in wrong.text and reader.get("/search").status == reader.get("/lists").status == reader.get("/").status == 200


# Every state of everything, for everybody

@pytest.mark.parametrize("stage", [REFERRAL, INTAKE, REFUSAL], ids=lambda stage: stage.name)
def test_every_state_shows_and_each_offered_action_has_its_form(world: World, people: dict[str, Browser], stage: Any) -> None:
    reached, opened_once = dict.fromkeys(row.to for row in stage.table if row.to not in (typed.SAME, typed.BEFORE)), set()
    for state in reached:
        id = stage.reach(world, state)
        for who in (CASEWORKER, TEAM_LEAD):
            page = people[who].get(f"{stage.path}/{id}")
            if page.status == 428 or (state == "draft" and page.status == 404):
                continue  # of another unit, or a draft that its receiver does not know of
            assert page.status == 200, (state, who, page.text)
            offered = {address for address, _text in page.links if address.startswith(f"{stage.path}/{id}/")}
            for address in offered:
                if (action := (who, address.rpartition("/")[2])) not in opened_once:
                    opened_once.add(action)
                    assert people[who].get(address).status == 200, (state, who, address)
            case = people[who].get(page.link("Til sagen"))
            assert case.status == 200 and case.html.count("button-primary") <= 1


def test_pages_ask_the_database_as_often_however_many_there_are(town: Town, world: World, karen: Browser, mehmet: Browser) -> None:
    asked: dict[str, set[int]] = {}
    case = town.accepted(given="Tælle", family="Prøve")
    mehmet.fill(f"/intakes/new?case_id={case}", **TALK)
    mehmet.get("/")
    for _round in range(2):
        for browser, path in ((karen, "/"), (mehmet, "/"), (karen, "/cases"), (karen, "/referrals"), (karen, "/lists"), (mehmet, f"/cases/{case}")):
            with counted(world.runtimes["referral"].engine) as found:
                assert browser.get(path).status == 200
            asked.setdefault(f"{browser is karen} {path}", set()).add(len(found))
        for n in range(3):
            town.sent(given=f"Flere{n}", family="Sager", benefit="cash_benefit")
        mehmet.fill(f"/intakes/new?case_id={case}", **TALK)
    assert all(len(numbers) == 1 for numbers in asked.values()), asked
    assert all(max(numbers) <= 30 for numbers in asked.values()), asked
