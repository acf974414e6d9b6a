# SPDX-License-Identifier: MPL-2.0
"""The pages of partners: a partner's inbox, what staff must do, requests, the partner table, and keys that are shown once."""
from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jobtrappen.web.app import service_app
from jobtrappen.web.pages import words
from tests.pages.browser import Browser, Page
from tests.pages.statements import counted
from tests.support.partner_voices import Voice, an_id
from tests.support.stages_partners import a_draft, a_key, a_known_case, a_partner
from tests.support.world import ADMINISTRATOR, COORDINATOR, TODAY, World, a_world

EVIL = "<script>alert(1)</script>"
CARD = {"purpose": "Dansk", "area": "Nord", "competences": "Lærere", "form": "Hold"}
TERMS = {"duties": "De svarer", "procedures": "Ring", "contacts": "Lederen"}
FOLDERS = (words.HERE, Path(__file__).parents[2] / "services/partners/jobtrappen_partners/locale")


@dataclass
class Place:
    """A town with two language schools, a union, and a citizen."""

    world: World
    app: Any
    case: str
    school: str
    other_school: str
    union: str
    key: str
    other_key: str

    def by(self, name: str = "", key: str = "") -> Browser:
        return Browser(self.app, name, key=key)

    def asked(self, partner: str = "", request_type: str = "statement", role: str = "caseworker", send: bool = True, on: str = "", **more: object) -> str:
        """A request, sent unless it is to stay a draft. Returns: its id."""
        day = {"effective_date": on} if on else {}
        id = a_draft(self.world, self.case, partner or self.school, request_type, role, **day, **more).id
        if send:
            assert self.world.partners(role).post(f"/requests/{id}/request", day).status == 200
        return id


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_world(tmp_path_factory.mktemp("pages")) as world:
        case = a_known_case(world, given_name="Amina", family_name="Yusuf")
        school, other, union = a_partner(world, name="Hytten"), a_partner(world, name="Borgen"), a_partner(world, "union", "Fagforbundet")
        lead = [{"procedure": "statement", "days": 7}]
        assert world.partners(COORDINATOR).post("/cooperations", {"partner_id": school, **TERMS, "lead_times": lead, "review_on": "2027-06-01"}).status == 201
        yield Place(world, service_app(world.runtimes["partners"]), case, school, other, union, a_key(world, school), a_key(world, other))


def status(page: Page) -> int:
    assert page.status < 500, page.html[-2000:]
    return page.status


def press(browser: Browser, page: Page, ends: str) -> Page:
    """Press a button that needs no words."""
    form = next(f for f in page.reader.forms if f.action.endswith(ends))
    return browser.post(form.action, follow=True, **{name: values[0] for name, values in form.values.items()})


STAFF = ("karen", "mehmet", "lone", "pia")


@pytest.mark.parametrize(("path", "sees"), [
    ("/", (*STAFF, "admin", "partner")), ("/requests", STAFF), ("/partners", STAFF), ("/partners/{school}", (*STAFF, "admin")), ("/cases/{case}", STAFF),
    ("/partners/new", ("pia",)), ("/partners/without-cooperation", ("pia", "lone")), ("/partners/{school}/keys", ("pia", "admin")), ("/keys", ("pia", "admin")),
    ("/integrators/keys/new", ("admin",)), ("/requests/new?case_id={case}", STAFF), ("/notices", STAFF), ("/requests/{asked}", (*STAFF, "admin", "partner")),
    ("/requests/{asked}/decline", ("partner",)), ("/requests/{asked}/cancel", STAFF), ("/my/requests", ("partner",)), ("/my/notices", ("partner",)), ("/my/card", ("partner",)),
    ("/my/capacity", ("partner",)),
])
def test_each_page_is_for_those_whom_the_api_lets_read_or_act(place: Place, people: dict[str, Browser], asked: str, path: str, sees: tuple[str, ...]) -> None:
    address = path.format(school=place.school, case=place.case, asked=asked)
    found = {name: status(browser.get(address, follow=True)) for name, browser in people.items()}
    assert found == {name: 200 if name in sees else 403 for name in people}


@pytest.fixture(scope="module")
def people(place: Place) -> dict[str, Browser]:
    return {**{name: place.by(name) for name in (*STAFF, "admin")}, "partner": place.by(key=place.key)}


