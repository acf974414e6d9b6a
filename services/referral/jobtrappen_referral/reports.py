# SPDX-License-Identifier: MPL-2.0
"""Table 6: who is back with the caseworker, by the reason of the latest return (F-206)."""
from __future__ import annotations

from collections import Counter
from datetime import date

from jobtrappen.tx import Tx
from jobtrappen.web.reports import Report
from jobtrappen_referral import queries

LABELS = {
    "refuses_offers": "Nægter at tage imod tilbud", "on_sick_leave": "Sygemeldt", "proposed_for_early_retirement_pension": "Indstillet til førtidspension",
    "under_clarification": "Under afklaring", "moved_away": "Flyttet", "pregnant": "Gravid",
}


def table_6(tx: Tx, as_of: date) -> dict[str, int]:
    """Returned cases at the end of the day; their present state never moves them."""
    return dict(Counter(reason for state, reason in queries.latest_of_cases(tx, as_of).values() if state == "returned" and reason))


REPORTS = [Report("table-6", "referral", "Tabel 6. Tilbage til sagsbehandler", LABELS, table_6)]
