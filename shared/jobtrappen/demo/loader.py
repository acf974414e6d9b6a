# SPDX-License-Identifier: MPL-2.0
"""Loads a cohort through the public APIs, each act by the role that may do it, on the day it happened.

No command takes a report category or imports a course: what the tables count comes out of agreements, starts,
extensions and returns, and one service hears of another's by event.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date, timedelta
from typing import Any

from jobtrappen.demo.client import Session, Thing
from jobtrappen.demo.life import ACTIVATION, GRANTED, IntakeTalk, Moment, Person, Placement, Referral, moments
from jobtrappen.demo.people import Employer
from jobtrappen.demo.town import CASEWORKER, CONSULTANT, LOG_INS, MATCHED, READINESS, TARGET, THREADS, Town, build_town

REASONS = {"sick_leave": "on_sick_leave", "early_retirement_pension": "proposed_for_early_retirement_pension"}
EDUCATION = {"primary": "basic"}
DUTIES = {"employer": "Oplæring", "consultant": "Ugentlig kontakt"}


def load(session: Session, cohort: Sequence[Person], employers: Sequence[Employer], done: Callable[[], None] = lambda: None) -> None:
    """Load the town, then everybody's life, several at a time.

    Args:
        done: called after each person, for a progress bar.
    Raises:
        DemoFailed: a command was answered with an error; the first one.
    """
    town = build_town(session, cohort, employers)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="loader") as pool:
        lives = [pool.submit(Life(session, town, person).live) for person in cohort]
        try:
            for one in as_completed(lives):
                one.result()
                done()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class Life:
    """One person's life, act by act; a dispatch on the plan's moments."""

    def __init__(self, session: Session, town: Town, person: Person) -> None:
        self.session, self.town, self.person = session, town, person
        self.case: Thing | None = None
        self.referral: Thing | None = None
        self.things: dict[int, Thing] = {}
        self.number = 0

    def live(self) -> None:
        """Do everything that this person's plan says, in its order."""
        for number, moment in enumerate(moments(self.person)):
            self.number = number
            getattr(self, moment.action.replace(".", "_"))(moment, moment.fact, moment.day)

    def _post(self, who: str, service: str, path: str, body: dict[str, Any], day: date, on: Thing | None = None, name: str = "") -> Thing:
        made = self.session.post(who, service, path, {**body, "effective_date": day.isoformat()}, on=on, name=f"{self.person.number}:{self.number}:{name}")
        if on is not None and made.document.get("id") == on.document.get("id"):
            on.now(made)
        return made

    @property
    def case_id(self) -> str:
        assert self.case is not None
        return self.case.id

    # --- referral -------------------------------------------------------------------------------------------------
    def _open_case(self, day: date, track: str) -> None:
        person = self.person
        codes = {"benefit": person.benefit, "target_group": TARGET[person.benefit], "readiness": READINESS.get(person.readiness or 0)}
        self.case = self._post(CONSULTANT if track == "youth" else CASEWORKER, "referral", "/cases", {
            "given_name": person.given_name, "family_name": person.family_name, "cpr": person.cpr, "phone": person.phone, "email": person.email,
            "address": person.address, "track": track, "language_school": person.language_school, **{k: v for k, v in codes.items() if v}}, day, name="case")
        self._tell_origin(day)

    def _tell_origin(self, day: date) -> None:
        person = self.person
        self._post(CASEWORKER, "referral", f"/cases/{self.case_id}/statistics/origin", {
            "nationality": person.nationality, "family_origin": person.family_origin, "born_abroad": person.birth_country != "DK"}, day, on=self.case, name="origin")

    def referral_send(self, _moment: Moment, fact: Referral, day: date) -> None:
        row = self.town.list_rows.get((self.person.given_name, self.person.family_name))
        if self.case is None and fact.source == "csv_list" and row is not None:
            if fact.cleared is None:
                self._screen(row, day)
            return
        if self.case is None:
            self._open_case(day, fact.track)
        source = "form" if fact.source == "csv_list" else fact.source
        body: dict[str, Any] = {"case_id": self.case_id, "track": fact.track, "source": source}
        if source == "self_referral":
            body |= {"route_to": "lokalcenter", "purpose": "leisure_job" if fact.track == "youth" else "job"}
        if fact.guardian_consent:
            body["guardian_consent_on"] = fact.guardian_consent.isoformat()
        self.referral = self._post(CONSULTANT if source == "self_referral" else CASEWORKER, "referral", "/referrals", body, day)
        if fact.cleared is None and self.referral.document["status"] == "draft":
            self._send(day)

    def _screen(self, row: Thing, day: date) -> None:
        """A caseworker decides on the row of the list; that opens the case and sends the referral."""
        decided = self._post(CASEWORKER, "referral", f"/list-rows/{row.id}/screen", {"decision": "refer"}, day, on=row)
        person = self.person
        self.case = Thing({"id": decided.document["case_id"]}, '"1"')
        self.referral = Thing({"id": decided.document["referral_id"], "status": "sent"}, '"2"')
        self._post(CASEWORKER, "referral", f"/cases/{self.case_id}/person", {"phone": person.phone, "email": person.email, "address": person.address,
                                                                             "language_school": person.language_school}, day, on=self.case, name="person")
        self._tell_origin(day)

    def _send(self, day: date) -> None:
        self._post(CASEWORKER, "referral", f"/referrals/{self._referral.id}/send", {
            "target_unit": "jobkonsulenterne", "purpose": "job", "legal_basis": "lab"}, day, on=self._referral, name="send")

    @property
    def _referral(self) -> Thing:
        assert self.referral is not None
        return self.referral

    def referral_guardian_consent(self, _moment: Moment, _fact: Referral, _day: date) -> None:
        """Given with the referral itself."""

    def referral_clear(self, _moment: Moment, fact: Referral, day: date) -> None:
        row = self.town.list_rows.get((self.person.given_name, self.person.family_name))
        if self.case is None and row is not None:
            self._screen(row, day)
        elif self._referral.document["status"] == "draft":
            self._send(day)

    def referral_accept(self, _moment: Moment, _fact: Referral, day: date) -> None:
        self._post(CONSULTANT, "referral", f"/referrals/{self._referral.id}/accept", {
            "responsible": CONSULTANT, "planned_start": (day + timedelta(days=7)).isoformat()}, day, on=self._referral)

    def intake_book(self, _moment: Moment, fact: IntakeTalk, day: date) -> None:
        held = fact.held or day + timedelta(days=7)
        form = fact.place if fact.place in ("office", "home", "phone") else "office"
        kinds = [{"kind": k} for k in fact.participants] or [{"kind": "consultant"}]
        self.things[id(fact)] = self._post(CONSULTANT, "referral", "/intakes", {
            "case_id": self.case_id, "scheduled_at": f"{held.isoformat()}T10:00:00+01:00", "place": "Taastrupgård", "form": form, "participants": kinds}, day)

    def intake_hold(self, _moment: Moment, fact: IntakeTalk, day: date) -> None:
        activates = any(isinstance(f, Placement) and f.measure == ACTIVATION and f.start == day for f in self.person.facts)
        talk = self.things[id(fact)]
        self._post(CONSULTANT, "referral", f"/intakes/{talk.id}/hold", {
            "attended": list(fact.participants) or ["consultant"], "wishes": [fact.wishes or "–"], "competences": [fact.competences or "–"],
            "barriers": [fact.barriers or "–"], "activation": activates}, day, on=talk)

    def assessment_confirm(self, _moment: Moment, fact: Any, day: date) -> None:
        made = self._post(CONSULTANT, "referral", "/assessments", {
            "case_id": self.case_id, "education": EDUCATION.get(fact.education, fact.education), "experience_years": fact.experience_years,
            "stable_attendance": fact.attendance, "months_away": fact.months_away, "limits": [fact.physical_limits] if fact.physical_limits else []}, day)
        self._post(CONSULTANT, "referral", f"/assessments/{made.id}/confirm", {"start_step": fact.start_step, "reason": "Aftalt med borgeren"}, day, on=made, name="confirm")

    def refusal_offered(self, _moment: Moment, fact: Any, day: date) -> None:
        self.things[id(fact)] = self._post(CONSULTANT, "referral", "/refusals", {"case_id": self.case_id, "what": fact.measure, "offered_by": CONSULTANT}, day)

    def refusal_guided(self, _moment: Moment, fact: Any, day: date) -> None:
        self._refusal(CONSULTANT, fact, "guide", {"guided_on": day.isoformat()}, day)

    def refusal_refused(self, _moment: Moment, fact: Any, day: date) -> None:
        self._refusal(CONSULTANT, fact, "refuse", {"words": fact.words or "–"}, day)

    def refusal_acknowledged(self, _moment: Moment, fact: Any, day: date) -> None:
        self._refusal(CASEWORKER, fact, "acknowledge", {}, day)

    def _refusal(self, who: str, fact: Any, action: str, body: dict[str, Any], day: date) -> None:
        refusal = self.things[id(fact)]
        self._post(who, "referral", f"/refusals/{refusal.id}/{action}", body, day, on=refusal)

    def case_return(self, _moment: Moment, fact: Any, day: date) -> None:
        self._post(CONSULTANT, "referral", f"/cases/{self.case_id}/return", {
            "reason": REASONS.get(fact.reason, fact.reason), "present_state": fact.present_state, "documentation": fact.note or "–"}, day, on=self.case)

    # --- matching -------------------------------------------------------------------------------------------------
    def agreement_draft(self, _moment: Moment, fact: Placement, day: date) -> None:
        opening = self.town.openings.get(fact.employer)
        terms: dict[str, Any] = {"measure": fact.measure}
        if fact.measure not in GRANTED:
            terms |= {**self._terms(fact), "purpose": "Arbejde og indtægt", "long_term_goal": "Fast tilknytning", "responsibilities": DUTIES}
        if fact.measure in MATCHED and opening is not None:
            match = self._match(fact, opening, day)
            body = {"match_id": match.id, **terms}
        else:
            body = {"case_id": self.case_id, "workplace_id": self.town.workplaces[fact.employer], **terms}
        self.things[id(fact)] = self._post(CONSULTANT, "matching", "/agreements", body, day, name="draft")

    def _match(self, fact: Placement, opening: str, day: date) -> Thing:
        """Propose, present with the citizen's yes, and choose when both have said yes."""
        match = self._post(CONSULTANT, "matching", "/matches", {"case_id": self.case_id, "opening_id": opening, "measure": fact.measure, "reason": "Passer til ønskerne"}, day, name="propose")
        self._post(CONSULTANT, "matching", f"/matches/{match.id}/present", {"citizen_yes_on": day.isoformat(), "presentation_id": f"p{self.person.number}"}, day, on=match, name="present")
        self._post(CONSULTANT, "matching", f"/matches/{match.id}/choose", {
            "citizen_yes_on": day.isoformat(), "employer_yes_on": day.isoformat(), "reason_code": "fits_wishes"}, day, on=match, name="choose")
        return match

    def _terms(self, fact: Placement) -> dict[str, Any]:
        terms: dict[str, Any] = {"starts_on": fact.start.isoformat(), "weekly_hours": fact.hours}
        return terms | ({"ends_on": fact.planned_end.isoformat()} if fact.planned_end else {})

    def agreement_request_grant(self, _moment: Moment, fact: Placement, day: date) -> None:
        agreement = self.things[id(fact)]
        learns = {"learning_goals": "Kan følge et fast mødetidspunkt"} if fact.prospect == "clarification" else {}
        self._post(CONSULTANT, "matching", f"/agreements/{agreement.id}/request_grant", {**learns,
            "step": fact.measure, **self._terms(fact), "purpose": "Afprøve opgaver og få referencer", "long_term_goal": "Ordinært job",
            "responsibilities": DUTIES, "prospect": fact.prospect or "job_here"}, day, on=agreement)

    def agreement_grant(self, _moment: Moment, fact: Placement, day: date) -> None:
        agreement = self.things[id(fact)]
        if fact.grant_by == "af":
            self._af_grants(agreement, day)
        else:
            self._post(CASEWORKER, "matching", f"/agreements/{agreement.id}/grant", {"decided_on": day.isoformat(), "basis": "LAB"}, day, on=agreement)

    def _af_grants(self, agreement: Thing, day: date) -> None:
        """The other authority hears of the request by event, answers through its own endpoint, and matching hears that."""
        def asked() -> Any:
            items = self.session.get("af", "partners", "/my/requests", status="requested", limit=200)["items"]
            return next((i for i in items if i.get("agreement_id") == agreement.id), None)

        def granted() -> Any:
            found = self.session.get(CONSULTANT, "matching", f"/agreements/{agreement.id}")
            return found if found["status"] != "awaiting_grant" else None

        if granted() is None:
            found = self.session.wait_for("the grant request at AF", asked)
            request = Thing(found, f'"{found["version"]}"')
            self._post("af", "partners", f"/requests/{request.id}/agree", {}, day, on=request, name="agree")
            self._post("af", "partners", f"/requests/{request.id}/deliver", {
                "output": {"decision": "granted", "decided_on": day.isoformat(), "basis": "AF"}}, day, on=request, name="deliver")
            found = self.session.wait_for("AF's answer in matching", granted)
            agreement.etag = f'"{found["version"]}"'

    def agreement_conclude(self, _moment: Moment, fact: Placement, day: date) -> None:
        agreement = self.things[id(fact)]
        self._post(CONSULTANT, "matching", f"/agreements/{agreement.id}/conclude", {"citizen_yes_on": day.isoformat(), "employer_yes_on": day.isoformat()}, day, on=agreement)

    def placement_extend(self, moment: Moment, fact: Placement, day: date) -> None:
        agreement = self.things[id(fact)]
        grant = {"granted_on": day.isoformat(), "grant_basis": "LAB"} if fact.measure in GRANTED else {}
        self._post(CONSULTANT, "matching", f"/agreements/{agreement.id}/change", {
            "kind": "extend", "ends_on": moment.detail.isoformat(), "reason": "Særligt behov for mere tid", "citizen_statement": "Indforstået", **grant}, day, on=agreement)

    # --- followup -------------------------------------------------------------------------------------------------
    def placement_start(self, _moment: Moment, fact: Placement, day: date) -> None:
        if fact.measure == ACTIVATION:
            return  # followup opened it when it heard of the intake talk
        placement = self._placement(fact)
        body: dict[str, Any] = {"employer_confirmed_on": day.isoformat()}
        if fact.measure in ("wage_subsidy", "ordinary_job"):
            body["three_party_meeting_on"] = day.isoformat()
        self._post(CONSULTANT, "followup", f"/placements/{placement.id}/start", body, day, on=placement)

    def placement_end(self, moment: Moment, fact: Placement, day: date) -> None:
        placement = self._placement(fact)
        self._post(CONSULTANT, "followup", f"/placements/{placement.id}/end", {"how": moment.detail}, day, on=placement)

    def _placement(self, fact: Placement) -> Thing:
        """Followup's placement of an agreement (or the activation of a day), once it has heard of it."""
        agreement = self.things.get(id(fact))

        def heard() -> Any:
            found = self.session.get(CONSULTANT, "followup", "/placements", case_id=self.case_id, limit=200)
            for one in found["items"] if found else []:
                if agreement is not None and one.get("agreement_id") == agreement.id:
                    return one
                if agreement is None and one["measure"] == ACTIVATION and one.get("started_on") == fact.start.isoformat():
                    return one
            return None

        found = self.session.wait_for(f"a placement ({fact.measure})", heard)
        return Thing(found, f'"{found["version"]}"')


__all__ = ["CASEWORKER", "CONSULTANT", "LOG_INS", "Life", "Town", "build_town", "load"]