@pytest.fixture(scope="module")
def asked(place: Place) -> str:
    return place.asked()


def test_a_partner_signs_in_with_her_key_and_nobody_with_another(place: Place) -> None:
    page = place.by(key=place.key).get("/")
    assert page.status == 200 and "Hytten" in page.text
    integrators = place.world.partners(ADMINISTRATOR).post("/integrators/keys", {"name": "andre"}).json["key"]
    for wrong in ("jt_000000000000_nothing", "nothing", integrators):
        stranger = Browser(place.app)
        token = stranger.get("/sign-in").form_token
        refused = stranger.post("/sign-in", csrf_token=token, key=wrong)
        assert refused.status == 401 and wrong not in refused.html
        assert stranger.get("/").status == 401


def test_a_partner_sees_her_own_requests_and_nobody_elses(place: Place) -> None:
    mine, theirs, draft = place.asked(text="Kommer hun?"), place.asked(place.other_school, text="Noget andet"), place.asked(send=False)
    school = place.by(key=place.key)
    assert "Kommer hun?" in school.get(f"/requests/{mine}").text
    inbox = school.get("/").html
    assert mine in inbox and theirs not in inbox and draft not in inbox
    for id in (theirs, draft, an_id()):
        assert school.get(f"/requests/{id}").status == 404
        assert school.get(f"/requests/{id}/decline").status == 404
        page = school.get(f"/requests/{mine}/decline")
        answer = school.post(f"/requests/{id}/decline", csrf_token=page.form_token, key=an_id(), version="2", reason_code="other")
        assert answer.status == 404


def test_what_the_agreement_keeps_back_is_on_none_of_the_partners_pages(place: Place) -> None:
    quiet = a_partner(place.world, name="De tavse")
    place.world.partners(COORDINATOR).post("/cooperations", {"partner_id": quiet, **TERMS, "lead_times": [], "review_on": "2027-06-01", "fields": ["dialogue"]})
    id = place.asked(quiet, text="Hemmeligt")
    browser = place.by(key=a_key(place.world, quiet))
    for path in ("/", "/my/requests", "/my/notices", f"/requests/{id}", f"/requests/{id}/offer", f"/requests/{id}/deliver"):
        page = browser.get(path)
        assert page.status == 200 and "Amina" not in page.text and "Hemmeligt" not in page.text and place.case not in page.html, path


def test_a_union_learns_who_it_is_with_her_consent_alone(place: Place) -> None:
    browser = place.by(key=a_key(place.world, place.union))
    without, given = place.asked(place.union, "opinion"), place.asked(place.union, "opinion", consent_on=str(TODAY))
    assert "Amina" not in browser.get(f"/requests/{without}").text and "Amina Y." in browser.get(f"/requests/{given}").text
    lines = [text for address, text in browser.get("/").links if "/requests/" in address]
    assert sorted("Amina" in line for line in lines if "Høringssvar" in line) == [False, True]


def test_a_request_is_asked_answered_questioned_delivered_and_confirmed(place: Place) -> None:
    karen, school = place.by("karen"), place.by(key=place.key)
    case = karen.get(f"/cases/{place.case}")
    chosen = karen.get(case.link("Spørg en samarbejdspartner"))
    assert {text for address, text in chosen.links if "request_type=" in address} >= {"Udtalelse", "Kursusplads", "Høringssvar"}
    form = karen.get(chosen.link("Udtalelse"))
    assert not form.form().values.get("consent_on", [""])[0]
    sent = karen.send(form, partner_id=place.school, text="Hvilket modul?", send="yes")
    assert sent.status == 200 and "Den er sendt til Hytten." in sent.text and "30. nov. 2026" in sent.text  # seven days, as agreed
    at = sent.address
    asked = school.fill(f"{at}/request_info", question="Hvornår?")
    assert "Den venter på kommunen." in asked.text and not any(f.action.startswith("/requests") for f in asked.reader.forms)
    line = karen.get("/").link("Samarbejdspartneren har et spørgsmål")
    assert karen.fill(line, answer="I marts").status == 200
    agreed = press(school, school.get(at), "/agree")
    assert "Sagt ja" in agreed.text and "I marts" in agreed.text
    nothing = school.fill(f"{at}/deliver", **{"output.text": ""})
    assert nothing.status == 422 and nothing.errors == {"output-text": "Fejl: Skal udfyldes."}
    assert "Besvaret" in school.send(nothing, **{"output.text": f"Modul 3 {EVIL}"}).text
    done = karen.get(karen.get("/").link("Se på svaret"))
    assert EVIL not in done.html and f"Modul 3 {EVIL}" in done.text
    assert "Bekræftet" in press(karen, done, "/confirm").text


