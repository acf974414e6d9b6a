# SPDX-License-Identifier: MPL-2.0
"""A municipality in which somebody stands at every stage: citizens, employers, openings, matches, agreements, placements, partners and
what they were asked. All of it is made through the public APIs, so every page of the four services has something to show."""
from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from jobtrappen.bus import Record
from jobtrappen.config import TOPICS
from tests.support.stages_matching import YES, a_cvr, asking, ordinary
from tests.support.world import CASEWORKER, CONSULTANT, COORDINATOR, TODAY, Answer, World

DAY = TODAY.isoformat()
AGO = (TODAY - timedelta(weeks=7)).isoformat()
LATER = (TODAY + timedelta(weeks=3)).isoformat()
LIST = ("given_name;family_name;benefit\nIda;Fra Listen;cash_benefit\nUlla;Fra Listen;cash_benefit\nForkert;Række;nonsense\n").encode()
CARD = {"purpose": "Dansk for voksne", "area": "Hele kommunen", "competences": "Lærere i dansk som andetsprog", "form": "Hold og enkeltvis"}
TERMS = {"duties": "Svarer på udtalelser", "procedures": "Skriv her, ring når det haster", "contacts": "Lederen", "review_on": "2026-11-01",
         "lead_times": [{"procedure": "statement", "days": 7}]}
PROFILE = {"education": "vocational", "experience_years": 3, "stable_attendance": "stable", "months_away": 30, "limits": []}
CONTACT = {"kind": "call", "with": "citizen", "summary": "Det går godt"}


@dataclass
class People:
    """Who and what was made, by the name of its stage: {name: id}."""

    world: World
    first: int = 1
    made: dict[str, str] = field(default_factory=dict)
    key: str = ""
    other_key: str = ""
    _numbers: Iterator[int] = field(init=False)

    def __post_init__(self) -> None:
        self._numbers = itertools.count(self.first)

    # --- how things are said ---------------------------------------------------------------------------------------------
    def post(self, who: str, service: str, path: str, body: dict[str, Any] | None = None, **more: Any) -> Answer:
        done = self.world.client(service, who).post(path, body, **more)
        assert done.status in (200, 201), (service, path, done.text)
        return done

    def step(self, who: str, service: str, kind: str, id: str, action: str, body: dict[str, Any] | None = None) -> str:
        return self.post(who, service, f"/{kind}/{id}/{action}", body).id

    def on_behalf(self, key: str, kind: str, id: str, action: str, body: dict[str, Any] | None = None) -> None:
        """A partner does something with its key."""
        self.step(key, "partners", kind, id, action, body)

    # --- citizens and their referrals ------------------------------------------------------------------------------------
    def case(self, given: str, family: str, **more: Any) -> str:
        return self.post(CASEWORKER, "referral", "/cases", {"given_name": given, "family_name": family, "track": "adult", "effective_date": AGO, **more}).id

    def drafted(self, given: str, family: str, **more: Any) -> tuple[str, str]:
        case = self.case(given, family, **more)
        return case, self.post(CASEWORKER, "referral", "/referrals", {"case_id": case, "track": "adult", "source": "form", "effective_date": AGO}).id

    def referred(self, given: str, family: str, **more: Any) -> tuple[str, str]:
        case, referral = self.drafted(given, family, **more)
        return case, self.step(CASEWORKER, "referral", "referrals", referral, "send",
                               {"target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab", "effective_date": AGO})

    def accepted(self, given: str, family: str, **more: Any) -> tuple[str, str]:
        case, referral = self.referred(given, family, **more)
        return case, self.step(CONSULTANT, "referral", "referrals", referral, "accept", {"responsible": "mehmet", "planned_start": AGO, "effective_date": AGO})

    # --- employers and openings ------------------------------------------------------------------------------------------
    def opening(self, title: str, measure: str = "internship", places: int = 4) -> str:
        number = next(self._numbers)
        employer = self.post(CONSULTANT, "matching", "/employers", {"cvr": a_cvr(number), "name": f"{title} ApS", "sector": "private"}).id
        workplace = self.post(CONSULTANT, "matching", f"/employers/{employer}/workplaces",
                              {"p_number": f"{number:010d}", "name": f"{title}, Torvet", "responsible": "mehmet", "address": "Torvet 1", "headcount": 12}).id
        contact = self.post(CONSULTANT, "matching", f"/workplaces/{workplace}/contacts", {"name": "Sanne Souschef", "phone": "12345678", "email": "sanne@example.dk"}).id
        self.made |= {"employer": employer, "workplace": workplace, "contact": contact}
        return self.post(CONSULTANT, "matching", "/openings", {"workplace_id": workplace, "source": "outreach", "title": title, "weekly_hours": 37, "tasks": "Bage rundstykker",
                                                               "conditions": "Begynder kl. 5", "places": [{"measure": measure, "places": places}], "until": "2027-05-01"}).id

    def matched(self, case: str, opening: str) -> str:
        return self.post(CONSULTANT, "matching", "/matches", {"case_id": case, "opening_id": opening, "reason": "Vil gerne bage", "effective_date": AGO}).id

    def chosen(self, case: str, opening: str) -> str:
        return self.step(CONSULTANT, "matching", "matches", self.matched(case, opening), "choose", {**YES, "reason_code": "fits_wishes"})

    def drafted_agreement(self, case: str, opening: str) -> str:
        return self.post(CONSULTANT, "matching", "/agreements", {"match_id": self.chosen(case, opening)}).id

    def concluded(self, case: str, opening: str, starts_on: str = DAY) -> str:
        made = self.post(CONSULTANT, "matching", "/agreements", {"match_id": self.chosen(case, opening), **ordinary(starts_on=starts_on)}).id
        return self.step(CONSULTANT, "matching", "agreements", made, "conclude", {"citizen_yes_on": DAY, "employer_yes_on": DAY})

    def placement(self, agreement: str) -> str:
        self.world.settle()
        return self.world.followup(CONSULTANT).get("/placements", agreement_id=agreement).json["items"][0]["id"]

    # --- partners --------------------------------------------------------------------------------------------------------
    def partner(self, name: str, kind: str, **card: str) -> str:
        return self.post(COORDINATOR, "partners", "/partners", {"name": name, "kind": kind, "effective_date": AGO, **card}).id

    def key_of(self, partner: str) -> str:
        return str(self.post(COORDINATOR, "partners", f"/partners/{partner}/keys", {"scopes": ["requests", "notices", "capacity"], "label": "Kontoret"}).json["key"])

    def asked(self, partner: str, request_type: str, case: str, **more: Any) -> str:
        return self.post(CASEWORKER, "partners", "/requests", {"partner_id": partner, "request_type": request_type, "case_id": case, "text": "Hvilket modul går hun på?", **more}).id

    def requested(self, partner: str, case: str, *then: tuple[str, str, dict[str, Any]], request_type: str = "statement") -> str:
        """A request, and what was done with it: (who, action, body)."""
        made = self.asked(partner, request_type, case)
        for who, action, body in ((CASEWORKER, "request", {}), *then):
            self.step(self.key if who == "partner" else who, "partners", "requests", made, action, body)
        return made


