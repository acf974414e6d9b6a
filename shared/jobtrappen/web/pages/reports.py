# SPDX-License-Identifier: MPL-2.0
"""The reports as pages: a day to choose, the table, and beside it a bar chart that the server draws (no script, no style in it)."""
from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import request, url_for

from jobtrappen.errors import NotFound
from jobtrappen.runtime import Runtime
from jobtrappen.web.api import Route
from jobtrappen.web.pages.site import Desk, Page

ROW, GAP, LEFT, WIDE, RIGHT = 26, 8, 300, 420, 60


def pages(runtime: Runtime, routes: Mapping[str, Route]) -> list[Page]:
    if "report" not in routes:
        return []
    who = runtime.service.rights.readers("report")
    return [Page("/reports", "reports", overview, who), Page("/reports/<string:name>", "report", one, who)]


def known(desk: Desk) -> dict[str, Any]:
    from jobtrappen.plugins import manager

    return {r.name: r for found in manager().hook.report() for r in found if r.service == desk.runtime.name}


def overview(desk: Desk) -> str:
    """Which reports this service computes."""
    return desk.show("reports.html", reports=list(known(desk).values()), today=desk.tx.today)


def one(desk: Desk, name: str) -> str:
    """A report as of the end of a day."""
    if name not in known(desk):
        raise NotFound("This service has no report of this name.")
    day = request.args.get("as_of", "")
    wrong = ""
    try:
        as_of = date.fromisoformat(day) if day else desk.tx.today
    except ValueError:
        as_of, wrong = desk.tx.today, "is not a day of the calendar"
    if as_of > desk.tx.today:
        as_of, wrong = desk.tx.today, f"lies in the future; today is {desk.tx.today}"
    document = desk.read("report", {"as_of": as_of.isoformat(), "format": "json"}, name=name)
    return desk.show("report.html", report=document, chart=chart(document["rows"]), as_of=as_of, today=desk.tx.today, wrong=wrong,
                     csv=url_for("GET.report", name=name, as_of=as_of.isoformat(), format="csv"), others=list(known(desk).values()))


def chart(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the bars of a table stand: {width, height, bars: [{y, length, label, value, hidden}]}. Pattern and number tell the same as
    the length, so that nothing hangs on colour."""
    numbers = [r["value"] for r in rows if isinstance(r["value"], int)]
    most = max(numbers, default=0) or 1
    bars = [{"y": n * (ROW + GAP), "length": round(WIDE * r["value"] / most, 1) if isinstance(r["value"], int) else 0, "label": r["label"], "value": r["value"]}
            for n, r in enumerate(rows)]
    return {"width": LEFT + WIDE + RIGHT, "height": max(1, len(rows)) * (ROW + GAP), "bars": bars, "row": ROW, "left": LEFT}