def test_an_authority_decides_with_what_its_decision_needs(place: Place) -> None:
    office = a_partner(place.world, "other_authority", "AF")
    browser = place.by(key=a_key(place.world, office))
    id = place.asked(office, "grant", agreement_id=an_id())
    press(browser, browser.get(f"/requests/{id}"), "/agree")
    page = browser.get(f"/requests/{id}/deliver")
    assert page.form().choices["output.decision"] == ["granted", "refused"] and page.form().values["output.decided_on"] == [str(TODAY)]
    half = browser.send(page, **{"output.decision": "refused", "output.basis": "LAB"})
    assert half.status == 422 and set(half.errors) == {"output-reason", "output-what_would_help"} and half.form().values["output.basis"] == ["LAB"]
    assert "Afslået" in browser.send(half, **{"output.reason": "For mange", "output.what_would_help": "Færre"}).text


def test_only_partners_that_may_be_asked_for_it_can_be_chosen(place: Place) -> None:
    form = place.by("mehmet").get(f"/requests/new?case_id={place.case}&request_type=mentor")
    assert "partner" in form.text and form.form().choices.get("partner_id", []) in ([], [""])
    opinion = place.by("mehmet").get(f"/requests/new?case_id={place.case}&request_type=opinion").form()
    assert opinion.values["partner_id"] == [place.union] and "consent_on" not in opinion.hidden
    gone = a_partner(place.world, "union", "De nedlagte")
    place.world.partners(COORDINATOR).post(f"/partners/{gone}/status", {"status": "inactive"})
    assert place.union in opinion.choices["partner_id"] and gone not in place.by("mehmet").get(f"/requests/new?case_id={place.case}&request_type=opinion").html
    assert "request_type=grant" not in place.by("mehmet").get(f"/requests/new?case_id={place.case}").html


def test_sending_a_request_twice_makes_one_and_sends_it_once(place: Place) -> None:
    karen = place.by("karen")
    form = karen.get(f"/requests/new?case_id={place.case}&request_type=course_place")
    first, again = (karen.send(form, partner_id=place.other_school, text="To gange", send="yes") for _ in range(2))
    assert first.address == again.address and "Sendt" in again.text
    kept = karen.send(karen.get(f"/requests/new?case_id={place.case}&request_type=course_place"), partner_id=place.other_school, text="Senere")
    assert "Kladde" in kept.text and kept.address != first.address


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_stays(place: Place) -> None:
    karen = place.by("karen")
    form = karen.get(f"/requests/new?case_id={place.case}&request_type=statement")
    wrong = karen.send(form, partner_id=place.school, text=f"Om 010190-1234 {EVIL}", send="yes")
    assert wrong.status == 422 and set(wrong.errors) == {"text"} and EVIL not in wrong.html
    assert wrong.form().values["text"] == [f"Om 010190-1234 {EVIL}"] and wrong.form().values["partner_id"] == [place.school]
    assert karen.send(wrong, text="Om hende", send="yes").status == 200
    nothing = karen.send(karen.get(f"/requests/new?case_id={place.case}&request_type=interpreter"))
    assert nothing.status == 422 and {"text", "wanted_on"} - set(nothing.errors) <= {"wanted_on"}
    assert "Åbn borgerens sag" in karen.get("/requests/new").text


def test_a_draft_never_comes_back_in_the_form_for_another_citizen(place: Place) -> None:
    karen = place.by("karen")
    here = f"/requests/new?case_id={place.case}&request_type=statement"
    values = karen.get(here).form().values
    typed = {name: given[0] for name, given in values.items() if given and name not in ("key", "version")}
    assert karen.post("/draft", **{**typed, "draft-of": "/requests/new", "text": "Om Amina alene"}).status == 204
    assert "Om Amina alene" in karen.get(here).html
    other = karen.get(f"/requests/new?case_id={an_id()}&request_type=statement")
    assert "Om Amina alene" not in other.html and place.case not in other.html