def people(world: World, first: int = 1) -> People:
    """Everybody, once; `first` is the number from which employers take theirs, so that there may be several of these towns."""
    town = People(world, first)
    for part in (_referral, _matching, _followup, _partners):
        part(town)
        world.settle()
    return town


def _referral(town: People) -> None:
    made = town.made
    made["alone"] = town.case("Dina", "Uden-Henvisning", language_school=True, benefit="cash_benefit", target_group="cash_benefit_recipient", readiness="job_ready", phone="11223344",
                              email="dina@example.dk", address="Nygade 2", languages=["dansk", "tyrkisk"])
    made["draft case"], made["draft"] = town.drafted("Kaj", "Koldby")
    made["sent case"], made["sent"] = town.referred("Vera", "Ventura")
    made["asked case"], made["asked"] = town.referred("Ove", "Oplyst")
    town.step(CONSULTANT, "referral", "referrals", made["asked"], "request_info", {"question": "Hvilke hold går hun på?"})
    made["accepted case"], made["accepted"] = town.accepted("Amina", "Langtfamilienavn-Mellemnavnsen-Christiansen")
    made["hidden"] = town.case("Hemmelig", "Beskyttet-Hansen", protected=True)
    for name, given, on in (("started", "Stine", ()), ("held", "Henning", ("hold",)), ("completed", "Konrad", ("complete",))):
        made[f"{name} case"], made[name] = town.accepted(given, "I-Forløb")
        town.step(CONSULTANT, "referral", "referrals", made[name], "start", {"effective_date": AGO})
        for action in on:
            town.step(CONSULTANT, "referral", "referrals", made[name], action, {"hold": {"reason_code": "schedule", "by": "citizen", "resume_date": "2027-02-01"},
                                                                                "complete": {"outcome_code": "placed_ordinary"}}[action])
    _, made["waiting"] = town.referred("Pia", "På-Liste")
    town.step(CONSULTANT, "referral", "referrals", made["waiting"], "waitlist", {"expected_date": "2027-01-10"})
    _, made["declined"] = town.referred("Nils", "Nej")
    town.step(CONSULTANT, "referral", "referrals", made["declined"], "decline", {"reason_code": "no_capacity"})
    case = made["accepted case"]
    talk = {"case_id": case, "place": "Rådhuset, lokale 2", "form": "office", "participants": [{"kind": "spouse"}, {"kind": "teacher"}], "effective_date": AGO}
    made["intake"] = town.post(CONSULTANT, "referral", "/intakes", {**talk, "scheduled_at": "2026-12-10T10:00:00+01:00"}).id
    made["held talk"] = town.post(CONSULTANT, "referral", "/intakes", {**talk, "scheduled_at": f"{AGO}T10:00:00+02:00"}).id
    town.step(CONSULTANT, "referral", "intakes", made["held talk"], "hold", {"attended": ["spouse"], "wishes": ["køkken"], "competences": ["syning"], "barriers": ["pasning"]})
    made["assessment"] = town.post(CONSULTANT, "referral", "/assessments", {"case_id": case, **PROFILE}).id
    made["confirmed"] = town.post(CONSULTANT, "referral", "/assessments", {"case_id": made["started case"], **PROFILE}).id
    town.step(CONSULTANT, "referral", "assessments", made["confirmed"], "confirm", {"start_step": "internship", "reason": "Vil gerne prøve først"})
    made["offered"] = town.post(CONSULTANT, "referral", "/refusals", {"case_id": case, "what": "internship", "offered_by": "mehmet"}).id
    made["refused"] = town.post(CONSULTANT, "referral", "/refusals", {"case_id": made["started case"], "what": "internship", "offered_by": "mehmet"}).id
    town.step(CONSULTANT, "referral", "refusals", made["refused"], "guide", {"guided_on": DAY})
    town.step(CONSULTANT, "referral", "refusals", made["refused"], "refuse", {"words": "Nej tak"})
    made["back case"], _ = town.accepted("Rita", "Retur")
    town.post(CONSULTANT, "referral", f"/cases/{made['back case']}/return", {"reason": "moved_away", "present_state": "moved_away"})
    made["return"] = _things(town, made["back case"])["return"]
    town.post(CASEWORKER, "referral", f"/cases/{made['alone']}/household", {"other_case_id": made["accepted case"], "relation": "spouse"})
    made["list"] = town.post(CASEWORKER, "referral", "/referral-lists", raw=LIST, content_type="text/csv").id


