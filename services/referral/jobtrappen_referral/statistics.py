# SPDX-License-Identifier: MPL-2.0
"""The optional statistic of nationality and country of family origin (F-056): a plugin of its own, off by default
(allow it with JOBTRAPPEN_PLUGINS=…,origin_statistic), its own table, readable as aggregates alone.
"""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from jobtrappen import plugins
from jobtrappen.tx import Tx
from jobtrappen.web.reports import Report
from jobtrappen_referral import queries

COUNTRIES = {
    "AF": "Afghanistan", "AZ": "Aserbajdsjan", "BA": "Bosnien", "BI": "Burundi", "DK": "Danmark", "CI": "Elfan (Elfenbenskysten)", "IQ": "Irak",
    "YUCS": "Jugoslavien", "LB": "Libanon", "MA": "Marokko", "PK": "Pakistan", "RW": "Rwanda", "SO": "Somalia", "LK": "Sri Lanka", "XXA": "Statsløs",
    "SY": "Syrien", "TN": "Tunesien", "TR": "Tyrkiet", "US": "USA", "VN": "Vietnam", "ZW": "Zimbabwe",
}
"""ISO 3166, with YUCS (ISO 3166-3) for a former country and XXA for stateless; the printed names of 2004 (F-203)."""


LEAST, FEW = 5, {"few": "Under 5 fra hvert land"}


@dataclass(frozen=True)
class Statistic:
    """A statistic kept apart from the case. `fields` are what may be given for a person; nothing reads them singly."""

    name: str
    title: str
    fields: tuple[str, ...]


def table_3(tx: Tx, as_of: date) -> dict[str, int]:
    """Adults in contact, by nationality."""
    adults = queries.by_track(tx, "adult") & queries.in_contact(tx, as_of)
    return _count(tx, adults, "nationality")


def table_4(tx: Tx, as_of: date) -> dict[str, int]:
    """Youths in leisure jobs, by country of family origin. A returned youth has left the job of the project."""
    gone = {case for case, (state, _reason) in queries.latest_of_cases(tx, as_of).items() if state == "returned"}
    return _count(tx, (queries.by_track(tx, "youth") & queries.in_measure(tx, "leisure_job", as_of)) - gone, "family_origin")


def _count(tx: Tx, cases: set[Any], field: str) -> dict[str, int]:
    known, counts = queries.origins(tx), {}
    for case in cases:
        code = getattr(known[case], field) if case in known else "not_told"
        counts[code] = counts.get(code, 0) + 1
    return counts if tx.runtime.settings.demo else coarse(counts)


def coarse(counts: dict[str, int]) -> dict[str, int]:
    """Cells below five go into one, with as many of the next as it takes that the one cannot be told from the total; what stays
    below five altogether is left out. The demo's people are fictional, and its tables are printed whole."""
    rising = sorted(counts, key=lambda code: (counts[code], code))
    small = [code for code in rising if counts[code] < LEAST]
    if not small:
        return counts
    while len(small) < len(rising) and (len(small) < 2 or sum(counts[code] for code in small) < LEAST):
        small.append(rising[len(small)])
    few = sum(counts[code] for code in small)
    return {code: n for code, n in counts.items() if code not in small} | ({"few": few} if few >= LEAST else {})


@plugins.hookimpl
def statistic() -> list[Statistic]:
    return [Statistic("origin", "Nationalitet og oprindelsesland", ("nationality", "family_origin", "born_abroad"))]


@plugins.hookimpl
def report() -> list[Report]:
    return [
        Report("table-3", "referral", "Tabel 3. Borgere i kontakt med projektet, efter nationalitet, unge under 18 år fraregnet", {**COUNTRIES, **FEW}, table_3,
               note="Dato ikke trykt i rapporten (d. xx/xx 2004); 15. marts 2004 antaget.", sort=True),
        Report("table-4", "referral", "Tabel 4. Unge i fritidsjob, efter etnisk oprindelse", {**COUNTRIES, **FEW, "CI": "Elfenbenskysten", "XXA": "Statsløse"}, table_4, sort=True),
    ]


def enabled() -> bool:
    """Whether the operator allowed this statistic."""
    return any(s.name == "origin" for found in plugins.ask("statistic", lambda a: isinstance(a, list)) for s in found)