def test_of_two_who_answer_the_second_is_told(place: Place) -> None:
    id, karen, school = place.asked(), place.by("karen"), place.by(key=place.key)
    open_form = karen.get(f"/requests/{id}/cancel")
    press(school, school.get(f"/requests/{id}"), "/acknowledge")
    late = karen.send(open_form, reason_code="other", text="Ikke mere")
    assert late.status == 412 and "En anden har ændret det, mens du skrev" in late.text and "Modtaget" in late.text
    assert late.form().values["text"] == ["Ikke mere"]
    assert "Trukket tilbage" in karen.send(late).text


def test_a_partner_is_registered_with_its_card_and_its_agreement_in_a_row(place: Place) -> None:
    pia = place.by("pia")
    half = pia.fill("/partners/new", name=f"Nord {EVIL}", kind="association", purpose="Naboer", area="Nord")
    assert half.address.endswith("/card") and half.form().values["purpose"] == ["Naboer"]
    agreement = pia.send(half, competences="Frivillige", form="Møder")
    assert agreement.address == "/cooperations/new" and "partner_id" in agreement.form().hidden and EVIL not in agreement.html
    assert agreement.form().values["review_on"] == ["2027-11-23"] and "person" not in agreement.form().choices["fields"]  # a union or an association sees no person by itself
    wrong = pia.send(agreement, **TERMS, **{"lead_times.0.procedure": "mentor", "lead_times.0.days": "x", "fields": ["text"]})
    assert wrong.status == 422 and set(wrong.errors) == {"lead_times-0-days"} and wrong.form().values["fields"] == ["text"]
    done = pia.send(wrong, **{"lead_times.0.days": "10"})
    assert re.fullmatch(r"/partners/[0-9a-f-]{36}", done.address) and "Mentor: 10 dage før" in done.text and "Spørgsmål og svar" not in done.text
    change = pia.get(pia.get(done.link("Version 1")).link("Aftal en ny version"))
    assert change.form().values["lead_times.0.days"] == ["10"] and change.form().values["fields"] == ["text"]
    changed = pia.send(change, duties="De gør mere", fields=None, **{"lead_times.0.procedure": "", "lead_times.0.days": ""})
    assert changed.status == 200 and "Version 2" in changed.text and "De svarer" in changed.text and "Der er ikke aftalt nogen." in changed.text
    whole = pia.fill("/partners/new", name="Syd", kind="school", **CARD)
    assert whole.address == "/cooperations/new"


