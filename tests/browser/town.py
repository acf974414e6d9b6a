# SPDX-License-Identifier: MPL-2.0
"""What is there before anybody signs in: employers, openings, a partner with its key, and lives at several stages. All of it is
made through the public APIs."""
from __future__ import annotations

import itertools
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from jobtrappen.config import SERVICES, Settings
from jobtrappen.demo.client import Session, Thing, sign_in
from jobtrappen.demo.loader import LOG_INS
from jobtrappen.up import Suite, free_port
from tests.support.stages_matching import YES, a_cvr, asking, ordinary
from tests.support.world import TODAY

DAY = TODAY.isoformat()
LONG_AGO = "2026-10-05"
LIST = ("given_name;family_name;benefit\nIda;Fra Listen;cash_benefit\nUlla;Fra Listen;cash_benefit\nForkert;Række;nonsense\n").encode()


def settings(home: Path) -> Settings:
    """The demo's log-ins on a fixed day, on a free port, in a folder that goes away."""
    given = {k: v for k, v in os.environ.items() if k in ("JOBTRAPPEN_SECRET",)}
    return Settings.from_env({**given, "JOBTRAPPEN_HOME": str(home), "JOBTRAPPEN_MODE": "demo", "JOBTRAPPEN_TODAY": DAY, "JOBTRAPPEN_PLUGINS": ",".join(SERVICES),
                              "JOBTRAPPEN_BIND": f"127.0.0.1:{free_port()}"})


