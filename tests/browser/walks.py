# SPDX-License-Identifier: MPL-2.0
"""Who walks where for the pictures of the guides; the main path itself is path.py's."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jobtrappen.bus import Record, open_bus
from jobtrappen.config import TOPICS
from jobtrappen.demo.client import Thing
from jobtrappen.up import Suite
from tests.browser import path
from tests.browser.path import Citizen
from tests.browser.person import Person
from tests.browser.town import Town

DESK, PHONE = {"width": 1040, "height": 800}, {"width": 390, "height": 844}


class Cast:
    """Those who walk: each at a window of her own, with a camera over her shoulder."""

    def __init__(self, browser: Any, base: str, camera: Callable[[Person, str, int], None]) -> None:
        self.browser, self.base, self.camera = browser, base, camera

    def comes(self, name: str = "", key: str = "", viewport: dict[str, int] | None = None, picture: str = "") -> Person:
        """Somebody signs in; `picture`: of the page on which she does."""
        person = Person(self.browser, self.base, viewport=viewport or DESK)
        person.camera = self.camera
        at = "partners" if key else "referral"
        if picture:
            person.go(f"{at}/sign-in")
            person.picture(picture)
        person.sign_in(name, key=key, at=at)
        return person


# --- the walks -----------------------------------------------------------------------------------------------------------
def caseworker(cast: Cast, who: Citizen) -> Person:
    """From the sign-in to the referral."""
    karen = cast.comes("karen", picture="sagsbehandler-log-ind")
    path.refer(karen, who)
    return karen


def consultant(cast: Cast, who: Citizen) -> Person:
    """From the referral to the first day at work; the contact is written down from a phone."""
    mehmet = cast.comes("mehmet")
    path.accept(mehmet, who)
    path.assess(mehmet, who)
    path.agree(mehmet, who)
    mehmet.click("Brev til virksomheden")
    mehmet.picture("jobkonsulent-brev")
    mehmet.page.go_back()
    path.begin(mehmet, who)
    phone = cast.comes("mehmet", viewport=PHONE)
    path.follow_up(phone, who)
    phone.leave()
    return mehmet


def key_for_the_school(cast: Cast, who: Citizen) -> str:
    """The partner coordinator issues it on the school's page."""
    pia = cast.comes("pia")
    pia.click("Samarbejdspartnere", within="nav")
    pia.picture("administrator-partnere")
    pia.click(who.school)
    pia.click("Udsted en nøgle")
    pia.click("Udsted en nøgle")
    key = str(pia.page.locator("#issued-key").input_value())
    pia.page.evaluate("document.querySelector('#issued-key').value = 'jt_' + '•'.repeat(40)")
    pia.picture("administrator-ny-noegle")
    pia.leave()
    return key


def partner(cast: Cast, karen: Person, who: Citizen, key: str) -> None:
    """The school is asked, answers, and the caseworker reads what it says."""
    school = cast.comes(key=key, picture="partner-log-ind")
    path.ask(karen, who)
    path.answer(school, who)
    school.click("Indbakke", within="nav")
    school.click("Meld, om der er plads")
    school.picture("partner-plads")
    school.leave()
    path.see(karen, who)


def when_it_goes_wrong(karen: Person, town: Town, who: Citizen) -> None:
    """A field that was forgotten, and two who change the same."""
    karen.click("Henvisning", within="nav")
    karen.click("Opret sag")
    karen.click("Opret sag")
    karen.picture("galt-glemt-felt")
    karen.click("Find en sag", within="nav")
    karen.type("Navn, eller begyndelsen af det", who.name)
    karen.click("Søg på navn")
    case = town.api.get("karen", "referral", f"/cases/{karen.path.rsplit('/', 1)[1]}")
    karen.click("Ret personoplysninger")
    karen.type("Telefon", "+4500112233")
    town.step("karen", "referral", "cases", Thing(case, f'"{case["version"]}"'), "person", {"phone": "+4500445566"})
    karen.follow("main .jt-form button.button-primary")
    karen.picture("galt-rettet-imens")


def administrator(cast: Cast, suite: Suite) -> None:
    """How the services are, a message that nobody could read, who has keys, and a report."""
    admin = cast.comes("admin")
    admin.picture("administrator-drift")
    unreadable(suite)
    admin.click("Opfølgning", within="nav")
    admin.finds("Jeg har set på den")
    admin.picture("administrator-ulaeselig", tall=1300)
    admin.click("Rapporter", within="nav")
    admin.click("Tabel 1")
    admin.picture("administrator-rapport", tall=1100)
    admin.click("Partnere", within="nav")
    admin.picture("administrator-noegler")
    admin.leave()


def unreadable(suite: Suite) -> None:
    """Somebody who has no business there writes on the referrals' topic."""
    bus = open_bus(suite.settings.bus)
    producer = bus.producer("pictures")
    producer.send([Record(TOPICS["referral"], b"nobody", b"not an event")])
    producer.close()
    bus.close()


def everybody(cast: Cast, suite: Suite, who: Citizen) -> None:
    """All walks, in the order in which one makes room for the next."""
    town = Town(suite)
    town.opening(who.opening, "ordinary_job", employer="Bageriet")
    key = key_for_the_school(cast, who)
    karen = caseworker(cast, who)
    mehmet = consultant(cast, who)
    partner(cast, karen, who, key)
    when_it_goes_wrong(karen, town, who)
    administrator(cast, suite)
    for one in (karen, mehmet):
        one.leave()