def test_a_key_is_shown_once_and_stands_nowhere_else(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    pia = place.by("pia")
    form = pia.get(f"/partners/{place.other_school}/keys")
    none_ticked = pia.send(form, scopes=None)
    assert none_ticked.status == 422 and set(none_ticked.errors) == {"scopes"}  # it must not mean all of them
    issued = pia.send(form, follow=False, label="Kontoret")
    [key] = set(re.findall(r"jt_[0-9a-f]{12}_[\w-]+", issued.html))
    assert issued.status == 200 and "Den vises nu og aldrig igen" in issued.text
    assert issued.headers["Cache-Control"] == "no-store" and "Location" not in issued.headers and key not in str(issued.headers)
    again = pia.send(form, follow=False, label="Kontoret")
    assert key in again.html, "the same form sent again shows the same key"
    listed = place.world.partners(COORDINATOR).get("/keys", owner=place.other_school).json["items"]
    assert [k["label"] for k in listed].count("Kontoret") == 1
    secret = key.split("_", 2)[2]
    for path in (f"/partners/{place.other_school}", f"/partners/{place.other_school}/keys", "/keys", f"/keys/{listed[-1]['id']}", "/"):
        assert secret not in pia.get(path).html
    assert secret not in "".join(capfd.readouterr())
    for file in place.world.settings.home.glob("partners.db*"):
        assert secret.encode() not in file.read_bytes()
    assert place.by(key=key).get("/").status == 200


def test_a_revoked_key_ends_its_sessions(place: Place) -> None:
    partner = a_partner(place.world, name="Den glemsomme")
    browser, pia = place.by(key=a_key(place.world, partner)), place.by("pia")
    assert browser.get("/").status == 200
    key = pia.get(pia.get(f"/partners/{partner}").link("Nøgle fra"))
    revoked = pia.fill(key.link("Spær nøglen"))
    assert revoked.address == f"/partners/{partner}" and "Spærret" in revoked.text
    assert browser.get("/").status == 401
    assert not pia.get(key.address).has_link("revoke")


def test_integrators_keys_are_the_administrators(place: Place) -> None:
    admin, pia = place.by("admin"), place.by("pia")
    wrong = admin.fill("/integrators/keys/new", name="Kommunens BI")
    assert wrong.status == 422 and set(wrong.errors) == {"name"}
    issued = admin.send(wrong, name="kommunens_bi")
    assert "jt_" in issued.html and "kommunens_bi" in admin.get("/", follow=True).text
    assert "kommunens_bi" not in pia.get("/keys").text
    key = admin.get("/keys").link("kommunens_bi")
    assert pia.get(key).status == 404
    assert admin.fill(f"{key}/revoke").address == "/keys" and "kommunens_bi" in admin.get("/keys?status=revoked").text


def test_work_is_overdue_first_for_the_partner_and_for_who_asked(place: Place) -> None:
    late = place.asked(on="2026-11-02")
    school, karen, pia = place.by(key=place.key), place.by("karen"), place.by("pia")
    first = next(address for address, _text in school.get("/").links if address.startswith("/requests/"))
    assert first == f"/requests/{late}" and "Overskredet: 9. nov. 2026" in school.get("/").text
    chased = karen.get("/").link("Samarbejdspartneren har ikke svaret")
    assert chased == f"/requests/{late}" and late in pia.get("/?why=chase_partner").html
    assert late not in place.by("mehmet").get("/").html, "the unit that asked follows it up"
    hers = place.asked(role="consultant", send=False)
    assert hers in place.by("mehmet").get("/").html and hers not in karen.get("/").html
    assert "Mangler en samarbejdsaftale: Borgen" in pia.get("/").text


def test_a_notice_that_found_nobody_is_given_by_the_coordinator(place: Place) -> None:
    voice = Voice(place.world)
    voice.say("interview.booked", place.case, TODAY, match_id=an_id(), companion_kinds=["teacher"], scheduled_on="2026-12-07")
    voice.heard()
    pia, school = place.by("pia"), place.by(key=place.other_key)
    assert "Amina" not in school.get("/my/notices").text
    form = pia.get(pia.get("/").link("Ingen har fået besked"))
    assert place.union not in form.form().choices["partner_id"]
    given = pia.send(form, partner_id=place.other_school)
    assert "Borgen" in given.text and not given.has_link("assign")
    told = school.get("/").text
    assert "7. dec. 2026" in told and "Jobsamtale: Amina Y." in told
    assert "Jobsamtale" in place.by("karen").get(f"/cases/{place.case}").text


def test_a_notice_whose_day_is_past_can_be_let_go_and_leaves_the_list(place: Place) -> None:
    voice, case = Voice(place.world), a_known_case(place.world)  # whose school nobody knows
    voice.say("interview.booked", case, TODAY - timedelta(days=9), match_id=an_id(), companion_kinds=["teacher"], scheduled_on=str(TODAY - timedelta(days=2)))
    voice.say("interview.booked", case, TODAY, match_id=an_id(), companion_kinds=["teacher"], scheduled_on="2026-12-08")
    voice.heard()
    pia, api = place.by("pia"), place.world.partners("pia")
    coming, past = sorted(api.get("/notices", unassigned="true").json["items"], key=lambda n: n["scheduled_on"], reverse=True)
    refused = api.post(f"/notices/{coming['id']}/dismiss")
    assert (refused.status, refused.json["allowed"]) == (409, ["assign"])
    assert place.world.partners("karen").post(f"/notices/{past['id']}/dismiss").status == 403
    page = pia.get("/")
    assert page.has_link(f"/notices/{past['id']}") and page.has_link(f"/notices/{coming['id']}/assign")
    notice = pia.get(f"/notices/{past['id']}")
    assert "Dagen er gået" in notice.text and notice.has_link("/assign"), "it may still be given"
    assert not pia.get(f"/notices/{coming['id']}").has_link("/dismiss")
    after = pia.send(pia.get(notice.link("Læg beskeden væk")))
    assert after.status == 200 and not after.has_link(past["id"]) and after.has_link(coming["id"])
    assert "Ikke længere aktuel" in pia.get(f"/notices/{past['id']}").text
    assert api.post(f"/notices/{past['id']}/dismiss").status == 409


def test_a_partner_tells_whether_it_has_places(place: Place) -> None:
    school = place.by(key=place.key)
    wrong = school.fill("/my/capacity", state="has_capacity", places="mange")
    assert wrong.status == 422 and set(wrong.errors) == {"places"}
    told = school.send(wrong, places="3")
    assert told.address == "/my/card" and "3 pladser" in told.text
    assert "Der er plads (3)" in place.by("karen").get("/partners?kind=language_school").text


def test_a_partner_reads_what_is_agreed_with_it_alone(place: Place) -> None:
    card = place.by(key=place.key).get("/my/card").text
    assert "Lederen" in card and "Udtalelse: 7 dage før" in card and "1. jun. 2027" in card
    assert "ikke indgået en samarbejdsaftale" in place.by(key=place.other_key).get("/my/card").text


def test_an_address_cannot_send_what_was_to_stay_a_draft(place: Place) -> None:
    karen = place.by("karen")
    page = karen.get(f"/requests/new?case_id={place.case}&request_type=statement&send=yes&key=ours")
    assert "Kladde" in karen.send(page, partner_id=place.school, text="Ikke endnu").text


def test_a_key_opens_what_it_is_for(place: Place) -> None:
    narrow = place.by(key=a_key(place.world, place.school, scopes=["notices"]))
    assert "giver ikke adgang til forespørgsler" in narrow.get("/").text
    assert narrow.get("/my/requests").status == 403 and narrow.get("/my/notices").status == 200
    assert not narrow.get("/").has_link("/my/capacity")


def test_an_unknown_case_and_a_wrong_filter_are_told_kindly(place: Place) -> None:
    karen = place.by("karen")
    assert karen.get(f"/cases/{an_id()}").status == 404
    assert karen.get("/requests?status=%3Cb%3E").status == 422
    assert karen.get("/?after=2026-99-99_" + an_id()).status == 422
    assert "0 i alt" not in karen.get("/requests?status=expired").text


def test_a_list_asks_the_database_as_often_for_many_as_for_few(place: Place) -> None:
    karen = place.by("karen")

    def count(path: str) -> int:
        with counted(place.world.runtimes["partners"].engine) as asked:
            assert karen.get(path).status == 200
        return len(asked)

    paths = ("/", "/requests", f"/cases/{place.case}")
    few = [count(path) for path in paths]
    for _ in range(5):
        place.asked(send=False)
    assert [count(path) for path in paths] == few


def test_every_word_of_the_pages_is_there_in_both_languages(place: Place, people: dict[str, Browser], asked: str) -> None:
    for browser in people.values():
        page = browser.get("/", follow=True)
        browser.post("/language", csrf_token=page.form_token, language="en", to="/")
    paths = ["/", "/requests?status=all", "/partners", f"/partners/{place.school}", f"/cases/{place.case}", "/keys", "/my/requests", "/my/notices?all=yes", "/my/card", "/notices",
             "/integrators/keys/new", "/partners/new", f"/cooperations/new?partner_id={place.union}", f"/requests/new?case_id={place.case}", f"/requests/{asked}",
             *(f"/requests/{asked}/{action}" for action in ("offer", "waitlist", "decline", "request_info", "progress", "deliver", "not_deliver", "cancel", "dispute", "void"))]
    for browser in people.values():
        shown = [page for path in paths if (page := browser.get(path, follow=True)).status == 200]
        assert shown and all('lang="en"' in page.html for page in shown)
    assert {language: sorted(words.catalogue(language, FOLDERS).missed) for language in words.LANGUAGES} == {"da": [], "en": []}

