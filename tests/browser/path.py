# SPDX-License-Identifier: MPL-2.0
"""The main path, page by page: a citizen from a blank form to an ordinary job, the first follow-up, and what a partner is asked
meanwhile. Nobody types an address; each page is reached by a link that stands where the person is. The test of the path counts
these clicks, and the pictures of the guides are taken on the same way."""
from __future__ import annotations

from dataclasses import dataclass

from tests.browser.person import Person


@dataclass(frozen=True)
class Citizen:
    given_name: str
    family_name: str
    today: str
    """The suite's fixed day, as 2026-11-23."""
    opening: str
    """Where she begins to work: the title of an opening for an ordinary job."""
    wish: str
    school: str
    """The language school that is asked about her."""

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


# --- the caseworker ----------------------------------------------------------------------------------------------------
def refer(karen: Person, who: Citizen) -> None:
    """A blank form, and the referral is with the job consultants."""
    karen.picture("sagsbehandler-opgaver")
    karen.click("Opret sag")
    karen.type("Fornavn", who.given_name)
    karen.type("Efternavn", who.family_name)
    karen.tick("Går på sprogskole")
    karen.picture("sagsbehandler-opret-sag")
    karen.click("Opret sag")
    karen.picture("sagsbehandler-henvisning")
    karen.click("Send henvisningen")
    karen.picture("sagsbehandler-sag")
    assert who.name in karen.text and "Afventer svar" in karen.text, karen.text


# --- the job consultant ------------------------------------------------------------------------------------------------
def accept(mehmet: Person, who: Citizen) -> None:
    """It stands among her work, and she takes it."""
    mehmet.click("Henvisning", within="nav")
    mehmet.choose("Vis", "Svar på en henvisning")
    mehmet.click("Filtrér")
    mehmet.finds(who.name)
    mehmet.picture("jobkonsulent-opgaver")
    mehmet.click_line(who.name)
    mehmet.picture("jobkonsulent-tag-imod", tall=1060)
    mehmet.click("Tag imod henvisningen")
    assert who.name in mehmet.text, mehmet.text


def assess(mehmet: Person, who: Citizen) -> None:
    """The talk, the beginning and the step that she begins on; from the page on which the accepting ends."""
    mehmet.picture("jobkonsulent-sag")
    mehmet.click("Aftal samtale")
    mehmet.fill(scheduled_at=f"{who.today}T09:00", place="Lokalcentret")
    mehmet.click("Aftal samtale")
    mehmet.click("Skriv referat af samtalen")
    mehmet.type("Ønsker", who.wish)
    mehmet.type("Kompetencer", "Har stået i butik i fire år")
    mehmet.type("Barrierer", "Vil gerne have tid til at lære varerne at kende")
    mehmet.picture("jobkonsulent-referat")
    mehmet.click("Skriv referat af samtalen")
    mehmet.click("Begynd forløbet")
    mehmet.click("Begynd forløbet")
    mehmet.click("Vurdér starttrin")
    mehmet.choose("Uddannelse", "Erhvervsuddannelse")
    mehmet.choose("Fremmøde", "Stabilt")
    mehmet.type("Års erfaring", "4")
    mehmet.type("Måneder væk fra arbejdsmarkedet", "2")
    mehmet.picture("jobkonsulent-vurder")
    mehmet.click("Vurdér starttrin")
    mehmet.picture("jobkonsulent-starttrin")
    mehmet.click("Bekræft starttrin")


def agree(mehmet: Person, who: Citizen) -> None:
    """A place and the agreement, from the citizen's case."""
    mehmet.click("Find en plads på en arbejdsplads")
    mehmet.finds(who.opening)
    mehmet.picture("jobkonsulent-aabninger")
    mehmet.propose(who.opening)
    mehmet.type("Begrundelse", who.wish)
    mehmet.click("Foreslå, og gå videre til aftalen")
    mehmet.type("Formål", "Fast arbejde")
    mehmet.type("Mål på længere sigt", "Et job, der holder")
    mehmet.fill(starts_on=who.today)
    mehmet.click("Begge har sagt ja: lav aftalen")
    assert "Indgået" in mehmet.text, mehmet.text
    mehmet.picture("jobkonsulent-aftale")


def begin(mehmet: Person, who: Citizen) -> None:
    """Her first day, from the page of the agreement."""
    mehmet.click("Til forløbet i Opfølgning")
    mehmet.finds("Registrér start")
    mehmet.click("Registrér start")
    if mehmet.page.locator("input[name=meeting_waived_because]:not([type=hidden])").count():
        mehmet.fill(meeting_waived_because="Alle har talt sammen i telefon")
    mehmet.click("Registrér start")
    assert "/courses/" in mehmet.path and "I gang" in mehmet.text, mehmet.text
    mehmet.picture("jobkonsulent-forloeb", tall=1120)


def follow_up(mehmet: Person, who: Citizen) -> None:
    """The contact that is due, from wherever she is."""
    mehmet.click("Opfølgning", within="nav")
    mehmet.finds(who.given_name)
    mehmet.picture("jobkonsulent-opfoelgning")
    mehmet.click_line(who.name)
    mehmet.type("Hvad kom der ud af det?", "Hun er glad for kollegerne")
    mehmet.picture("jobkonsulent-kontakt", tall=1600)
    mehmet.click("Skriv en kontakt ned")
    assert "Gemt." in mehmet.text, mehmet.text


# --- a partner, and the caseworker who asks it ---------------------------------------------------------------------------
def ask(karen: Person, who: Citizen) -> None:
    """A question to the language school, from the case."""
    karen.click("Partnere", within="main")
    karen.finds(who.given_name)
    karen.click("Spørg en samarbejdspartner")
    karen.click("Udtalelse")
    karen.choose("Samarbejdspartner", f"{who.school}, Sprogskole")
    karen.type("Hvad spørger du om?", "Hvilket modul går hun på, og kan hun klare sig på dansk i en butik?")
    karen.picture("sagsbehandler-spoerg")
    karen.click("Send til samarbejdspartneren")
    assert who.given_name in karen.text and who.school in karen.text, karen.text


def hears(school: Person, who: Citizen) -> None:
    """The school is told of a pupil's talk as soon as it is booked, and sees no more of her name than it needs."""
    school.finds("Første samtale")
    assert who.given_name in school.text and who.name not in school.text, school.text


def answer(school: Person, who: Citizen) -> None:
    """It lies in the school's inbox, and the school answers."""
    school.line(who.given_name)
    school.picture("partner-indbakke")
    school.click_line(who.given_name)
    school.picture("partner-forespoergsel")
    school.click("Sig ja")
    school.click("Giv svaret")
    school.fill(output__text="Hun går på modul 4 og taler fint med kunder.")
    school.picture("partner-svar")
    school.click("Giv svaret")


def see(karen: Person, who: Citizen) -> None:
    """The answer stands among the caseworker's work; she reads it and says so."""
    karen.click("Partnere", within="nav")
    karen.finds("Se på svaret")
    karen.click_line(who.given_name)
    assert "modul 4" in karen.text, karen.text
    karen.picture("sagsbehandler-svar")
    karen.click("Bekræft leveringen")
