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
    partner: str = ""
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
    assert who.name in karen.text and "venter på svar" in karen.text, karen.text


# --- the job consultant ------------------------------------------------------------------------------------------------
def accept(mehmet: Person, who: Citizen) -> None:
    """It stands among her work, and she takes it."""
    mehmet.finds(who.name)
    mehmet.picture("jobkonsulent-opgaver")
    mehmet.click_line(who.name)
    mehmet.picture("jobkonsulent-tag-imod")
    mehmet.click("Tag imod henvisningen")
    assert who.name in mehmet.text, mehmet.text