class Town:
    def __init__(self, suite: Suite) -> None:
        self.api = Session(suite.urls, sign_in(suite.urls, LOG_INS), "browser")
        self.numbers = itertools.count(8000)

    def post(self, who: str, service: str, path: str, body: Any, on: Thing | None = None, **more: Any) -> Thing:
        return self.api.post(who, service, path, body, name=f"{who} {next(self.numbers)}", on=on, **more)

    def step(self, who: str, service: str, kind: str, thing: Thing, action: str, body: dict[str, Any] | None = None) -> Thing:
        return self.post(who, service, f"/{kind}/{thing.id}/{action}", body or {}, on=thing)

    # --- employers, openings, partners ----------------------------------------------------------------------------------
    def opening(self, title: str, measure: str = "internship", places: int = 3, employer: str = "") -> Thing:
        """An opening at a workplace of its own."""
        number, called = next(self.numbers), employer or title
        made = self.post("mehmet", "matching", "/employers", {"cvr": a_cvr(number), "name": f"{called} ApS", "sector": "private"})
        workplace = self.post("mehmet", "matching", f"/employers/{made.id}/workplaces", {"p_number": f"{number:010d}", "name": f"{called}, Torvet", "responsible": "mehmet"})
        return self.post("mehmet", "matching", "/openings", {"workplace_id": workplace.id, "source": "outreach", "title": title, "weekly_hours": 37,
                                                              "tasks": "Bage rundstykker", "places": [{"measure": measure, "places": places}]})

    @cached_property
    def school(self) -> Thing:
        """A language school that reads requests and notices."""
        return self.post("pia", "partners", "/partners", {"name": "Hytten Sprogskole", "kind": "language_school"})

    @cached_property
    def key(self) -> str:
        made = self.post("pia", "partners", f"/partners/{self.school.id}/keys", {"scopes": ["requests", "notices", "capacity"]}, on=self.school)
        return str(made.document["key"])

    # --- lives ----------------------------------------------------------------------------------------------------------
    def case(self, given_name: str, family_name: str, **more: Any) -> Thing:
        return self.post("karen", "referral", "/cases", {"given_name": given_name, "family_name": family_name, "track": "adult", "effective_date": LONG_AGO, **more})

    def referred(self, given_name: str, family_name: str = "Prøve") -> tuple[Thing, Thing]:
        """A case whose referral waits for an answer."""
        case = self.case(given_name, family_name)
        referral = self.post("karen", "referral", "/referrals", {"case_id": case.id, "track": "adult", "source": "form", "effective_date": LONG_AGO})
        return case, self.step("karen", "referral", "referrals", referral, "send",
                               {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab", "effective_date": LONG_AGO})

    def accepted(self, given_name: str, family_name: str = "Prøve") -> tuple[Thing, Thing]:
        case, referral = self.referred(given_name, family_name)
        return case, self.step("mehmet", "referral", "referrals", referral, "accept", {"responsible": "mehmet", "planned_start": LONG_AGO, "effective_date": LONG_AGO})

    def matched(self, given_name: str, opening: Thing) -> tuple[Thing, Thing]:
        case, _referral = self.accepted(given_name)
        self.known(case, "matching", "/cases")
        return case, self.post("mehmet", "matching", "/matches", {"case_id": case.id, "opening_id": opening.id, "reason": "Vil gerne bage", "effective_date": LONG_AGO})

    def chosen(self, given_name: str, opening: Thing) -> tuple[Thing, Thing]:
        case, match = self.matched(given_name, opening)
        return case, self.step("mehmet", "matching", "matches", match, "choose", {**YES, "reason_code": "fits_wishes"})

    def known(self, case: Thing, service: str, path: str) -> Any:
        """Wait until a service has heard of a case, and of its person."""
        return self.api.wait_for(f"{service} to hear of a case", lambda: self.api.get("mehmet", service, f"{path}/{case.id}"))

    def placed(self, given_name: str, opening: Thing) -> Thing:
        """A case with a placement that runs since some weeks."""
        case, match = self.chosen(given_name, opening)
        agreement = self.post("mehmet", "matching", "/agreements", {"match_id": match.id, **ordinary(starts_on=DAY)})
        self.step("mehmet", "matching", "agreements", agreement, "conclude", YES)
        found = self.api.wait_for("a placement", lambda: (self.api.get("mehmet", "followup", "/placements", case_id=case.id) or {}).get("items"))
        self.post("mehmet", "followup", f"/placements/{found[0]['id']}/start", {}, on=Thing(found[0], f'"{found[0]["version"]}"'))
        return case

    @cached_property
    def peopled(self) -> dict[str, Thing]:
        """Somebody at every stage, so that no page is empty."""
        bakery, garage = self.opening("Bageri Nærby"), self.opening("Autoværkstedet", "ordinary_job")
        made: dict[str, Thing] = {"school": self.school}
        made["draft"] = self.case("Dina", "Uden Henvisning", language_school=True)
        made["waiting"], made["referral"] = self.referred("Vera", "Venter")
        made["accepted"], _ = self.accepted("Amina", "Langtfamilienavn-Mellemnavnsen-Christiansen")
        made["intake"] = self.post("mehmet", "referral", "/intakes", {"case_id": made["accepted"].id, "scheduled_at": "2026-12-10T10:00:00+01:00", "place": "Lokalcenter", "form": "office",
                                                                       "participants": [{"kind": "consultant"}]})
        made["refusal"] = self.post("mehmet", "referral", "/refusals", {"case_id": made["accepted"].id, "what": "internship", "offered_by": "mehmet"})
        made["matched"], made["match"] = self.matched("Mona", bakery)
        self.step("mehmet", "matching", "matches", made["match"], "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
        made["chosen"], chosen = self.chosen("Cilla", bakery)
        made["agreement"] = self.post("mehmet", "matching", "/agreements", {"match_id": chosen.id})
        self.step("mehmet", "matching", "agreements", made["agreement"], "request_grant", asking())
        made["placed"] = self.placed("Petra", garage)
        self.post("karen", "referral", "/referral-lists", LIST, content_type="text/csv")
        request = self.post("karen", "partners", "/requests", {"partner_id": self.school.id, "request_type": "statement", "case_id": made["accepted"].id, "text": "Hvilket modul går hun på?"})
        made["request"] = self.step("karen", "partners", "requests", request, "request", {})
        return made