def _things(town: People, case: str) -> dict[str, str]:
    found = town.world.referral(CONSULTANT).get(f"/cases/{case}/things").json["items"]
    return {one["resource"]: one["id"] for one in found}


def _matching(town: People) -> None:
    def do(id: str, action: str, body: dict[str, Any]) -> str:
        return town.step(CONSULTANT, "matching", "matches", id, action, body)

    made, bakery, garage = town.made, town.opening("Bageri Nærby"), town.opening("Autoværkstedet", "ordinary_job", places=9)
    made["opening"], made["job"] = bakery, garage
    cases = {name: town.accepted(name, "Matchet")[0] for name in ("Mona", "Nora", "Olga", "Paula", "Ditte", "Gerda", "Greta")}
    town.world.settle()
    made["proposed"] = town.matched(cases["Mona"], bakery)
    made["presented"] = do(town.matched(cases["Nora"], bakery), "present", {"citizen_yes_on": DAY, "presentation_id": "sag-1"})
    made["interview"] = do(town.matched(cases["Olga"], bakery), "present", {"citizen_yes_on": DAY, "presentation_id": "sag-2"})
    do(made["interview"], "book_interview", {"scheduled_at": "2026-12-02T09:30:00+01:00", "place": "Torvet 1", "companions": ["consultant"], "interpreter": True})
    made["turned down"] = do(town.matched(cases["Paula"], bakery), "decline", {"by": "employer", "reason_code": "language_level"})
    made["agreement"] = town.drafted_agreement(cases["Ditte"], garage)
    for name, who in (("awaiting", "Gerda"), ("granted", "Greta")):
        made[name] = town.drafted_agreement(cases[who], bakery)
        town.step(CONSULTANT, "matching", "agreements", made[name], "request_grant", asking())
    town.step(CASEWORKER, "matching", "agreements", made["granted"], "grant", {"decided_on": DAY, "basis": "LAB"})
    made["matched case"], made["agreeing case"] = cases["Olga"], cases["Greta"]


