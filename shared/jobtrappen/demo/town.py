# SPDX-License-Identifier: MPL-2.0
"""The town that a cohort lives in: employers with workplaces and openings, partners with their keys, the uploaded list."""
from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from jobtrappen.demo.client import Session, Thing
from jobtrappen.demo.life import ACTIVATION, Person, Placement, Referral
from jobtrappen.demo.people import Employer

CASEWORKER, CONSULTANT, LEAD, COORDINATOR = "karen", "mehmet", "lone", "pia"
LOG_INS = [CASEWORKER, CONSULTANT, LEAD, COORDINATOR, "admin"]
READINESS = {1: "ready", 2: "ready_with_upskilling", 3: "not_ready"}
TARGET = {"cash_benefit": "cash_benefit_recipient", "starthjaelp": "cash_benefit_recipient", "introduction_benefit": "introduction_programme",
          "unemployment_benefit": "insured_unemployed", "none": "self_supporting", None: "youth_under_18"}
THREADS = 12
MATCHED = frozenset({"ordinary_job", "wage_subsidy", "internship", "leisure_job"})
"""Measures that are found by matching a citizen and an opening; a school place is agreed without one."""


@dataclass
class Town:
    """What the cohort shares: employers' workplaces and openings, partners, the uploaded list."""

    workplaces: dict[int, str] = field(default_factory=dict)
    openings: dict[int, str] = field(default_factory=dict)
    list_rows: dict[tuple[str, str], Thing] = field(default_factory=dict)


def build_town(session: Session, cohort: Sequence[Person], employers: Sequence[Employer], threads: int = THREADS) -> Town:
    """Employers with their workplaces and openings, the partners with their keys, and the list of candidates."""
    town = Town()
    used = sorted({f.employer for p in cohort for f in p.facts if isinstance(f, Placement) and f.measure != ACTIVATION})
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda index: _employer(session, town, employers[index], _wanted(cohort, index)), used))
    _partners(session)
    listed = [p for p in cohort if _first_referral(p).source == "csv_list"]
    if listed:
        lines = [f"{p.given_name};{p.family_name};{p.cpr};{p.benefit or 'none'};{TARGET[p.benefit]};{READINESS.get(p.readiness or 0, '')}" for p in listed]
        body = "\n".join(["given_name;family_name;cpr;benefit;target_group;readiness", *lines]).encode()
        made = session.post(CASEWORKER, "referral", "/referral-lists", body, name="list", content_type="text/csv")
        rows = session.get(CASEWORKER, "referral", f"/referral-lists/{made.id}/rows")["items"]
        town.list_rows = {(r["row"]["given_name"], r["row"]["family_name"]): Thing(r, f'"{r["version"]}"') for r in rows}
    return town


def _first_referral(person: Person) -> Referral:
    return next(f for f in person.facts if isinstance(f, Referral))


def _wanted(cohort: Sequence[Person], index: int) -> dict[str, int]:
    wanted: dict[str, int] = {}
    for fact in (f for p in cohort for f in p.facts if isinstance(f, Placement) and f.employer == index and f.measure in MATCHED):
        wanted[fact.measure] = wanted.get(fact.measure, 0) + 1
    return wanted


def _employer(session: Session, town: Town, employer: Employer, wanted: dict[str, int]) -> None:
    made = session.post(CONSULTANT, "matching", "/employers", {"cvr": employer.cvr, "name": employer.name, "sector": "private"}, name="employer" + employer.cvr)
    place = session.post(CONSULTANT, "matching", f"/employers/{made.id}/workplaces", {
        "p_number": employer.p_number, "name": employer.name, "address": employer.address, "headcount": employer.employees, "responsible": CONSULTANT}, name="workplace", on=made)
    town.workplaces[employer.index] = place.id
    if wanted:
        opening = session.post(CONSULTANT, "matching", "/openings", {
            "workplace_id": place.id, "source": "pre_agreement", "title": "Medarbejder", "weekly_hours": 37,
            "places": [{"measure": m, "places": n} for m, n in sorted(wanted.items())], "effective_date": "2003-09-01"}, name="opening" + employer.cvr)
        town.openings[employer.index] = opening.id


PARTNERS = (
    ("AF Høje Taastrup", "other_authority", "Arbejdsløshedsforsikrede", "Bevilling af praktik og løntilskud", "Fællesmøder, trepartssamtaler"),
    ("Hytten", "language_school", "Danskundervisning", "Kendskab til elevernes sprog og motivation", "Formel samarbejdsaftale"),
    ("Forening af aktive tyrkiske kvinder", "association", "Netværk", "Rollemodeller", "Informationsmøder"),
    ("SID", "union", "Forsikrede ledige", "Overenskomst og a-kasse", "Fællesmøder"),
)


def _partners(session: Session) -> None:
    """The four rows of the partner table (F-160), a cooperation agreement, and AF's own key."""
    for name, kind, area, competences, form in PARTNERS:
        made = session.post(COORDINATOR, "partners", "/partners", {
            "name": name, "kind": kind, "purpose": "Flere i ordinært job", "area": area, "competences": competences, "form": form}, name=name)
        session.post(COORDINATOR, "partners", "/cooperations", {
            "partner_id": made.id, "duties": "Svarer på henvendelser", "procedures": "Direkte kontakt", "contacts": "Kontor",
            "lead_times": [{"procedure": "grant", "days": 14}], "review_on": "2004-12-01"}, name=name)
        if kind == "other_authority":
            key = session.post(COORDINATOR, "partners", f"/partners/{made.id}/keys", {"scopes": ["requests"]}, name="key", on=made)
            session.tokens["af"] = key.document["key"]
