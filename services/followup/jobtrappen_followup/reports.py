# SPDX-License-Identifier: MPL-2.0
"""Tables 1, 2 and 5 and the target board, computed from what was recorded, as of the end of any day (F-201, F-202, F-205)."""
from __future__ import annotations

import json
from collections import Counter
from datetime import date
from importlib.resources import files
from typing import Any

from jobtrappen.tx import Tx
from jobtrappen.web.reports import Report
from jobtrappen_followup import queries

STATUS = {
    "ordinary_job": "Job", "wage_subsidy": "Løntilskud", "wage_subsidy_extended": "Løntilskud forlænget",
    "internship_extended": "Virksomhedspraktik forlænget", "leisure_job": "Fritidsjob", "activation_project_EUC": "EUC (aktiveringsprojekter)",
    "education": "Uddannelse", "other": "Andet", "returned": "Retur",
}
UNPRINTED = {"internship": "Virksomhedspraktik", "self_employment": "Selvstændig virksomhed", "flexjob": "Fleksjob", "not_placed": "Ikke placeret"}
"""Rows that the report of 2004 does not have: printed when they are not zero, so that every cohort sums."""
BACK = {"refuses_offers": "Nægter at tage imod tilbud", "illness_pregnancy_clarification_etc": "Sygdom, graviditet, afklaring mv."}
PATHS = {
    "via_internship_and_wage_subsidy": "Via løntilskud og virksomhedspraktik", "via_wage_subsidy_alone": "Via løntilskud alene",
    "straight_after_internship": "Straks efter virksomhedspraktik", "directly": "Direkte",
}
PATH_OF = {
    (True, True): "via_internship_and_wage_subsidy", (False, True): "via_wage_subsidy_alone",
    (True, False): "straight_after_internship", (False, False): "directly",
}
"""(had an internship, had a wage subsidy): the row."""


def status(row: Any) -> str:
    """The row of table 1 for one who stands there."""
    if row.state == "returned":
        return "returned" if row.return_class == "refused" else "other"
    if row.measure in ("wage_subsidy", "internship") and row.extended:
        return f"{row.measure}_extended"
    return {None: "not_placed", "activation": "activation_project_EUC"}.get(row.measure, row.measure)


def table_1(tx: Tx, as_of: date) -> dict[str, int]:
    return dict(Counter(status(row) for row in queries.standing(tx, as_of)))


def table_2(tx: Tx, as_of: date) -> dict[str, int]:
    """Who is back, by the class of the latest return."""
    classes = Counter(row.return_class == "refused" for row in queries.standing(tx, as_of) if row.state == "returned")
    return {"refuses_offers": classes[True], "illness_pregnancy_clarification_etc": classes[False]}


def table_5(tx: Tx, as_of: date) -> dict[str, int]:
    """Those in an ordinary job, by what they have had since their first referral; activation is left out of it."""
    had = queries.had(tx, ("internship", "wage_subsidy"), as_of)
    in_jobs = [row.case_id for row in queries.standing(tx, as_of) if status(row) == "ordinary_job"]
    return dict(Counter(PATH_OF[one in had["internship"], one in had["wage_subsidy"]] for one in in_jobs))


def targets() -> list[dict[str, Any]]:
    """The project's targets, as data with their source."""
    return json.loads(files(__package__).joinpath("targets.json").read_text(encoding="utf-8"))


def target_board(tx: Tx, as_of: date) -> dict[str, int]:
    """How many stand where the project wants them. Which benefit an adult had before is not known to this service."""
    standing = [row for row in queries.standing(tx, as_of) if row.state == "open"]
    return {one["key"]: sum(row.track == one["track"] and row.measure in one["measures"] for row in standing) for one in targets()}


def reports() -> list[Report]:
    """What the hook answers."""
    goals = targets()
    aims = {one["key"]: f"{one['danish']} (mål {one['target']})" for one in goals}
    aimed_at = {one["key"]: tuple(("table-1", measure) for measure in one["measures"]) for one in goals}
    return [
        Report("table-1", "followup", "Tabel 1. Status", {**STATUS, **UNPRINTED}, table_1, when_any=frozenset(UNPRINTED),
               note="Kommunal aktivering tæller ikke som et tilbud."),
        Report("table-2", "followup", "Tabel 2. Tilbage til kontanthjælpssystemet", BACK, table_2, made_of={"refuses_offers": (("table-1", "returned"),), "illness_pregnancy_clarification_etc": (("table-1", "other"),)}),
        Report("table-5", "followup", "Tabel 5. Trin på vejen til ordinært job", PATHS, table_5, made_of={"total": (("table-1", "ordinary_job"),)}),
        Report("target-board", "followup", "Mål og status", aims, target_board, note="; ".join(one["source"] for one in goals),
               made_of=aimed_at, aims={one["key"]: one["target"] for one in goals}),
    ]