def _followup(town: People) -> None:
    def do(id: str, action: str, body: dict[str, Any]) -> str:
        return town.step(CONSULTANT, "followup", "placements", id, action, body)

    made, job = town.made, town.opening("Kantinen", "ordinary_job", places=9)
    cases = {name: town.accepted(name, "I-Arbejde")[0] for name in ("Petra", "Petronella", "Perle", "Pernille")}
    town.world.settle()
    agreed = {name: town.concluded(case, job) for name, case in cases.items()}
    made["concluded"] = agreed["Petra"]
    place = {name: town.placement(agreement) for name, agreement in agreed.items()}
    made["planned"], made["active"] = place["Petra"], do(place["Petronella"], "start", {})
    made["paused"] = do(do(place["Perle"], "start", {}), "pause", {"reason": "Ferie", "expected_on": "2026-12-07"})
    made["ended"] = do(do(place["Pernille"], "start", {}), "end", {"how": "completed"})
    made["course"] = cases["Petronella"]
    mine = {"case_id": cases["Petronella"]}
    made["duty"] = town.post(CONSULTANT, "followup", "/duties", {**mine, "kind": "next_action", "due_on": DAY, "text": "Aflever nøglen"}).id
    late = town.post(CONSULTANT, "followup", "/duties", {**mine, "kind": "next_action", "due_on": AGO, "effective_date": AGO, "text": "Ring til skolen"}).id
    made["done"] = town.step(CONSULTANT, "followup", "duties", late, "done", {"note": "Ringet"})
    town.post(CONSULTANT, "followup", "/contacts", {**mine, **CONTACT, "placement_id": made["active"], "next_action": "Ring igen", "next_due": LATER})


def _partners(town: People) -> None:
    made, case = town.made, town.made["started case"]
    made["school"], made["union"] = town.partner("Hytten Sprogskole", "language_school", **CARD), town.partner("Fagforbundet", "union")
    town.key, town.other_key = town.key_of(made["school"]), town.key_of(made["union"])
    made["key"] = town.world.partners(COORDINATOR).get("/keys", owner=made["school"]).json["items"][0]["id"]
    made["cooperation"] = town.post(COORDINATOR, "partners", "/cooperations", {"partner_id": made["school"], **TERMS, "effective_date": AGO}).id
    town.post(COORDINATOR, "partners", f"/cooperations/{made['cooperation']}/change", {**TERMS, "duties": "Svarer inden for en uge", "effective_date": "2026-10-12"})
    town.post(town.key, "partners", "/my/capacity", {"state": "has_capacity", "places": 3})
    output = {"decision": "answered", "text": "Modul 3, kommer hver dag"}
    ack: tuple[str, str, dict[str, Any]] = ("partner", "acknowledge", {})
    made["unsent"] = town.asked(made["school"], "statement", case)
    made["requested"] = town.requested(made["school"], case)
    made["acknowledged"] = town.requested(made["school"], case, ack)
    made["question"] = town.requested(made["school"], case, ("partner", "request_info", {"question": "Hvornår?"}))
    made["offer"] = town.requested(made["school"], case, ack, ("partner", "offer", {"valid_until": "2026-12-20"}))
    made["agreed"] = town.requested(made["school"], case, ack, ("partner", "agree", {}))
    made["in progress"] = town.requested(made["school"], case, ack, ("partner", "agree", {}), ("partner", "start", {}))
    made["delivered"] = town.requested(made["school"], case, ack, ("partner", "agree", {}), ("partner", "start", {}), ("partner", "deliver", {"output": output}))
    made["opinion"] = town.requested(made["union"], case, request_type="opinion")
    talk = {"case_id": made["alone"], "place": "Rådhuset, lokale 2", "form": "office", "participants": [{"kind": "teacher"}], "scheduled_at": "2026-12-11T10:00:00+01:00"}
    town.post(CASEWORKER, "referral", "/intakes", talk)
    town.world.settle()
    made["notice"] = next(iter(town.world.partners(COORDINATOR).get("/notices").json["items"]), {}).get("id", "")


def trouble(world: World, service: str = "referral") -> None:
    """What an operator has to see to: bytes that are no event, on a topic that the service hears."""
    producer = world.bus.producer("matching")
    try:
        assert producer.send([Record(TOPICS["matching"], b"nobody", b"no event at all")]) == [None]
    finally:
        producer.close()
    world.consume([service])
