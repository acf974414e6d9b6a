# SPDX-License-Identifier: MPL-2.0
"""The words that this service takes, dated where the law dates them. Historical ones stay, because history is loaded.

Sources: JEX (2004 categories, F-034), domain rules 1.1, 1.2 and 1.10 (target groups, benefits).
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from jobtrappen.errors import Invalid


@dataclass(frozen=True)
class Dated:
    """A code, its Danish name, and the days on which it may be given (`until` exclusive, None while in force)."""

    code: str
    danish: str
    since: date
    until: date | None
    source: str


def _d(code: str, danish: str, since: str, until: str | None, source: str) -> Dated:
    return Dated(code, danish, date.fromisoformat(since), date.fromisoformat(until) if until else None, source)


CODE_SETS: dict[str, tuple[Dated, ...]] = {
    "benefit": (
        _d("cash_benefit", "kontanthjælp", "1976-04-01", None, "Lov om aktiv socialpolitik"),
        _d("introduction_benefit", "introduktionsydelse", "1999-01-01", "2012-01-01", "Integrationsloven"),
        _d("starthjaelp", "starthjælp", "2002-07-01", "2012-01-01", "Lov om aktiv socialpolitik"),
        _d("unemployment_benefit", "arbejdsløshedsdagpenge", "1970-04-01", None, "Lov om arbejdsløshedsforsikring"),
        _d("sickness_benefit", "sygedagpenge", "1973-04-01", None, "Lov om sygedagpenge"),
        _d("integration_benefit", "integrationsydelse", "2015-09-01", "2020-01-01", "Lov om aktiv socialpolitik"),
        _d("sho_benefit", "selvforsørgelses- og hjemrejseydelse", "2020-01-01", "2025-07-01", "Lov om aktiv socialpolitik"),
        _d("education_benefit", "uddannelseshjælp", "2014-01-01", "2025-07-01", "Lov om aktiv socialpolitik"),
        _d("flexjob_benefit", "ledighedsydelse", "1998-07-01", None, "Lov om aktiv socialpolitik"),
        _d("none", "ingen ydelse (selvforsørgende)", "1900-01-01", None, "F-005, F-023"),
    ),
    "target_group": (
        _d("cash_benefit_recipient", "kontanthjælpsmodtager", "1976-04-01", None, "JEX; LAB § 6"),
        _d("introduction_programme", "i introduktionsprogram", "1999-01-01", None, "Integrationsloven"),
        _d("insured_unemployed", "dagpengemodtager", "1970-04-01", None, "LAB § 6 nr. 1"),
        _d("self_supporting", "selvforsørgende", "1900-01-01", None, "LAB § 6 nr. 12; F-057"),
        _d("youth_under_18", "unge under 18", "1900-01-01", None, "LAB § 6 nr. 13; F-055"),
        _d("accompanying_spouse", "medfølgende ægtefælle", "1900-01-01", None, "F-023"),
        _d("sick", "sygemeldt", "1973-04-01", None, "LAB § 6 nr. 6"),
    ),
    "readiness": (
        _d("ready", "umiddelbart arbejdsmarkedsparat", "2000-01-01", "2010-01-01", "JEX 2004 (F-034)"),
        _d("ready_with_upskilling", "parat med mindre opkvalificering", "2000-01-01", "2010-01-01", "JEX 2004 (F-034)"),
        _d("not_ready", "ikke umiddelbart parat", "2000-01-01", "2010-01-01", "JEX 2004 (F-034)"),
        _d("job_ready", "jobparat", "2010-01-01", None, "LAB § 6 nr. 2"),
        _d("activity_ready", "aktivitetsparat", "2010-01-01", None, "LAB § 6 nr. 3"),
    ),
}
ALL_CODES = {name: tuple(one.code for one in codes) for name, codes in CODE_SETS.items()}

RETURN_REASONS = {
    # reason: class said on the bus; the code itself may tell of health, so it stays here
    "refuses_offers": "refused", "moved_away": "moved", "on_sick_leave": "other", "pregnant": "other", "under_clarification": "other",
    "proposed_for_early_retirement_pension": "other",
}
PRESENT_STATES = ("with_caseworker", "no_transfer_income", "under_clarification", "on_sick_leave", "on_leave", "moved_away", "in_work", "pension", "unknown")
REASONS = ("no_capacity", "not_eligible", "wrong_target", "language_level", "travel_distance", "schedule", "health", "childcare", "missing_information",
           "cannot_reach_person", "person_declined", "person_no_show", "found_work_self", "moved_municipality", "duplicate", "programme_closed", "other")
PURPOSES = ("job", "internship", "wage_subsidy", "ordinary", "preparation", "leisure_job")
BASES = ("lab", "integration_act", "social_services_act", "active_social_policy_act", "consent")
PARTICIPANTS = ("spouse", "teacher", "caseworker", "interpreter", "guardian", "consultant", "other")
FORMS = ("office", "home", "phone", "digital")
START_STEPS = ("activation", "internship", "wage_subsidy", "ordinary_job", "leisure_job", "education")


def require_code(code_set: str, code: str, on: date) -> None:
    """The code exists and may be given on that day.

    Raises:
        Invalid: names the field, and the codes of that day.
    """
    valid = [d.code for d in CODE_SETS[code_set] if d.since <= on and (d.until is None or on < d.until)]
    if code not in valid:
        raise Invalid(code_set, f"{code!r} is not a code of {on}; then there are {', '.join(valid)}")
